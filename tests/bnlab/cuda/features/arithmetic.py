"""Functions of one float, one line of CUDA C++ each, and of doubles."""

import math
from fractions import Fraction

import numpy as np

from features.base import Feature, N, normal, zeros

TEMPLATE = """\
extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x;
    float v = x[i];
    y[i] = %s;
}
"""
erf = np.vectorize(math.erf)
erfc = np.vectorize(math.erfc)
lgamma = np.vectorize(math.lgamma)
f4 = np.float32

# Expression in v, the same in NumPy, and a tolerance where 1e-6 is too tight for the function.
EXPRESSIONS = [
    ("expf(v)", np.exp),
    ("__expf(v)", np.exp, 1e-5),
    ("exp2f(v)", np.exp2),
    ("exp10f(v)", lambda v: 10.0**v),
    ("expm1f(v)", np.expm1),
    ("logf(fabsf(v))", lambda v: np.log(abs(v))),
    ("__logf(fabsf(v))", lambda v: np.log(abs(v)), 1e-5),
    ("log2f(fabsf(v))", lambda v: np.log2(abs(v))),
    ("log10f(fabsf(v))", lambda v: np.log10(abs(v))),
    ("log1pf(fabsf(v))", lambda v: np.log1p(abs(v))),
    ("sqrtf(fabsf(v))", lambda v: np.sqrt(abs(v))),
    ("rsqrtf(fabsf(v))", lambda v: 1 / np.sqrt(abs(v))),
    ("cbrtf(v)", np.cbrt),
    ("hypotf(v, 1.f)", lambda v: np.hypot(v, 1)),
    ("powf(fabsf(v), 1.5f)", lambda v: abs(v) ** 1.5),
    ("__powf(fabsf(v), 1.5f)", lambda v: abs(v) ** 1.5, 1e-5),
    ("sinf(v)", np.sin),
    ("__sinf(v)", np.sin, 1e-5),
    ("cosf(v)", np.cos),
    ("tanf(v / 4)", lambda v: np.tan(v / 4), 2e-6),
    ("sinpif(v)", lambda v: np.sin(np.pi * v), 2e-6),
    ("asinf(v / 8)", lambda v: np.arcsin(v / 8)),
    ("acosf(v / 8)", lambda v: np.arccos(v / 8)),
    ("atanf(v)", np.arctan),
    ("atan2f(v, -2.f)", lambda v: np.arctan2(v, -2)),
    ("sinhf(v)", np.sinh),
    ("coshf(v)", np.cosh),
    ("tanhf(v)", np.tanh),
    ("asinhf(v)", np.arcsinh),
    ("erff(v)", erf),
    ("erfcf(v)", erfc),
    ("lgammaf(fabsf(v) + 1)", lambda v: lgamma(abs(v) + 1), 2e-6),
    ("normcdff(v)", lambda v: 0.5 * erfc(-v / math.sqrt(2))),
    ("1.f / (1.f + expf(-v))", lambda v: 1 / (1 + np.exp(-v))),
    ("fmaxf(v, 0.f)", lambda v: np.maximum(v, 0)),
    ("fminf(v, 1.f)", lambda v: np.minimum(v, 1)),
    ("fdimf(v, 1.f)", lambda v: np.maximum(v - 1, 0)),
    ("floorf(v)", np.floor),
    ("ceilf(v)", np.ceil),
    ("rintf(v)", np.rint),
    ("truncf(v)", np.trunc),
    ("roundf(v)", lambda v: np.trunc(v + np.copysign(0.5, v))),
    ("fmodf(v, 0.7f)", lambda v: np.fmod(v, float(f4(0.7))), 1e-6),
    ("remainderf(v, 0.75f)", lambda v: v - 0.75 * np.rint(v / 0.75)),
    ("ldexpf(v, 3)", lambda v: v * 8),
    ("__fdividef(v, 3.f)", lambda v: v / 3),
    ("__frcp_rn(v)", lambda v: 1 / v),
    ("fmaf(v, v, 1.f)", lambda v: v * v + 1),
    ("copysignf(2.f, v)", lambda v: np.copysign(2, v)),
    ("__saturatef(v)", lambda v: np.clip(v, 0, 1)),
    ("v > 0 ? v : 0.1f * v", lambda v: np.where(v > 0, v, float(f4(0.1)) * v)),
    ("isnan(v) ? 0.f : (isfinite(v) ? 1.f : 2.f)", np.ones_like),
    ("isinf(v / 0.f) ? 1.f : 0.f", np.ones_like),
    ("isnan(sqrtf(-fabsf(v))) ? 1.f : 0.f", np.ones_like),
    ("signbit(v) ? 1.f : 0.f", lambda v: 1.0 * (v < 0)),
    ("(float)(double)v * 2", lambda v: v * 2),
    ("(float)(int)v", np.trunc),
    ("(float)(unsigned)fabsf(v)", lambda v: np.trunc(abs(v))),
    ("(float)__float2int_rn(v)", np.rint),
    ("(float)__float2int_ru(v)", np.ceil),
    ("(float)__float2int_rd(v)", np.floor),
    ("__int_as_float(__float_as_int(v))", lambda v: v),
    ("__int_as_float(__float_as_int(v) & 0x7fffffff)", abs),
]

MATH = [
    Feature(
        name=expression,
        code=TEMPLATE % expression,
        arguments={"x": normal(N), "y": zeros(N)},
        expected=lambda x, y, reference=reference: {"y": reference(x)},
        tolerance=tolerance[0] if tolerance else 1e-6,
    )
    for expression, reference, *tolerance in EXPRESSIONS
]

OTHERS = [
    Feature(
        name="double: sqrt, rsqrt, division, exp, log, pow, sin, tanh, erf, fma",
        code="""\
extern "C" __global__ void k(const double* x, double* y)
{
    int i = threadIdx.x, n = blockDim.x;
    double v = x[i];
    y[i] = sqrt(fabs(v)) + rsqrt(v * v + 1);
    y[n + i] = v / 3 + exp(v);
    y[2 * n + i] = log(fabs(v)) + pow(fabs(v), 1.5);
    y[3 * n + i] = sin(v) + tanh(v);
    y[4 * n + i] = erf(v) + fma(v, v, 1.0);
}
""",
        arguments={"x": normal(N, dtype="f8"), "y": zeros(5, N, dtype="f8")},
        expected=lambda x, y: {
            "y": [
                np.sqrt(abs(x)) + 1 / np.sqrt(x * x + 1),
                x / 3 + np.exp(x),
                np.log(abs(x)) + abs(x) ** 1.5,
                np.sin(x) + np.tanh(x),
                erf(x) + (x * x + 1),
            ]
        },
        tolerance=1e-14,
    ),
    Feature(
        name="two results by pointer: sincosf, frexpf, modff",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x, n = blockDim.x, exponent;
    float s, c, whole;
    sincosf(x[i], &s, &c);
    y[i] = s * c;
    float mantissa = frexpf(x[i], &exponent);
    y[n + i] = mantissa * 100 + exponent;
    float fraction = modff(x[i], &whole);
    y[2 * n + i] = 10 * whole + fraction;
}
""",
        arguments={"x": normal(N), "y": zeros(3, N)},
        expected=lambda x, y: {
            "y": [
                np.sin(x) * np.cos(x),
                np.frexp(x)[0] * 100 + np.frexp(x)[1],
                10 * np.trunc(x) + (x - np.trunc(x)),
            ]
        },
    ),
    Feature(
        name="fused multiply-add keeps the low digits",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    float v = x[threadIdx.x], square = __fmul_rn(v, v);
    y[threadIdx.x] = fmaf(v, v, -square);  // what rounding the square lost
}
""",
        arguments={"x": normal(N), "y": zeros(N)},
        expected=lambda x, y: {"y": (x * x - (x * x).astype("f4")) * 1.0},
        tolerance=1e-12,
    ),
    Feature(
        name="double: fused multiply-add keeps the low digits",
        code="""\
extern "C" __global__ void k(const double* x, double* y)
{
    double v = x[threadIdx.x], square = __dmul_rn(v, v);
    y[threadIdx.x] = fma(v, v, -square);
}
""",
        arguments={"x": normal(N, dtype="f8"), "y": zeros(N, dtype="f8")},
        expected=lambda x, y: {"y": [float(Fraction(v) ** 2 - Fraction(v * v)) for v in x]},
        tolerance=0,
    ),
    Feature(
        name="float to integer at and beyond the limits, and from NaN",
        code="""\
extern "C" __global__ void k(const float* x, int* s, unsigned* u)
{
    int i = threadIdx.x;
    s[i] = (int)x[i];
    u[i] = (unsigned)x[i];
}
""",
        arguments={
            "x": np.array([0, -1.7, 3e9, -3e9, 5e9, np.nan, np.inf, -np.inf], "f4"),
            "s": zeros(8, dtype="i4"),
            "u": zeros(8, dtype="u4"),
        },
        # PTX clamps to the limits of the type, and makes NaN 0.
        expected=lambda x, s, u: {
            "s": np.array([0, -1, 2**31 - 1, -(2**31), 2**31 - 1, 0, 2**31 - 1, -(2**31)], "i4"),
            "u": np.array([0, 0, 3_000_000_000, 0, 2**32 - 1, 0, 2**32 - 1, 0], "u4"),
        },
        block=(8,),
    ),
    Feature(
        name="comparisons with NaN, and fmaxf that drops it",
        code="""\
extern "C" __global__ void k(const float* x, int* y, float* m)
{
    float v = x[threadIdx.x];
    y[threadIdx.x] = (v < 1.f) + 2 * (v >= 1.f) + 4 * (v == v) + 8 * (v != v) + 16 * !(v > 1.f);
    m[threadIdx.x] = fmaxf(v, -1.f);
}
""",
        arguments={
            "x": np.array([np.nan, 0, 1, 2], "f4"),
            "y": zeros(4, dtype="i4"),
            "m": zeros(4),
        },
        expected=lambda x, y, m: {"y": [24, 1 + 4 + 16, 2 + 4 + 16, 2 + 4], "m": np.fmax(x, -1)},
        block=(4,),
    ),
]

FEATURES = MATH + OTHERS
