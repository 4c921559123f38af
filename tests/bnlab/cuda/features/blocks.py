"""What the threads of a block, and of a whole grid, do together."""

import numpy as np

from features.base import Feature, N, integers, normal, zeros

X = normal(N)
A = integers(0, 1000, N, seed=13)
THREAD = np.arange(N)

PLACES = [
    Feature(
        name="grid and block in three dimensions",
        code="""\
extern "C" __global__ void k(int* y)
{
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    y[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}
""",
        arguments={"y": zeros(24, 60, dtype="i4")},
        expected=lambda y: {"y": np.arange(24)[:, None] * 1000 + np.arange(60)},
        grid=(4, 3, 2),
        block=(6, 5, 2),
    ),
    Feature(
        name="a grid-stride loop over a ragged length",
        code="""\
extern "C" __global__ void k(const float* x, float* y, int n)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        y[i] = 2 * x[i];
}
""",
        arguments={"x": normal(1003), "y": zeros(1003), "n": np.int32(1003)},
        expected=lambda x, y, n: {"y": 2 * x},
        grid=(3,),
        block=(96,),
    ),
    Feature(
        name="blocks far apart in a long grid",
        code="""\
extern "C" __global__ void k(int* y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n && i % 1000 == 999) y[i / 1000] = i;
}
""",
        arguments={"y": zeros(100, dtype="i4"), "n": np.int32(100_000)},
        expected=lambda y, n: {"y": np.arange(100) * 1000 + 999},
        grid=(1563,),
        block=(64,),
    ),
]

BARRIERS = [
    Feature(
        name="__syncthreads_count, _and, _or",
        code="""\
extern "C" __global__ void k(const float* x, int* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __syncthreads_count(x[i] > 0);
    y[n + i] = __syncthreads_and(x[i] < 9) != 0;
    y[2 * n + i] = __syncthreads_or(x[i] > 9) != 0;
}
""",
        arguments={"x": X, "y": zeros(3, N, dtype="i4")},
        expected=lambda x, y: {"y": np.array([[(x > 0).sum()], [1], [0]])},
    ),
    Feature(
        name="a running sum with two barriers in a loop",
        code="""\
extern "C" __global__ void k(const int* a, int* y)
{
    __shared__ int s[256];
    int t = threadIdx.x;
    s[t] = a[t];
    __syncthreads();
    for (int d = 1; d < blockDim.x; d *= 2) {
        int left = t >= d ? s[t - d] : 0;
        __syncthreads();
        s[t] += left;
        __syncthreads();
    }
    y[t] = s[t];
}
""",
        arguments={"a": A, "y": zeros(N, dtype="i4")},
        expected=lambda a, y: {"y": np.cumsum(a)},
    ),
    Feature(
        name="a barrier in a branch that whole blocks take",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    __shared__ float s[64];
    int t = threadIdx.x, i = blockIdx.x * 64 + t;
    if (blockIdx.x % 2) {
        s[t] = x[i];
        __syncthreads();
        y[i] = s[t ^ 33];
    } else
        y[i] = -x[i];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {
            "y": np.where(THREAD // 64 % 2, x[THREAD // 64 * 64 + (THREAD % 64 ^ 33)], -x)
        },
        grid=(4,),
        block=(64,),
    ),
]

GRID = [
    Feature(
        name="__threadfence: the last block adds up what the others wrote",
        code="""\
extern "C" __global__
void k(const float* x, volatile float* part, float* total, unsigned* done)
{
    __shared__ float s[256];
    __shared__ bool last;
    int t = threadIdx.x;
    s[t] = x[blockIdx.x * 256 + t];
    __syncthreads();
    for (int h = 128; h > 0; h /= 2) {
        if (t < h) s[t] += s[t + h];
        __syncthreads();
    }
    if (t == 0) {
        part[blockIdx.x] = s[0];
        __threadfence();
        last = atomicAdd(done, 1u) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && t == 0) {
        float sum = 0;
        for (int b = 0; b < gridDim.x; b++) sum += part[b];
        *total = sum;
    }
}
""",
        arguments={
            "x": normal(8, N),
            "part": zeros(8),
            "total": zeros(1),
            "done": zeros(1, dtype="u4"),
        },
        expected=lambda x, part, total, done: {
            "part": x.sum(1),
            "total": [x.sum()],
            "done": [8],
        },
        grid=(8,),
        tolerance=5e-6,
    ),
    Feature(
        name="a spin lock between warps",
        code="""\
extern "C" __global__ void k(int* lock, int* count)
{
    if (threadIdx.x % 32 == 0) {
        while (atomicCAS(lock, 0, 1) != 0) { }
        *(volatile int*)count += 1;
        __threadfence();
        atomicExch(lock, 0);
    }
}
""",
        arguments={"lock": zeros(1, dtype="i4"), "count": zeros(1, dtype="i4")},
        expected=lambda lock, count: {"lock": [0], "count": [4]},
        block=(128,),
        races=True,
    ),
]

FEATURES = PLACES + BARRIERS + GRID
