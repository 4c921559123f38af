"""3.6 The backward pass: right answers."""

from __future__ import annotations

from autograder.kernels import edited

BLOCK_SUMS = r"""
// Two sums over all threads of the block, for every one of them
__device__ float2 block_sums(float2 value)
{
    __shared__ float2 of_warp[8];
    for (int d = 16; d > 0; d /= 2) {
        value.x += __shfl_xor_sync(0xffffffff, value.x, d);
        value.y += __shfl_xor_sync(0xffffffff, value.y, d);
    }
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = value;
    __syncthreads();  // every warp has written its sums
    float2 total = make_float2(0.0f, 0.0f);
    for (int w = 0; w < blockDim.x / 32; ++w) {
        total.x += of_warp[w].x;
        total.y += of_warp[w].y;
    }
    __syncthreads();  // all have read: the next channel may write
    return total;
}
"""

SIGNATURE = r"""
extern "C" __global__
void bn_backward(const float* x, const float* dy, const float* gamma,
                 const float* save_mean, const float* save_inv_std,
                 float* dx, float* dgamma, float* dbeta,
                 int N, int C, int HW)
{"""

RIGHT = (
    BLOCK_SUMS
    + SIGNATURE
    + r"""
    int t = threadIdx.x, m = N * HW;
    for (int c = blockIdx.x; c < C; c += gridDim.x) {
        float mean = save_mean[c], inv_std = save_inv_std[c];
        float2 sums = make_float2(0.0f, 0.0f);  // of dy, of dy * x_hat
        for (int i = t; i < m; i += blockDim.x) {
            int k = (i / HW * C + c) * HW + i % HW;
            float x_hat = (x[k] - mean) * inv_std;
            sums.x += dy[k];
            sums.y += dy[k] * x_hat;
        }
        sums = block_sums(sums);
        for (int i = t; i < m; i += blockDim.x) {
            int k = (i / HW * C + c) * HW + i % HW;
            float x_hat = (x[k] - mean) * inv_std;
            dx[k] = gamma[c] * inv_std * (dy[k] - (sums.x + x_hat * sums.y) / m);
        }
        if (t == 0) {
            dbeta[c] = sums.x;
            dgamma[c] = sums.y;
        }
    }
}
"""
)

# Every warp adds its sums to the outputs, which all threads read again.
ATOMICS = (
    SIGNATURE
    + r"""
    int t = threadIdx.x, m = N * HW;
    for (int c = blockIdx.x; c < C; c += gridDim.x) {
        if (t == 0)
            dbeta[c] = dgamma[c] = 0.0f;
        __syncthreads();  // the sums begin at 0
        float sum = 0.0f, dot = 0.0f;
        for (int i = t; i < m; i += blockDim.x) {
            int k = (i / HW * C + c) * HW + i % HW;
            sum += dy[k];
            dot += dy[k] * (x[k] - save_mean[c]) * save_inv_std[c];
        }
        for (int d = 1; d < 32; d *= 2) {
            sum += __shfl_xor_sync(0xffffffff, sum, d);
            dot += __shfl_xor_sync(0xffffffff, dot, d);
        }
        if (t % 32 == 0) {
            atomicAdd(&dbeta[c], sum);
            atomicAdd(&dgamma[c], dot);
        }
        __syncthreads();  // all warps have added
        float factor = gamma[c] * save_inv_std[c];
        for (int i = t; i < m; i += blockDim.x) {
            int k = (i / HW * C + c) * HW + i % HW;
            float x_hat = (x[k] - save_mean[c]) * save_inv_std[c];
            dx[k] = factor * (dy[k] - dbeta[c] / m - x_hat * (dgamma[c] / m));
        }
    }
}
"""
)

# Image by image, in double, with a tree over any number of threads; other names.
_PLANES = r"""
template <typename T>
__device__ T tree(T mine, T* places)
{
    const unsigned me = threadIdx.x;
    places[me] = mine;
    for (unsigned left = blockDim.x; left > 1; left = (left + 1) / 2) {
        __syncthreads();
        const unsigned half = (left + 1) / 2;
        if (me + half < left) places[me] += places[me + half];
    }
    __syncthreads();
    return places[0];
}

extern "C" __global__
void bn_backward(const float* __restrict__ input, const float* __restrict__ grad,
                 const float* __restrict__ weight, const float* __restrict__ mu,
                 const float* __restrict__ rstd, float* __restrict__ grad_in,
                 float* __restrict__ grad_weight, float* __restrict__ grad_bias,
                 int images, int channels, int plane)
{
    __shared__ double one[256], other[256];
    int channel = blockIdx.x;
    do {
        double bias = 0, weighted = 0;
        for (int n = 0; n < images; ++n)
            for (int s = threadIdx.x; s < plane; s += blockDim.x) {
                size_t at = ((size_t)n * channels + channel) * plane + s;
                bias += grad[at];
                weighted += (double)grad[at] * ((double)input[at] - mu[channel]);
            }
        bias = tree(bias, one);
        weighted = tree(weighted, other) * rstd[channel];
        double count = (double)images * plane;
        for (int n = 0; n < images; ++n)
            for (int s = threadIdx.x; s < plane; s += blockDim.x) {
                size_t at = ((size_t)n * channels + channel) * plane + s;
                double normal = ((double)input[at] - mu[channel]) * rstd[channel];
                double inner = count * grad[at] - bias - normal * weighted;
                grad_in[at] = (float)(weight[channel] * rstd[channel] / count * inner);
            }
        grad_bias[channel] = (float)bias;
        grad_weight[channel] = (float)weighted;
        __syncthreads();
        channel += gridDim.x;
    } while (channel < channels);
}
"""

# A walk for dbeta, one for dgamma with dy about its mean, one for dx.
_THREE_WALKS = edited(
    RIGHT,
    (
        "            float x_hat = (x[k] - mean) * inv_std;\n            sums.x",
        "            sums.x",
    ),
    (
        "            sums.y += dy[k] * x_hat;\n        }\n",
        """        }
        float mean_dy = block_sums(sums).x / m;
        for (int i = t; i < m; i += blockDim.x) {
            int k = (i / HW * C + c) * HW + i % HW;
            sums.y += (dy[k] - mean_dy) * (x[k] - mean) * inv_std;
        }
""",
    ),
    ("(dy[k] - (sums.x + x_hat * sums.y) / m)", "(dy[k] - mean_dy - x_hat * sums.y / m)"),
)

# dx is linear in dy and x: three numbers a channel.
_LINEAR = edited(
    RIGHT,
    ("* x_hat;\n        }\n        sums =", "* x[k];\n        }\n        sums ="),
    (
        "            float x_hat = (x[k] - mean) * inv_std;\n            sums.x",
        "            sums.x",
    ),
    (
        "block_sums(sums);\n",
        """block_sums(sums);
        sums.y = (sums.y - mean * sums.x) * inv_std;
        float a = gamma[c] * inv_std, b = -a * inv_std * sums.y / m;
        float shift = -a * sums.x / m - b * mean;
""",
    ),
    ("            float x_hat = (x[k] - mean) * inv_std;\n            dx", "            dx"),
    (
        "gamma[c] * inv_std * (dy[k] - (sums.x + x_hat * sums.y) / m)",
        "a * dy[k] + b * x[k] + shift",
    ),
)

_SHARED = edited(
    RIGHT,
    (BLOCK_SUMS, ""),
    ("    int t =", "    __shared__ float both[2];\n    int t ="),
    ("float mean =", "if (t < 2) both[t] = 0.0f;\n        __syncthreads();\n        float mean ="),
    (
        "sums = block_sums(sums);",
        """atomicAdd(both, sums.x);
        atomicAdd(both + 1, sums.y);
        __syncthreads();
        sums = make_float2(both[0], both[1]);
        __syncthreads();""",
    ),
)

RIGHT_WAYS = {
    "atomics on dgamma and dbeta, set to 0": (ATOMICS,),
    "atomics in shared memory": (_SHARED,),
    "a tree in double, image by image, other names": (_PLANES,),
    "three walks, dy about its mean": (_THREE_WALKS,),
    "linear in dy and x": (_LINEAR,),
}
