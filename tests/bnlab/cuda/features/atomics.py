"""Atomic operations, in global and shared memory."""

import numpy as np

from features.base import Feature, N, integers, normal, zeros

X = normal(N)
A = integers(0, 1000, N, seed=13)

FEATURES = [
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
