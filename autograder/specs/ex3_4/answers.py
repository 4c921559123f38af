"""3.4 Warp shuffles, stable at a large offset: right answers."""

from __future__ import annotations

from autograder.kernels import edited

RIGHT = r"""
// The sum of v over all threads of a block, for each of them.
// part: an element of shared memory for each warp
__device__ float block_sum(float v, float* part)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int lanes = min(32, (int)blockDim.x - 32 * warp);  // the last warp may have fewer
    unsigned mask = 0xffffffff >> (32 - lanes);
    for (int d = 16; d > 0; d /= 2) {
        float other = __shfl_sync(mask, v, min(lane + d, lanes - 1));
        if (lane + d < lanes)
            v += other;
    }
    if (lane == 0)
        part[warp] = v;
    __syncthreads();
    float total = 0.0f;
    for (int w = 0; 32 * w < blockDim.x; ++w)
        total += part[w];
    return total;
}

extern "C" __global__
void bn_stats(const float* x, float* mean, float* var, int N, int C, int HW)
{
    __shared__ float part[8], part2[8];
    int c = blockIdx.x, m = N * HW;

    float sum = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x)
        sum += x[(i / HW * C + c) * HW + i % HW];
    float mu = block_sum(sum, part) / m;

    float squares = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        float d = x[(i / HW * C + c) * HW + i % HW] - mu;
        squares += d * d;
    }
    float sigma2 = block_sum(squares, part2) / m;

    if (threadIdx.x == 0) {
        mean[c] = mu;
        var[c] = sigma2;
    }
}
"""

SHUFFLES = RIGHT[RIGHT.index("    for (int d = 16") : RIGHT.index("    if (lane == 0)")]
AFTER = RIGHT[RIGHT.index("    float total") : RIGHT.index('}\n\nextern "C"')]

# Threads beyond the last whole warp have nothing to do. One walk, then the first warp adds up.
SHIFTED = r"""
extern "C" __global__
void bn_stats(const float* x, float* mean, float* var, int N, int C, int HW)
{
    __shared__ float2 part[32];
    int t = threadIdx.x, c = blockIdx.x, warps = blockDim.x / 32;
    float shift = x[c * HW], sum = 0.0f, squares = 0.0f;
    if (t < 32 * warps) {
        for (int n = 0; n < N; ++n)
            for (int i = t; i < HW; i += 32 * warps) {
                float d = x[(n * C + c) * HW + i] - shift;
                sum += d;
                squares += d * d;
            }
        for (int d = 16; d > 0; d >>= 1) {
            sum += __shfl_down_sync(0xffffffff, sum, d);
            squares += __shfl_down_sync(0xffffffff, squares, d);
        }
        if (t % 32 == 0)
            part[t / 32] = make_float2(sum, squares);
    }
    __syncthreads();
    if (t >= 32)
        return;
    sum = t < warps ? part[t].x : 0.0f;
    squares = t < warps ? part[t].y : 0.0f;
    for (int d = 16; d > 0; d >>= 1) {
        sum += __shfl_xor_sync(0xffffffff, sum, d);
        squares += __shfl_xor_sync(0xffffffff, squares, d);
    }
    float m = N * HW;
    mean[c] = shift + sum / m;
    var[c] = (squares - sum * sum / m) / m;
}
"""

WELFORD = r"""
struct Summary { float n, mean, m2; };

__device__ Summary merge(Summary a, Summary b)
{
    float n = a.n + b.n;
    if (n == 0.0f)
        return a;
    float delta = b.mean - a.mean;
    a.mean += delta * (b.n / n);
    a.m2 += b.m2 + delta * delta * (a.n * b.n / n);
    a.n = n;
    return a;
}

extern "C" __global__
void bn_stats(const float* data, float* out_mean, float* out_var, int batch, int C, int HW)
{
    __shared__ Summary of_warp[8];
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    const int there = min(blockDim.x - 32 * warp, 32u);
    const unsigned mask = there == 32 ? ~0u : (1u << there) - 1;

    Summary s = {0.0f, 0.0f, 0.0f};
    for (int n = 0; n < batch; ++n) {
        const float* p = data + ((long long)n * C + blockIdx.x) * HW;
        for (int i = threadIdx.x; i < HW; i += blockDim.x) {
            float v = p[i], delta = v - s.mean;
            s.n += 1.0f;
            s.mean += delta / s.n;
            s.m2 += delta * (v - s.mean);
        }
    }
    // neighbours first: lane 0 has the first 2, 4, 8, 16, 32
    for (int d = 1; d < 32; d *= 2) {
        int from = lane + d < there ? lane + d : lane;
        Summary other = {__shfl_sync(mask, s.n, from), __shfl_sync(mask, s.mean, from),
                         __shfl_sync(mask, s.m2, from)};
        if (from != lane)
            s = merge(s, other);
    }
    if (lane == 0)
        of_warp[warp] = s;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int w = 1; w <= (blockDim.x - 1) / 32; ++w)
            s = merge(s, of_warp[w]);
        out_mean[blockIdx.x] = s.mean;
        out_var[blockIdx.x] = s.m2 / s.n;
    }
}
"""

# In double E[x²] − E[x]² has digits to spare. The warps meet in atomics.
_DOUBLE = r"""
__device__ double warp_sum(double v, int lanes)
{
    // what an incomplete warp has beyond 16, 8, ... lanes comes down first
    const unsigned mask = __ballot_sync(0xffffffff >> (32 - lanes), 1);
    for (int half = 16; half; half /= 2) {
        const int from = threadIdx.x % 32 + half;
        const double other = __shfl_sync(mask, v, from < lanes ? from : 0);
        v += from < lanes ? other : 0.0;
    }
    return v;
}

extern "C" __global__
void bn_stats(const float* x, float* mean, float* var, int N, int C, int HW)
{
    __shared__ double sums[2];
    const int t = threadIdx.x, lanes = min((int)blockDim.x - t / 32 * 32, 32);
    if (t < 2)
        sums[t] = 0.0;
    double a = 0.0, b = 0.0;
    for (int k = t; k < N * HW; k += blockDim.x) {
        const double v = x[(k / HW * C + blockIdx.x) * HW + k % HW];
        a += v;
        b += v * v;
    }
    a = warp_sum(a, lanes);
    b = warp_sum(b, lanes);
    __syncthreads();
    if (t % 32 == 0) {
        atomicAdd(&sums[0], a);
        atomicAdd(&sums[1], b);
    }
    __syncthreads();
    const double m = (double)N * HW, mu = sums[0] / m;
    if (t == 0) {
        mean[blockIdx.x] = mu;
        var[blockIdx.x] = sums[1] / m - mu * mu;
    }
}
"""

# The incomplete warp's threads hand their numbers to lanes of the first.
_HANDED = edited(
    RIGHT,
    (
        RIGHT[RIGHT.index("    int lanes =") : RIGHT.index("    if (lane == 0)")],
        """\
    int whole = blockDim.x / 32;
    __syncthreads();
    if (warp == whole)
        part[lane] = v;
    __syncthreads();
    if (threadIdx.x < blockDim.x % 32)
        v += part[lane];
    __syncthreads();
    if (warp < whole)
        for (int d = 1; d < 32; d += d)
            v += __shfl_xor_sync(~0u, v, d);
""",
    ),
    ("if (lane == 0)\n", "if (lane == 0 && warp < whole)\n"),
    ("32 * w < blockDim.x", "w < whole"),
    ("part[8], part2[8]", "part[32]"),
    ("part2", "part"),
)

RIGHT_WAYS = {
    "shifted sums, whole warps only, stages of shuffles": (SHIFTED,),
    "Welford and Chan, neighbours first, other names": (WELFORD,),
    "sums of double, atomics between warps": (_DOUBLE,),
    "an incomplete warp hands over, butterflies": (_HANDED,),
}
