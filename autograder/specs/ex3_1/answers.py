"""3.1 The eval kernel: right answers."""

from __future__ import annotations

from autograder.kernels import edited

RIGHT = r"""
extern "C" __global__
void bn_eval(const float* x, const float* mean, const float* var,
             const float* gamma, const float* beta, float* y,
             int N, int C, int HW, float eps)
{
    int total = N * C * HW;
    int step = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += step) {
        int c = i / HW % C;
        float inv_std = 1.0f / sqrtf(var[c] + eps);
        y[i] = gamma[c] * (x[i] - mean[c]) * inv_std + beta[c];
    }
}
"""

_LOOP = "for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += step) {"

_PLANES = r"""
extern "C" __global__
void bn_eval(const float* x, const float* mean, const float* var,
             const float* gamma, const float* beta, float* y,
             int N, int C, int HW, float eps)
{
    // a plane of an image at a time for each block
    for (int plane = blockIdx.x; plane < N * C; plane += gridDim.x) {
        int c = plane % C;
        float scale = gamma[c] * rsqrtf(var[c] + eps);
        float m = mean[c], shift = beta[c];
        for (int s = threadIdx.x; s < HW; s += blockDim.x) {
            int i = plane * HW + s;
            y[i] = (x[i] - m) * scale + shift;
        }
    }
}
"""

_TEMPLATE = r"""
__device__ __forceinline__ int channel(long long i, int C, int HW) { return (i / HW) % C; }

template <typename T>
__device__ T normalized(T x, T mean, T var, T eps) { return (x - mean) * rsqrt(var + eps); }

extern "C" __global__
void bn_eval(const float* __restrict__ x, const float* __restrict__ mean,
             const float* __restrict__ var, const float* __restrict__ gamma,
             const float* __restrict__ beta, float* __restrict__ y,
             int N, int C, int HW, float eps)
{
    long long total = (long long)N * C * HW, step = (long long)gridDim.x * blockDim.x;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    while (i < total) {
        int c = channel(i, C, HW);
        y[i] = fmaf(__ldg(gamma + c), normalized(x[i], mean[c], var[c], eps), beta[c]);
        i += step;
    }
}
"""

_RANGES = r"""
extern "C" __global__
void bn_eval(const float* x, const float* mean, const float* var,
             const float* gamma, const float* beta, float* y,
             int N, int C, int HW, float eps)
{
    // neighbouring elements to one thread: slower, but right
    const unsigned total = N * C * HW, threads = gridDim.x * blockDim.x;
    const unsigned share = (total + threads - 1) / threads;
    const unsigned first = (blockIdx.x * blockDim.x + threadIdx.x) * share;
    for (unsigned i = first; i < first + share; ++i) {
        if (i >= total) return;
        const unsigned c = (i % (C * HW)) / HW;
        const double inv_std = 1.0 / sqrt((double)var[c] + eps);
        y[i] = (float)(gamma[c] * ((double)x[i] - mean[c]) * inv_std + beta[c]);
    }
}
"""

_FOLDED = edited(
    RIGHT,
    (
        "float inv_std = 1.0f / sqrtf(var[c] + eps);",
        "float a = gamma[c] * powf(var[c] + eps, -0.5f), b = beta[c] - a * mean[c];",
    ),
    ("gamma[c] * (x[i] - mean[c]) * inv_std + beta[c]", "a * x[i] + b"),
)
# Other names, and one guard for the first element only.
_RENAMED = edited(
    RIGHT,
    ("int i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += step", "; k < n; k += step"),
    ("int step =", "int k = threadIdx.x + blockDim.x * blockIdx.x, step ="),
    ("int total", "int n"),
    ("int c = i / HW % C;", "int c = (k - k / (C * HW) * (C * HW)) / HW;"),
    ("y[i]", "y[k]"),
    ("x[i]", "x[k]"),
)

RIGHT_WAYS = {
    "a plane at a time": (_PLANES,),
    "long long indices, templates": (_TEMPLATE,),
    "a range for each thread, in double": (_RANGES,),
    "folded into a·x + b": (_FOLDED,),
    "other names, no remainder": (_RENAMED,),
}
