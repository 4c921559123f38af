"""What the 32 threads of a warp do together."""

import numpy as np

from features.base import Feature, N, integers, normal, warps, zeros

X = normal(N)
LANE = np.arange(32)
A = integers(-1000, 1000, N, seed=11)
FEW = integers(0, 5, N, seed=12)  # few different values, so that lanes agree


def ballots(truth) -> np.ndarray:
    """The 32 answers of a warp as one number, given to each of its threads."""
    numbers = (warps(truth).astype("u8") << LANE.astype("u8")).sum(1)
    return np.repeat(numbers.astype("u4"), 32)


def agreeing(values) -> np.ndarray:
    rows = warps(values)
    same = rows[:, :, None] == rows[:, None, :]
    return (same.astype("u8") << LANE.astype("u8")).sum(2).astype("u4").ravel()


SHUFFLES = [
    Feature(
        name="shuffles: up, xor, from one lane, down within eight lanes",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x, n = blockDim.x;
    float v = x[i];
    y[i] = __shfl_up_sync(0xffffffff, v, 3);
    y[n + i] = __shfl_xor_sync(0xffffffff, v, 5);
    y[2 * n + i] = __shfl_sync(0xffffffff, v, 7);
    y[3 * n + i] = __shfl_down_sync(0xffffffff, v, 2, 8);
}
""",
        arguments={"x": X, "y": zeros(4, N)},
        expected=lambda x, y: {
            "y": [
                warps(x)[:, np.where(LANE >= 3, LANE - 3, LANE)].ravel(),
                warps(x)[:, LANE ^ 5].ravel(),
                np.repeat(warps(x)[:, 7], 32),
                warps(x)[:, np.where(LANE % 8 < 6, LANE + 2, LANE)].ravel(),
            ]
        },
    ),
    Feature(
        name="shuffle from a lane that differs from thread to thread",
        code="""\
extern "C" __global__ void k(const float* x, const int* from, float* y)
{
    int i = threadIdx.x;
    y[i] = __shfl_sync(0xffffffff, x[i], from[i]);
}
""",
        arguments={"x": X, "from": integers(0, 32, N), "y": zeros(N)},
        expected=lambda x, y, **rest: {
            "y": np.take_along_axis(warps(x), warps(rest["from"]), 1).ravel()
        },
    ),
    Feature(
        name="shuffles of double and long long",
        code="""\
extern "C" __global__ void k(const double* x, double* y, long long* z)
{
    int i = threadIdx.x;
    y[i] = __shfl_xor_sync(0xffffffff, x[i], 16);
    z[i] = __shfl_down_sync(0xffffffff, (long long)i << 40, 1);
}
""",
        arguments={
            "x": normal(N, dtype="f8"),
            "y": zeros(N, dtype="f8"),
            "z": zeros(N, dtype="i8"),
        },
        expected=lambda x, y, z: {
            "y": warps(x)[:, LANE ^ 16].ravel(),
            "z": (warps(np.arange(N))[:, np.minimum(LANE + 1, 31)].ravel()) << 40,
        },
    ),
    Feature(
        name="a sum over the warp by shuffles",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    float v = x[threadIdx.x];
    for (int d = 16; d > 0; d >>= 1) v += __shfl_down_sync(0xffffffff, v, d);
    if (threadIdx.x % 32 == 0) y[threadIdx.x / 32] = v;
}
""",
        arguments={"x": X, "y": zeros(N // 32)},
        expected=lambda x, y: {"y": warps(x).sum(1)},
        tolerance=5e-6,
    ),
    Feature(
        name="shuffles in both branches, each with its half of the warp",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x;
    float v = x[i];
    if (i % 32 < 16)
        for (int d = 8; d; d >>= 1) v += __shfl_xor_sync(0x0000ffff, v, d);
    else
        for (int d = 8; d; d >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffff0000, v, d));
    y[i] = v;
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {
            "y": np.repeat(
                np.stack([warps(x)[:, :16].sum(1), warps(x)[:, 16:].max(1)], 1), 16, 1
            ).ravel()
        },
        tolerance=5e-6,
    ),
    Feature(
        name="a last warp of 16 threads, of which eight shuffle",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x;
    unsigned mask = __ballot_sync(__activemask(), i < 40);
    float v = x[i];
    if (i < 40) v = __shfl_xor_sync(mask, v, 1);
    y[i] = v;
}
""",
        arguments={"x": X[:48].copy(), "y": zeros(48)},
        expected=lambda x, y: {
            "y": np.r_[x[:40].reshape(-1, 2)[:, ::-1].ravel(), x[40:]],
        },
        block=(48,),
    ),
]

VOTES = [
    Feature(
        name="votes: ballot, any, all, rank among those who say yes",
        code="""\
extern "C" __global__ void k(const float* x, unsigned* y)
{
    int i = threadIdx.x, n = blockDim.x;
    bool p = x[i] > 0;
    unsigned votes = __ballot_sync(0xffffffff, p);
    y[i] = votes;
    y[n + i] = __any_sync(0xffffffff, x[i] > 4);
    y[2 * n + i] = __all_sync(0xffffffff, x[i] < 5);
    y[3 * n + i] = __popc(votes & ((1u << (i & 31)) - 1));
}
""",
        arguments={"x": X, "y": zeros(4, N, dtype="u4")},
        expected=lambda x, y: {
            "y": [
                ballots(x > 0),
                np.repeat((warps(x) > 4).any(1), 32),
                np.repeat((warps(x) < 5).all(1), 32),
                (np.cumsum(warps(x) > 0, 1) - (warps(x) > 0)).ravel(),
            ]
        },
    ),
    Feature(
        name="__activemask in a branch",
        code="""\
extern "C" __global__ void k(unsigned* y)
{
    int i = threadIdx.x;
    y[i] = 0;
    if (i % 4 == 1) y[i] = __activemask();
}
""",
        arguments={"y": zeros(N, dtype="u4")},
        expected=lambda y: {"y": np.where(np.arange(N) % 4 == 1, 0x22222222, 0)},
    ),
    Feature(
        name="__match_any_sync: who has the same value",
        code="""\
extern "C" __global__ void k(const int* a, unsigned* y)
{
    y[threadIdx.x] = __match_any_sync(0xffffffff, a[threadIdx.x]);
}
""",
        arguments={"a": FEW, "y": zeros(N, dtype="u4")},
        expected=lambda a, y: {"y": agreeing(a)},
    ),
    Feature(
        name="__match_all_sync: whether all have the same value",
        code="""\
extern "C" __global__ void k(const int* a, unsigned* y, int* same)
{
    int i = threadIdx.x, all;
    y[i] = __match_all_sync(0xffffffff, i < 32 ? 7 : a[i], &all);
    same[i] = all != 0;
}
""",
        arguments={"a": FEW, "y": zeros(N, dtype="u4"), "same": zeros(N, dtype="i4")},
        expected=lambda a, y, same: {
            "y": np.where(np.arange(N) < 32, 0xFFFFFFFF, 0),
            "same": np.arange(N) < 32,
        },
    ),
    Feature(
        name="reductions in one instruction: __reduce_add_sync, min, max, and, or, xor",
        code="""\
extern "C" __global__ void k(const int* a, int* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __reduce_add_sync(0xffffffff, a[i]);
    y[n + i] = __reduce_min_sync(0xffffffff, a[i]);
    y[2 * n + i] = __reduce_max_sync(0xffffffff, a[i]);
    y[3 * n + i] = __reduce_and_sync(0xffffffff, (unsigned)a[i] | 3);
    y[4 * n + i] = __reduce_or_sync(0xffffffff, (unsigned)a[i] & 12);
    y[5 * n + i] = __reduce_xor_sync(0xffffffff, (unsigned)a[i]);
}
""",
        arguments={"a": A, "y": zeros(6, N, dtype="i4")},
        expected=lambda a, y: {
            "y": [
                np.repeat(row, 32)
                for row in (
                    warps(a).sum(1),
                    warps(a).min(1),
                    warps(a).max(1),
                    np.bitwise_and.reduce(warps(a) | 3, 1),
                    np.bitwise_or.reduce(warps(a) & 12, 1),
                    np.bitwise_xor.reduce(warps(a), 1),
                )
            ]
        },
    ),
    Feature(
        name="places in a warp: laneid, lanemask_lt, warpid by inline PTX",
        code="""\
extern "C" __global__ void k(unsigned* y)
{
    int i = threadIdx.x, n = blockDim.x;
    unsigned lane, below, warp;
    asm("mov.u32 %0, %%laneid;" : "=r"(lane));
    asm("mov.u32 %0, %%lanemask_lt;" : "=r"(below));
    asm volatile("mov.u32 %0, %%warpid;" : "=r"(warp));
    y[i] = lane;
    y[n + i] = below;
    y[2 * n + i] = warp < 8;
}
""",
        arguments={"y": zeros(3, N, dtype="u4")},
        expected=lambda y: {
            "y": [np.tile(LANE, 8), np.tile(2**LANE - 1, 8), np.ones(N)],
        },
    ),
    Feature(
        name="__syncwarp between a write and a neighbour's read",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    __shared__ float s[256];
    int i = threadIdx.x;
    s[i] = x[i];
    __syncwarp();
    y[i] = s[i ^ 1];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": x.reshape(-1, 2)[:, ::-1].ravel()},
    ),
]

FEATURES = SHUFFLES + VOTES
