"""Global and constant memory, vectors, structs, scalars."""

import numpy as np

from features.base import Feature, N, integers, normal, zeros

X = normal(N)
THREAD = np.arange(N)

GLOBAL = [
    Feature(
        name="pointers chosen by a condition",
        code="""\
extern "C" __global__ void k(const float* a, const float* b, float* y)
{
    const float* p = (threadIdx.x & 1) ? a : b;
    y[threadIdx.x] = p[threadIdx.x];
}
""",
        arguments={"a": X, "b": normal(N, seed=9), "y": zeros(N)},
        expected=lambda a, b, y: {"y": np.where(THREAD % 2, a, b)},
    ),
    Feature(
        name="__constant__ and __device__ arrays with values",
        code="""\
__constant__ float weight[4] = {1.5f, 2.f, -3.f, 4.f};
__device__ int table[3] = {7, 8, 9};

extern "C" __global__ void k(float* y)
{
    int i = threadIdx.x;
    y[i] = weight[i & 3] + table[i % 3];
}
""",
        arguments={"y": zeros(N)},
        expected=lambda y: {
            "y": np.array([1.5, 2, -3, 4])[THREAD & 3] + np.array([7, 8, 9])[THREAD % 3]
        },
    ),
    Feature(
        name="a __device__ counter shared by all blocks",
        code="""\
__device__ int taken;

extern "C" __global__ void k(int* order)
{
    __shared__ int mine;
    if (threadIdx.x == 0) mine = atomicAdd(&taken, 1);
    __syncthreads();
    if (threadIdx.x == 31) atomicAdd(order + mine, 1);
}
""",
        arguments={"order": zeros(8, dtype="i4")},
        expected=lambda order: {"order": np.ones(8)},
        grid=(8,),
        block=(32,),
    ),
    Feature(
        name="a static variable in a kernel",
        code="""\
extern "C" __global__ void k(int* ticket)
{
    static int next = 100;
    if (threadIdx.x % 32 == 0) ticket[threadIdx.x / 32] = atomicAdd(&next, 1);
}
""",
        arguments={"ticket": zeros(1, dtype="i4")},
        expected=lambda ticket: {"ticket": [100]},
        block=(32,),
    ),
    Feature(
        name="cache hints: __ldg, __ldcs, __stcs, const __restrict__",
        code="""\
extern "C" __global__ void k(const float* __restrict__ x, float* __restrict__ y)
{
    int i = threadIdx.x;
    __stcs(y + i, __ldg(x + i) + __ldcs(x + 255 - i) + x[i ^ 1]);
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": x + x[::-1] + x[THREAD ^ 1]},
    ),
    Feature(
        name="volatile reads and writes",
        code="""\
extern "C" __global__ void k(volatile float* x, volatile float* y)
{
    int i = threadIdx.x;
    y[i] = x[i];
    y[i] = y[i] + x[i];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": 2 * x},
    ),
    Feature(
        name="indices of 64 bits and negative offsets",
        code="""\
extern "C" __global__ void k(const float* x, float* y, long long stride)
{
    const float* end = x + 255;
    size_t i = threadIdx.x;
    y[i] = end[-(long long)i * stride];
}
""",
        arguments={"x": X, "y": zeros(N), "stride": np.int64(1)},
        expected=lambda x, y, stride: {"y": x[::-1]},
    ),
    Feature(
        name="memcpy and memset in a kernel",
        code="""\
struct Row { float a[5]; };

extern "C" __global__ void k(const Row* x, Row* y)
{
    Row row, blank;
    memcpy(&row, x, sizeof(Row));
    memset(&blank, 0, sizeof(Row));
    row.a[2] = threadIdx.x;
    y[threadIdx.x] = (threadIdx.x & 1) ? blank : row;
}
""",
        arguments={"x": X[:5].copy(), "y": zeros(N, 5)},
        expected=lambda x, y: {"y": copied_rows(x)},
    ),
]

VECTORS = [
    Feature(
        name="float4 in, float2 out",
        code="""\
extern "C" __global__ void k(const float4* x, float2* y)
{
    float4 v = x[threadIdx.x];
    y[threadIdx.x] = make_float2(v.x + v.y, v.z * v.w);
}
""",
        arguments={"x": X, "y": zeros(N // 4, 2)},
        expected=lambda x, y: {
            "y": np.stack([x[0::4] + x[1::4], x[2::4] * x[3::4]], 1),
        },
        block=(N // 4,),
    ),
    Feature(
        name="float3, whose elements are 12 bytes apart",
        code="""\
extern "C" __global__ void k(const float3* x, float* y)
{
    float3 v = x[threadIdx.x];
    y[threadIdx.x] = v.x + 2 * v.y - v.z;
}
""",
        arguments={"x": normal(64, 3), "y": zeros(64)},
        expected=lambda x, y: {"y": x[:, 0] + 2 * x[:, 1] - x[:, 2]},
        block=(64,),
    ),
    Feature(
        name="double2, int4 and uchar4",
        code="""\
extern "C" __global__ void k(const double2* d, const int4* a, uchar4* c, double* y)
{
    int i = threadIdx.x;
    int4 v = a[i];
    y[i] = d[i].x * d[i].y + v.x - v.y + v.z - v.w;
    c[i] = make_uchar4(v.x, v.y, v.z, v.w);
}
""",
        arguments={
            "d": normal(64, 2, dtype="f8"),
            "a": integers(0, 256, 64, 4),
            "c": zeros(64, 4, dtype="u1"),
            "y": zeros(64, dtype="f8"),
        },
        expected=lambda d, a, c, y: {"y": d[:, 0] * d[:, 1] + a @ [1, -1, 1, -1], "c": a},
        block=(64,),
        tolerance=1e-14,
    ),
    Feature(
        name="a struct by value",
        code="""\
struct Settings { int n; float scale; int shift[2]; };

extern "C" __global__ void k(float* y, Settings s)
{
    int i = threadIdx.x;
    if (i < s.n) y[i] = s.scale * s.shift[i & 1];
}
""",
        arguments={
            "y": zeros(N),
            "s": np.array(
                (100, 2.5, (3, 4)), dtype=[("n", "i4"), ("scale", "f4"), ("shift", "i4", 2)]
            )[()],
        },
        expected=lambda y, s: {"y": np.where(THREAD < 100, 2.5 * (3 + THREAD % 2), 0)},
    ),
    Feature(
        name="scalars of eight types",
        code="""\
extern "C" __global__ void k(float* y, double a, long long b, short c, bool d,
                             unsigned char e, float f, unsigned g, signed char h)
{
    y[threadIdx.x] = a + b + c + d + e + f + g + h;
}
""",
        arguments={
            "y": zeros(4),
            "a": np.float64(1.5),
            "b": np.int64(7),
            "c": np.int16(-3),
            "d": np.bool_(True),
            "e": np.uint8(9),
            "f": np.float32(0.25),
            "g": np.uint32(11),
            "h": np.int8(-5),
        },
        expected=lambda y, **scalars: {"y": np.full(4, 1.5 + 7 - 3 + 1 + 9 + 0.25 + 11 - 5)},
        block=(4,),
    ),
]


def copied_rows(x) -> np.ndarray:
    rows = np.tile(x, (N, 1))
    rows[:, 2] = THREAD
    rows[1::2] = 0
    return rows


FEATURES = GLOBAL + VECTORS
