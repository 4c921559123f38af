"""3.7 Channels last at the least traffic: right answers."""

from __future__ import annotations

from autograder.kernels import edited

RIGHT = r"""
extern "C" __global__
void bn_forward(const float* x, const float* gamma, const float* beta, float* y,
                float* save_mean, float* save_inv_std,
                int N, int C, int HW, float eps)
{
    __shared__ float sums[16][32], squares[16][32];
    int lane = threadIdx.x, row = threadIdx.y, rows = blockDim.y;
    int c = blockIdx.x * 32 + lane, m = N * HW;
    bool mine = c < C;

    float shift = mine ? x[c] : 0.0f;
    float s = 0.0f, q = 0.0f;
    if (mine)
        for (int i = row; i < m; i += rows) {
            float d = x[i * C + c] - shift;
            s += d;
            q += d * d;
        }
    sums[row][lane] = s;
    squares[row][lane] = q;
    __syncthreads();

    s = q = 0.0f;
    for (int r = 0; r < rows; ++r) {
        s += sums[r][lane];
        q += squares[r][lane];
    }
    s /= m;
    float mean = shift + s, var = q / m - s * s;
    float inv_std = 1.0f / sqrtf(var + eps);

    if (mine) {
        float a = gamma[c] * inv_std, b = beta[c];
        for (int i = row; i < m; i += rows)
            y[i * C + c] = (x[i * C + c] - mean) * a + b;
        if (row == 0) {
            save_mean[c] = mean;
            save_inv_std[c] = inv_std;
        }
    }
}
"""

# Welford in each thread; one thread of a channel merges by Chan's formula and tells the others.
WELFORD = r"""
struct Part { float n, mean, m2; };

__device__ void add(Part& p, float v)
{
    p.n += 1.0f;
    float d = v - p.mean;
    p.mean += d / p.n;
    p.m2 += d * (v - p.mean);
}

__device__ Part merge(Part a, Part b)
{
    float n = a.n + b.n;
    if (n == 0.0f) return a;
    float d = b.mean - a.mean;
    return {n, a.mean + d * b.n / n, a.m2 + b.m2 + d * d * a.n * b.n / n};
}

extern "C" __global__
void bn_forward(const float* __restrict__ in, const float* __restrict__ scale,
                const float* __restrict__ bias, float* __restrict__ out,
                float* mu, float* rstd, int N, int C, int HW, float eps)
{
    __shared__ Part parts[16][32];
    __shared__ float result[2][32];
    const int c = 32 * blockIdx.x + threadIdx.x, k = threadIdx.y;
    const long long m = (long long)N * HW;
    Part p = {0.0f, 0.0f, 0.0f};
    if (c < C)
        for (long long i = k; i < m; i += blockDim.y) add(p, in[i * C + c]);
    parts[k][threadIdx.x] = p;
    __syncthreads();
    if (k == 0) {
        for (int j = 1; j < blockDim.y; ++j) p = merge(p, parts[j][threadIdx.x]);
        result[0][threadIdx.x] = p.mean;
        result[1][threadIdx.x] = rsqrtf(p.m2 / p.n + eps);
    }
    __syncthreads();
    if (c >= C) return;
    float mean = result[0][threadIdx.x], r = result[1][threadIdx.x];
    if (k == 0) { mu[c] = mean; rstd[c] = r; }
    for (long long i = k; i < m; i += blockDim.y) {
        long long j = i * C + c;
        out[j] = fmaf((in[j] - mean) * r, scale[c], bias[c]);
    }
}
"""

_TREE = edited(
    RIGHT,
    (
        """    s = q = 0.0f;
    for (int r = 0; r < rows; ++r) {
        s += sums[r][lane];
        q += squares[r][lane];
    }
""",
        """    for (int h = 8; h > 0; h /= 2) {
        if (row < h && row + h < rows) {
            sums[row][lane] += sums[row + h][lane];
            squares[row][lane] += squares[row + h][lane];
        }
        __syncthreads();
    }
    s = sums[0][lane];
    q = squares[0][lane];
""",
    ),
)
# Sums of squares in double keep enough digits of single precision.
_DOUBLE = edited(
    RIGHT,
    (
        "__shared__ float sums[16][32], squares[16][32]",
        "__shared__ double sums[16][32], squares[16][32]",
    ),
    ("float shift = mine ? x[c] : 0.0f;\n    float s = 0.0f, q = 0.0f;", "double s = 0, q = 0;"),
    ("float d = x[i * C + c] - shift;", "double d = x[i * C + c];"),
    ("float mean = shift + s, var", "float mean = s, var"),
)
_ATOMIC = edited(
    RIGHT,
    ("sums[16][32], squares[16][32]", "sums[32], squares[32]"),
    (
        "    float shift =",
        "    if (row == 0) sums[lane] = squares[lane] = 0.0f;\n    __syncthreads();\n    float shift =",
    ),
    ("sums[row][lane] = s", "atomicAdd(&sums[lane], s)"),
    ("squares[row][lane] = q", "atomicAdd(&squares[lane], q)"),
    (
        """    s = q = 0.0f;
    for (int r = 0; r < rows; ++r) {
        s += sums[r][lane];
        q += squares[r][lane];
    }
""",
        "    s = sums[lane];\n    q = squares[lane];\n",
    ),
)

RIGHT_WAYS = {
    "Welford, merged by Chan's formula": (WELFORD,),
    "a tree over the rows": (_TREE,),
    "sums in double": (_DOUBLE,),
    "atomics in shared memory": (_ATOMIC,),
}
