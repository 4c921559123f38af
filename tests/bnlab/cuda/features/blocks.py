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

ATOMICS = [
    Feature(
        name="int atomics: add, sub, max, min, or, and, xor, inc, dec",
        code="""\
extern "C" __global__ void k(const int* a, int* o, unsigned* u, int* before)
{
    int i = threadIdx.x;
    before[i] = atomicAdd(o, 1);
    atomicSub(o + 1, a[i]);
    atomicMax(o + 2, a[i]);
    atomicMin(o + 3, a[i]);
    atomicOr(o + 4, 1 << (i & 7));
    atomicAnd(o + 5, ~(1 << (i & 7)));
    atomicXor(o + 6, a[i]);
    atomicInc(u, 100u);
    atomicDec(u + 1, 100u);
}
""",
        arguments={
            "a": A,
            "o": np.array([0, 0, 0, 10**6, 0, -1, 0], "i4"),
            "u": zeros(2, dtype="u4"),
            "before": zeros(N, dtype="i4"),
        },
        expected=lambda a, o, u, before: {
            "o": [N, -a.sum(), a.max(), a.min(), 255, ~255, np.bitwise_xor.reduce(a)],
            "u": [N % 101, -N % 101],
        },
    ),
    Feature(
        name="what atomicAdd returns: every ticket once",
        code="""\
extern "C" __global__ void k(int* counter, int* seen)
{
    seen[atomicAdd(counter, 1)] += 1;
}
""",
        arguments={"counter": zeros(1, dtype="i4"), "seen": zeros(4 * N, dtype="i4")},
        expected=lambda counter, seen: {"counter": [4 * N], "seen": np.ones(4 * N)},
        grid=(4,),
    ),
    Feature(
        name="atomicCAS and atomicExch: an addition of one's own",
        code="""\
__device__ void add(float* p, float v)
{
    int* bits = (int*)p;
    int seen = atomicCAS(bits, 0, 0), assumed;
    do {
        assumed = seen;
        seen = atomicCAS(bits, assumed, __float_as_int(__int_as_float(assumed) + v));
    } while (seen != assumed);
}

extern "C" __global__ void k(const int* a, float* total, int* last)
{
    add(total, a[threadIdx.x]);
    atomicExch(last, -5);
}
""",
        arguments={"a": A, "total": zeros(1), "last": zeros(1, dtype="i4")},
        expected=lambda a, total, last: {"total": [a.sum()], "last": [-5]},
    ),
    Feature(
        name="float and double atomicAdd, in global and shared memory",
        code="""\
extern "C" __global__ void k(const float* x, float* f, double* d)
{
    __shared__ float s[4];
    int t = threadIdx.x;
    if (t < 4) s[t] = 0;
    __syncthreads();
    atomicAdd(s + t % 4, x[t]);
    atomicAdd(d, (double)x[t]);
    __syncthreads();
    if (t < 4) atomicAdd(f + t, s[t]);
}
""",
        arguments={"x": X, "f": zeros(4), "d": zeros(1, dtype="f8")},
        expected=lambda x, f, d: {"f": 2 * x.reshape(-1, 4).sum(0), "d": [2 * x.sum()]},
        grid=(2,),
        tolerance=5e-6,
    ),
    Feature(
        name="64-bit atomics: add, max, cas, exch",
        code="""\
typedef unsigned long long u64;

extern "C" __global__ void k(const int* a, u64* o)
{
    u64 v = (u64)a[threadIdx.x] << 33;
    atomicAdd(o, v);
    atomicMax(o + 1, v);
    atomicCAS(o + 2, 5ull, 1ull << 60);
    atomicExch(o + 3, 1ull << 50);
}
""",
        arguments={"a": A, "o": np.array([0, 0, 5, 0], "u8")},
        expected=lambda a, o: {
            "o": np.array(
                [int(a.sum()) << 33, int(a.max()) << 33, 1 << 60, 1 << 50],
                "u8",
            )
        },
    ),
    Feature(
        name="atomics with a scope: system, block",
        code="""\
extern "C" __global__ void k(int* o)
{
    atomicAdd_system(o, 1);
    atomicAdd_block(o + 1, 2);
}
""",
        arguments={"o": zeros(2, dtype="i4")},
        expected=lambda o: {"o": [N, 2 * N]},
    ),
    Feature(
        name="the largest float by an integer atomic",
        code="""\
extern "C" __global__ void k(const float* x, float* largest)
{
    // Non-negative floats are ordered as their bits are.
    atomicMax((int*)largest, __float_as_int(fabsf(x[threadIdx.x])));
}
""",
        arguments={"x": X, "largest": zeros(1)},
        expected=lambda x, largest: {"largest": [abs(x).max()]},
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

FEATURES = PLACES + BARRIERS + ATOMICS + GRID
