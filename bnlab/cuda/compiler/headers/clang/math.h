// C++'s names for both precisions, tests of numbers, and operations with a rounding of their own.
#pragma once
#define __lab_overload(NAME) \
  __lab__ float NAME(float x) { return NAME##f(x); }
#define __lab_overload2(NAME)                                      \
  __lab__ float NAME(float x, float y) { return NAME##f(x, y); }   \
  __lab__ double NAME(float x, double y) { return NAME((double)x, y); } \
  __lab__ double NAME(double x, float y) { return NAME(x, (double)y); }
__lab_overload(fabs)
__lab_overload(sqrt)
__lab_overload(rsqrt)
__lab_overload(cbrt)
__lab_overload(rcbrt)
__lab_overload(floor)
__lab_overload(ceil)
__lab_overload(trunc)
__lab_overload(rint)
__lab_overload(nearbyint)
__lab_overload(round)
__lab_overload(exp)
__lab_overload(exp2)
__lab_overload(exp10)
__lab_overload(expm1)
__lab_overload(log)
__lab_overload(log2)
__lab_overload(log10)
__lab_overload(log1p)
__lab_overload(sin)
__lab_overload(cos)
__lab_overload(tan)
__lab_overload(asin)
__lab_overload(acos)
__lab_overload(atan)
__lab_overload(sinh)
__lab_overload(cosh)
__lab_overload(tanh)
__lab_overload(asinh)
__lab_overload(acosh)
__lab_overload(atanh)
__lab_overload(erf)
__lab_overload(erfc)
__lab_overload(lgamma)
__lab_overload2(pow)
__lab_overload2(fmod)
__lab_overload2(hypot)
__lab_overload2(atan2)
__lab_overload2(fmin)
__lab_overload2(fmax)
__lab_overload2(fdim)
__lab_overload2(remainder)
__lab_overload2(copysign)
#undef __lab_overload
#undef __lab_overload2
__lab__ float pow(float x, int n) { return powf(x, (float)n); }
__lab__ double pow(double x, int n) { return pow(x, (double)n); }
__lab__ float fma(float x, float y, float z) { return fmaf(x, y, z); }
__lab__ float ldexp(float x, int n) { return ldexpf(x, n); }
__lab__ float abs(float x) { return fabsf(x); }
__lab__ double abs(double x) { return fabs(x); }
__lab__ float min(float x, float y) { return fminf(x, y); }
__lab__ float max(float x, float y) { return fmaxf(x, y); }
__lab__ double min(double x, double y) { return fmin(x, y); }
__lab__ double max(double x, double y) { return fmax(x, y); }
__lab__ double min(float x, double y) { return fmin((double)x, y); }
__lab__ double min(double x, float y) { return fmin(x, (double)y); }
__lab__ double max(float x, double y) { return fmax((double)x, y); }
__lab__ double max(double x, float y) { return fmax(x, (double)y); }

#define __lab_tests(T, FABS)                                                     \
  __lab__ bool isnan(T x) { return x != x; }                                     \
  __lab__ bool isinf(T x) { return FABS(x) == (T)__builtin_inf(); }              \
  __lab__ bool isfinite(T x) { return FABS(x) < (T)__builtin_inf(); }            \
  __lab__ bool signbit(T x) { return __builtin_signbit(x); }
__lab_tests(float, fabsf)
__lab_tests(double, fabs)
#undef __lab_tests

// Never joined to an fma, unlike x + y * z.
#define __lab_rounded(R, L)                                                              \
  __lab__ float __fadd_##R(float x, float y) { return __nvvm_add_##L##_f(x, y); }      \
  __lab__ float __fsub_##R(float x, float y) { return __nvvm_add_##L##_f(x, -y); }     \
  __lab__ float __fmul_##R(float x, float y) { return __nvvm_mul_##L##_f(x, y); }      \
  __lab__ float __fmaf_##R(float x, float y, float z) { return __nvvm_fma_##L##_f(x, y, z); } \
  __lab__ double __dadd_##R(double x, double y) { return __nvvm_add_##L##_d(x, y); }   \
  __lab__ double __dsub_##R(double x, double y) { return __nvvm_add_##L##_d(x, -y); }  \
  __lab__ double __dmul_##R(double x, double y) { return __nvvm_mul_##L##_d(x, y); }   \
  __lab__ double __fma_##R(double x, double y, double z) { return __nvvm_fma_##L##_d(x, y, z); } \
  __lab__ int __float2int_##R(float x) { return __nvvm_f2i_##L(x); }                   \
  __lab__ unsigned __float2uint_##R(float x) { return __nvvm_f2ui_##L(x); }            \
  __lab__ long long __float2ll_##R(float x) { return __nvvm_f2ll_##L(x); }             \
  __lab__ unsigned long long __float2ull_##R(float x) { return __nvvm_f2ull_##L(x); }  \
  __lab__ int __double2int_##R(double x) { return __nvvm_d2i_##L(x); }                 \
  __lab__ unsigned __double2uint_##R(double x) { return __nvvm_d2ui_##L(x); }          \
  __lab__ long long __double2ll_##R(double x) { return __nvvm_d2ll_##L(x); }           \
  __lab__ float __int2float_##R(int x) { return __nvvm_i2f_##L(x); }                   \
  __lab__ float __uint2float_##R(unsigned x) { return __nvvm_ui2f_##L(x); }            \
  __lab__ float __ll2float_##R(long long x) { return __nvvm_ll2f_##L(x); }             \
  __lab__ float __double2float_##R(double x) { return __nvvm_d2f_##L(x); }
__lab_rounded(rn, rn)
__lab_rounded(rz, rz)
__lab_rounded(ru, rp)
__lab_rounded(rd, rm)
#undef __lab_rounded
__lab__ float __fdiv_rn(float x, float y) { return __nvvm_div_rn_f(x, y); }
__lab__ float __frcp_rn(float x) { return __nvvm_rcp_rn_f(x); }
__lab__ float __fsqrt_rn(float x) { return __nvvm_sqrt_rn_f(x); }
__lab__ float __frsqrt_rn(float x) { return (float)rsqrt((double)x); }
__lab__ double __ddiv_rn(double x, double y) { return __nvvm_div_rn_d(x, y); }
__lab__ double __drcp_rn(double x) { return __nvvm_rcp_rn_d(x); }
__lab__ double __dsqrt_rn(double x) { return sqrt(x); }
__lab__ double __int2double_rn(int x) { return x; }
__lab__ double __ll2double_rn(long long x) { return (double)x; }
__lab__ long long llrint(double x) { return __double2ll_rn(x); }
__lab__ long long llrintf(float x) { return __float2ll_rn(x); }
__lab__ long lrintf(float x) { return __float2ll_rn(x); }
__lab__ long lroundf(float x) { return (long)roundf(x); }
