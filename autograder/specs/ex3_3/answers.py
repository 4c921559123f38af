"""3.3 Mean and variance with a shared-memory tree: right answers."""

from __future__ import annotations

from autograder.kernels import edited

RIGHT = r"""
extern "C" __global__
void bn_stats(const float* x, float* mean, float* var, int N, int C, int HW)
{
    __shared__ float sums[256], squares[256];
    int c = blockIdx.x, t = threadIdx.x;

    float sum = 0.0f, square = 0.0f;
    for (int n = 0; n < N; ++n) {
        const float* plane = x + (n * C + c) * HW;
        for (int i = t; i < HW; i += blockDim.x) {
            float v = plane[i];
            sum += v;
            square += v * v;
        }
    }
    sums[t] = sum;
    squares[t] = square;
    __syncthreads();

    for (int left = blockDim.x; left > 1; ) {
        int half = (left + 1) / 2;  // rounded up: the middle one of an odd number stays
        if (t + half < left) {
            sums[t] += sums[t + half];
            squares[t] += squares[t + half];
        }
        __syncthreads();
        left = half;
    }

    if (t == 0) {
        float m = N * HW, mu = sums[0] / m;
        mean[c] = mu;
        var[c] = squares[0] / m - mu * mu;
    }
}
"""

TREE = RIGHT[RIGHT.index("    for (int left") : RIGHT.index("    if (t == 0)")]
WALK = RIGHT[RIGHT.index("    for (int n = 0") : RIGHT.index("    sums[t] = sum;")]

# The colleague's way of 3.2: one loop over all images, and the partner's number compared with
# the block's. The channel's first value is taken off.
SHIFTED = edited(
    RIGHT,
    (
        WALK,
        """\
    float first = x[c * HW];
    for (int i = t; i < N * HW; i += blockDim.x) {
        float d = x[(i / HW * C + c) * HW + i % HW] - first;
        sum += d;
        square = fmaf(d, d, square);
    }
""",
    ),
    (
        TREE,
        """\
    for (int h = 128; h > 0; h >>= 1) {
        if (t < h && t + h < blockDim.x) {
            sums[t] += sums[t + h];
            squares[t] += squares[t + h];
        }
        __syncthreads();
    }
""",
    ),
    ("mean[c] = mu;", "mean[c] = first + mu;"),
)

_WELFORD = r"""
struct Moments { int n; float mean, m2; };

__device__ Moments merged(const Moments& a, const Moments& b)
{
    Moments r;
    r.n = a.n + b.n;
    float share = r.n ? (float)b.n / r.n : 0.0f, delta = b.mean - a.mean;
    r.mean = a.mean + share * delta;
    r.m2 = a.m2 + b.m2 + delta * delta * a.n * share;
    return r;
}

extern "C" __global__
void bn_stats(const float* in, float* average, float* spread, int images, int channels, int size)
{
    __shared__ Moments all[256];
    Moments mine = {0, 0.0f, 0.0f};
    for (unsigned k = threadIdx.x; k < images * size; k += blockDim.x) {
        unsigned image = k / size, pixel = k - image * size;
        float v = in[(image * channels + blockIdx.x) * size + pixel];
        float before = v - mine.mean;
        mine.mean += before / ++mine.n;
        mine.m2 += before * (v - mine.mean);
    }
    all[threadIdx.x] = mine;
    // neighbours first: the first element of each group of 2, 4, 8, ... has the group's
    for (unsigned group = 2; group / 2 < blockDim.x; group *= 2) {
        __syncthreads();
        unsigned partner = threadIdx.x + group / 2;
        if (threadIdx.x % group == 0 && partner < blockDim.x)
            all[threadIdx.x] = merged(all[threadIdx.x], all[partner]);
    }
    if (threadIdx.x > 0)
        return;
    average[blockIdx.x] = all[0].mean;
    spread[blockIdx.x] = all[0].m2 / all[0].n;
}
"""

# Padded with zeros to 256, which then halves without remainder; pairs of double.
_PADDED = edited(
    RIGHT,
    ("__shared__ float sums[256], squares[256];", "__shared__ double2 s[256];"),
    ("float sum = 0.0f, square = 0.0f;", "double sum = 0.0, square = 0.0;"),
    ("float v = plane", "double v = plane"),
    (
        "sums[t] = sum;\n    squares[t] = square;",
        "for (int i = t; i < 256; i += blockDim.x)\n"
        "        s[i] = i == t ? make_double2(sum, square) : make_double2(0.0, 0.0);",
    ),
    (
        TREE,
        """\
    for (int h = 128; h >= 1; h /= 2) {
        for (int i = t; i < h; i += blockDim.x) {
            s[i].x += s[i + h].x;
            s[i].y += s[i + h].y;
        }
        __syncthreads();
    }
""",
    ),
    ("float m = N * HW, mu = sums[0] / m;", "double m = N * HW, mu = s[0].x / m;"),
    ("squares[0]", "s[0].y"),
)

# A range of pixels for each thread; the first warp alone adds up 32 columns, then shuffles.
_COLUMNS = edited(
    RIGHT,
    (
        WALK,
        """\
    int share = (N * HW + blockDim.x - 1) / blockDim.x, end = min((t + 1) * share, N * HW);
    for (int i = t * share; i < end; ++i) {
        float v = x[i / HW * C * HW + c * HW + i % HW];
        sum += v;
        square += v * v;
    }
""",
    ),
    (
        TREE,
        """\
    if (t < 32) {
        for (int k = t + 32; k < blockDim.x; k += 32) {
            sum += sums[k];
            square += squares[k];
        }
        for (int d = 16; d > 0; d /= 2) {
            sum += __shfl_down_sync(~0u, sum, d);
            square += __shfl_down_sync(~0u, square, d);
        }
    }
""",
    ),
    ("sums[0] / m", "sum / m"),
    ("squares[0] / m", "square / m"),
)

_ATOMICS = edited(
    RIGHT,
    ("float sums[256], squares[256];", "float total[2];"),
    (
        "sums[t] = sum;\n    squares[t] = square;\n    __syncthreads();",
        "if (t < 2)\n        total[t] = 0.0f;\n    __syncthreads();\n"
        "    atomicAdd(total, sum);\n    atomicAdd(total + 1, square);\n    __syncthreads();",
    ),
    (TREE, ""),
    ("    if (t == 0) {", "    {  // all threads write the same"),
    ("sums[0]", "total[0]"),
    ("squares[0]", "total[1]"),
)

# The upper threads hand over, the lower ones take; two trees, one array.
_HANDED = edited(
    RIGHT,
    ("sums[256], squares[256];", "s[256];"),
    (
        "sums[t] = sum;\n    squares[t] = square;\n    __syncthreads();",
        "sum = block_sum(sum, s);\n    square = block_sum(square, s);",
    ),
    (TREE, ""),
    ("sums[0]", "sum"),
    ("squares[0]", "square"),
    (
        'extern "C"',
        """\
__device__ float block_sum(float v, float* s)
{
    unsigned active = blockDim.x, t = threadIdx.x;
    while (active > 1) {
        unsigned keep = active - active / 2;
        __syncthreads();
        if (t >= keep && t < active)
            s[t - keep] = v;
        __syncthreads();
        if (t < active - keep)
            v += s[t];
        active = keep;
    }
    return v;  // thread 0 has the sum
}

extern "C\"""",
    ),
)

RIGHT_WAYS = {
    "shifted by the first value, 128 halved": (SHIFTED,),
    "Welford and Chan, neighbours first, other names": (_WELFORD,),
    "padded with zeros, pairs of double": (_PADDED,),
    "a range for each thread, 32 columns": (_COLUMNS,),
    "atomics in shared memory": (_ATOMICS,),
    "two trees, values handed over": (_HANDED,),
}
