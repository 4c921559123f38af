"""3.5 The fused training forward: right answers."""

from __future__ import annotations

from autograder.kernels import edited

BLOCK_SUM = r"""
// The sum of a value over all threads of the block, for every one of them
__device__ float block_sum(float value)
{
    __shared__ float of_warp[8];
    for (int d = 16; d > 0; d /= 2)
        value += __shfl_xor_sync(0xffffffff, value, d);
    __syncthreads();  // all have read the sums of the call before
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = value;
    __syncthreads();  // every warp has written its sum
    float total = 0.0f;
    for (int w = 0; w < blockDim.x / 32; ++w)
        total += of_warp[w];
    return total;
}
"""

SIGNATURE = r"""
extern "C" __global__
void bn_forward(const float* x, const float* gamma, const float* beta,
                float* y, float* running_mean, float* running_var,
                float* save_mean, float* save_inv_std,
                int N, int C, int HW, float eps, float momentum)
{"""

RIGHT = (
    BLOCK_SUM
    + SIGNATURE
    + r"""
    int t = threadIdx.x, m = N * HW;
    for (int c = blockIdx.x; c < C; c += gridDim.x) {
        float sum = 0.0f, squares = 0.0f;
        for (int n = 0; n < N; ++n) {
            const float* plane = x + (n * C + c) * HW;
            for (int i = t; i < HW; i += blockDim.x)
                sum += plane[i];
        }
        float mean = block_sum(sum) / m;
        for (int n = 0; n < N; ++n) {
            const float* plane = x + (n * C + c) * HW;
            for (int i = t; i < HW; i += blockDim.x) {
                float d = plane[i] - mean;
                squares += d * d;
            }
        }
        float var = block_sum(squares) / m;
        float inv_std = 1.0f / sqrtf(var + eps);
        for (int n = 0; n < N; ++n) {
            int start = (n * C + c) * HW;
            for (int i = t; i < HW; i += blockDim.x)
                y[start + i] = gamma[c] * (x[start + i] - mean) * inv_std + beta[c];
        }
        if (t == 0) {
            float unbiased = var * m / (m - 1);
            running_mean[c] = (1.0f - momentum) * running_mean[c] + momentum * mean;
            running_var[c] = (1.0f - momentum) * running_var[c] + momentum * unbiased;
            save_mean[c] = mean;
            save_inv_std[c] = inv_std;
        }
    }
}
"""
)

_ONE_PASS = (
    SIGNATURE
    + r"""
    __shared__ float shift;
    int m = N * HW;
    for (int c = blockIdx.x; c < C; c += gridDim.x) {
        __syncthreads();
        if (threadIdx.x == 0)
            shift = x[c * HW];
        __syncthreads();
        float sum = 0.0f, squares = 0.0f;
        for (int i = threadIdx.x; i < m; i += blockDim.x) {
            float d = x[(i / HW * C + c) * HW + i % HW] - shift;
            sum += d;
            squares += d * d;
        }
        float moved = block_sum(sum) / m;
        float var = fmaxf(block_sum(squares) / m - moved * moved, 0.0f);
        float mean = shift + moved, inv_std = rsqrtf(var + eps);
        float a = gamma[c] * inv_std, b = beta[c] - a * mean;
        for (int i = threadIdx.x; i < m; i += blockDim.x) {
            int k = (i / HW * C + c) * HW + i % HW;
            y[k] = a * x[k] + b;
        }
        if (threadIdx.x == 0) {
            running_mean[c] += momentum * (mean - running_mean[c]);
            running_var[c] += momentum * (var * m / (m - 1) - running_var[c]);
            save_mean[c] = mean;
            save_inv_std[c] = inv_std;
        }
    }
}
"""
)

# Welford in each thread, Chan's merge in a tree over shared memory; y in the same loop of a range.
_WELFORD = r"""
struct Part { float count, mean, m2; };

__device__ Part merged(Part a, Part b)
{
    float count = a.count + b.count, delta = b.mean - a.mean;
    if (count == 0.0f) return a;
    float share = b.count / count;
    return {count, a.mean + delta * share, a.m2 + b.m2 + delta * delta * a.count * share};
}

extern "C" __global__
void bn_forward(const float* __restrict__ input, const float* __restrict__ weight,
                const float* __restrict__ bias, float* __restrict__ output,
                float* mean_state, float* var_state, float* mean_out, float* inv_out,
                int N, int C, int HW, float eps, float momentum)
{
    __shared__ Part parts[256];
    const int t = threadIdx.x, threads = blockDim.x;
    for (int c = blockIdx.x; c < C; c += gridDim.x) {
        Part mine = {0.0f, 0.0f, 0.0f};
        for (int n = 0; n < N; ++n)
            for (int s = t; s < HW; s += threads) {
                float v = input[(n * C + c) * HW + s], delta = v - mine.mean;
                mine.count += 1.0f;
                mine.mean += delta / mine.count;
                mine.m2 += delta * (v - mine.mean);
            }
        parts[t] = mine;
        for (int left = threads; left > 1;) {
            int half = (left + 1) / 2;
            __syncthreads();
            if (t + half < left) parts[t] = merged(parts[t], parts[t + half]);
            left = half;
        }
        __syncthreads();
        Part all = parts[0];
        float var = all.m2 / all.count, inv = 1.0f / sqrtf(var + eps);
        for (int n = N - 1; n >= 0; --n)
            for (int s = t; s < HW; s += threads) {
                long long k = ((long long)n * C + c) * HW + s;
                output[k] = fmaf((input[k] - all.mean) * inv, weight[c], bias[c]);
            }
        if (t == threads - 1) {
            mean_out[c] = all.mean;
            inv_out[c] = inv;
            mean_state[c] += momentum * (all.mean - mean_state[c]);
            var_state[c] += momentum * (all.m2 / (all.count - 1.0f) - var_state[c]);
        }
        __syncthreads();
    }
}
"""

# E[x²] - E[x]² in double, atomics in shared memory, a return for blocks without a channel.
_DOUBLE = (
    SIGNATURE
    + r"""
    __shared__ double sums[2];
    if (blockIdx.x >= C) return;
    for (int c = blockIdx.x; c < C; c += gridDim.x) {
        if (threadIdx.x < 2) sums[threadIdx.x] = 0.0;
        __syncthreads();
        double sum = 0.0, squares = 0.0;
        for (int n = 0; n < N; ++n)
            for (int s = threadIdx.x; s < HW; s += blockDim.x) {
                double v = x[(n * C + c) * HW + s];
                sum += v;
                squares += v * v;
            }
        atomicAdd(&sums[0], sum);
        atomicAdd(&sums[1], squares);
        __syncthreads();
        double m = (double)N * HW, mean = sums[0] / m, var = sums[1] / m - mean * mean;
        double inv_std = 1.0 / sqrt(var + eps);
        for (int n = 0; n < N; ++n)
            for (int s = threadIdx.x; s < HW; s += blockDim.x) {
                int k = (n * C + c) * HW + s;
                y[k] = (float)((x[k] - mean) * inv_std * gamma[c] + beta[c]);
            }
        if (threadIdx.x == 0) {
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean;
            save_mean[c] = (float)mean;
        }
        if (threadIdx.x == 1) {
            running_var[c] = (1 - momentum) * running_var[c] + momentum * var * m / (m - 1);
            save_inv_std[c] = (float)inv_std;
        }
        __syncthreads();
    }
}
"""
)

# One warp adds up for all; the outputs carry the statistics to the others.
_ONE_WARP = (
    SIGNATURE
    + r"""
    unsigned lane = threadIdx.x;
    for (int c = blockIdx.x; c < C; c += gridDim.x) {
        if (lane < 32) {
            float sum = 0.0f, squares = 0.0f;
            for (int i = lane; i < N * HW; i += 32)
                sum += x[(i / HW * C + c) * HW + i % HW];
            for (int d = 1; d < 32; d *= 2) sum += __shfl_xor_sync(~0u, sum, d);
            float mean = sum / (N * HW);
            for (int i = lane; i < N * HW; i += 32) {
                float d = x[(i / HW * C + c) * HW + i % HW] - mean;
                squares += d * d;
            }
            for (int d = 1; d < 32; d *= 2) squares += __shfl_xor_sync(~0u, squares, d);
            if (lane == 0) {
                save_mean[c] = mean;
                save_inv_std[c] = rsqrtf(squares / (N * HW) + eps);
                running_mean[c] -= momentum * (running_mean[c] - mean);
                running_var[c] -= momentum * (running_var[c] - squares / (N * HW - 1));
            }
        }
        __syncthreads();
        for (int i = lane; i < N * HW; i += blockDim.x) {
            int k = i / HW * C * HW + c * HW + i % HW;
            y[k] = (x[k] - save_mean[c]) * save_inv_std[c];
            y[k] = gamma[c] * y[k] + beta[c];
        }
    }
}
"""
)

_TREE = r"""
    __shared__ float of_thread[256];
    int t = threadIdx.x;
    of_thread[t] = value;
    __syncthreads();
    for (int h = 128; h > 0; h /= 2) {
        if (t < h && t + h < blockDim.x)
            of_thread[t] += of_thread[t + h];
        __syncthreads();
    }
    float total = of_thread[0];
    __syncthreads();
    return total;
}
"""
HEAD = BLOCK_SUM.split("{\n", 1)[0]
# One thread computes what all need; save_* by all threads, with the same value.
_BY_ALL = edited(
    RIGHT,
    ("        if (t == 0) {\n            float unb", "        {\n            float unb"),
    ("            running_mean", "            if (t == 31) running_mean"),
    ("            running_var", "            if (t == 31) running_var"),
)

# The centred values wait in y; all threads load the state, meet, and store the same.
_THROUGH_Y = edited(
    RIGHT,
    ("- mean;", "- mean;\n                y[plane - x + i] = d;"),
    ("(x[start + i] - mean)", "y[start + i]"),
)
_LOADED_EARLY = edited(
    RIGHT,
    ("float sum = 0.0f", "float past = running_mean[c], past_var = running_var[c], sum = 0.0f"),
    ("momentum) * running_mean[c]", "momentum) * past"),
    ("momentum) * running_var[c]", "momentum) * past_var"),
    ("if (t == 0) {", "{"),
)

RIGHT_WAYS = {
    "shifted sums, one pass, folded": (BLOCK_SUM + _ONE_PASS,),
    "Welford and a tree, other names": (_WELFORD,),
    "sums of squares in double, atomics": (_DOUBLE,),
    "one warp adds up, through save_*": (_ONE_WARP,),
    "a tree over 256 places": (edited(RIGHT, (BLOCK_SUM, HEAD + "{" + _TREE)),),
    "save_* by all threads": (_BY_ALL,),
    "state by all threads, loaded before a barrier": (_LOADED_EARLY,),
    "y as a place for the centred values": (_THROUGH_Y,),
}
