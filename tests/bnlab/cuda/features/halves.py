"""Half precision: conversions, arithmetic, packed pairs, bfloat16."""

import numpy as np

from features.base import Feature, N, normal, zeros

X = normal(N, dtype="f2")
Y = normal(N, seed=14, dtype="f2")
HALF = 2.0**-11  # half a unit in the last place, relative


def half(values) -> np.ndarray:
    """Rounded to half precision, back in float64."""
    return np.asarray(values).astype("f2").astype("f8")


def bfloat(values) -> np.ndarray:
    """Bits of float32 numbers rounded to bfloat16, to nearest even."""
    bits = np.ascontiguousarray(values, "f4").view("u4").astype("u8")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("u2")


FEATURES = [
    Feature(
        name="half: in, float in between, out",
        code="""\
#include <cuda_fp16.h>

extern "C" __global__ void k(const __half* x, __half* y, float* z)
{
    int i = threadIdx.x;
    float v = __half2float(x[i]);
    z[i] = v;
    y[i] = __float2half(v * 1.7f);
}
""",
        arguments={"x": X, "y": zeros(N, dtype="f2"), "z": zeros(N)},
        expected=lambda x, y, z: {"z": x, "y": half((x * 1.7).astype("f4"))},
        tolerance=HALF,
    ),
    Feature(
        name="half: arithmetic, comparison, square root",
        code="""\
#include <cuda_fp16.h>

extern "C" __global__ void k(const __half* a, const __half* b, __half* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = a[i] + b[i];
    y[n + i] = a[i] * b[i] - b[i];
    y[2 * n + i] = __hgt(a[i], b[i]) ? a[i] : __hneg(b[i]);
    y[3 * n + i] = hsqrt(__habs(a[i]));
    y[4 * n + i] = __hmax(a[i], b[i]);
}
""",
        arguments={"a": X, "b": Y, "y": zeros(5, N, dtype="f2")},
        expected=lambda a, b, y: {
            "y": [
                half(a + b),
                half(a * b - b),
                np.where(a > b, a, -b),
                half(np.sqrt(abs(a))),
                np.maximum(a, b),
            ]
        },
        tolerance=2 * HALF,
    ),
    Feature(
        name="half2: two at a time, fused multiply-add",
        code="""\
#include <cuda_fp16.h>

extern "C" __global__ void k(const __half2* x, __half2* y)
{
    int i = threadIdx.x;
    y[i] = __hfma2(x[i], x[i], x[i]);
}
""",
        arguments={"x": X, "y": zeros(N, dtype="f2")},
        expected=lambda x, y: {"y": half(x * x + x)},
        block=(N // 2,),
        tolerance=1e-12,
    ),
    Feature(
        name="half2: sum, product, difference, negation, parts",
        code="""\
#include <cuda_fp16.h>

extern "C" __global__ void k(const __half2* a, const __half2* b, __half2* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __hadd2(a[i], b[i]);
    y[n + i] = __hmul2(a[i], b[i]);
    y[2 * n + i] = __hsub2(a[i], __hneg2(b[i]));
    y[3 * n + i] = __halves2half2(__high2half(a[i]), __low2half(b[i]));
    float2 f = __half22float2(a[i]);
    y[4 * n + i] = __floats2half2_rn(f.y, f.x);
}
""",
        arguments={"a": X, "b": Y, "y": zeros(5, N, dtype="f2")},
        expected=lambda a, b, y: {
            "y": [
                half(a + b),
                half(a * b),
                half(a + b),
                np.stack([a[1::2], b[::2]], 1).ravel(),
                np.stack([a[1::2], a[::2]], 1).ravel(),
            ]
        },
        block=(N // 2,),
        tolerance=1e-12,
    ),
    Feature(
        name="half: overflow to infinity, smallest numbers, NaN",
        code="""\
#include <cuda_fp16.h>

extern "C" __global__ void k(const float* x, __half* y)
{
    y[threadIdx.x] = __float2half(x[threadIdx.x]);
}
""",
        arguments={
            "x": np.array([65504, 65520, -1e6, 6e-8, 2e-8, np.nan, np.inf, 1.0005], "f4"),
            "y": zeros(8, dtype="f2"),
        },
        expected=lambda x, y: {"y": half_with_infinities(x)},
        block=(8,),
        tolerance=1e-12,
    ),
    Feature(
        name="half: shuffles and a sum over the warp",
        code="""\
#include <cuda_fp16.h>

extern "C" __global__ void k(const __half* x, float* y)
{
    float v = __half2float(__shfl_xor_sync(0xffffffff, x[threadIdx.x], 1));
    for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(0xffffffff, v, d);
    y[threadIdx.x] = v;
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": np.repeat(x.reshape(-1, 32).sum(1), 32)},
        tolerance=5e-6,
    ),
    Feature(
        name="half and half2 atomicAdd",
        code="""\
#include <cuda_fp16.h>

extern "C" __global__ void k(__half* one, __half2* two)
{
    atomicAdd(one, __float2half(1.f));
    atomicAdd(two, __floats2half2_rn(0.5f, 2.f));
}
""",
        arguments={"one": zeros(2, dtype="f2"), "two": zeros(2, dtype="f2")},
        expected=lambda one, two: {"one": [32, 0], "two": [16, 64]},
        block=(32,),
    ),
    Feature(
        name="bfloat16: in, float in between, out",
        code="""\
#include <cuda_bf16.h>

extern "C" __global__ void k(const __nv_bfloat16* x, __nv_bfloat16* y, float* z)
{
    int i = threadIdx.x;
    float v = __bfloat162float(x[i]);
    z[i] = v;
    y[i] = __float2bfloat16(v * 1.7f);
}
""",
        arguments={
            "x": bfloat(normal(N)),
            "y": zeros(N, dtype="u2"),
            "z": zeros(N),
        },
        expected=lambda x, y, z: {
            "z": (x.astype("u4") << 16).view("f4"),
            "y": bfloat((x.astype("u4") << 16).view("f4") * np.float32(1.7)),
        },
    ),
]


def half_with_infinities(x) -> np.ndarray:
    with np.errstate(over="ignore"):
        return half(x)
