// The functions of single precision. The lab computes .approx instructions to the last digit, so
// they serve where the range of the argument allows; the others come from double precision.
#pragma once
__lab__ float fabsf(float x) { return __builtin_fabsf(x); }
__lab__ float copysignf(float x, float sign) { return __builtin_copysignf(x, sign); }
__lab__ float fmaf(float x, float y, float z) { return __nvvm_fma_rn_f(x, y, z); }
__lab__ float sqrtf(float x) { return __nvvm_sqrt_rn_f(x); }
__lab__ float rsqrtf(float x) { return __nvvm_rsqrt_approx_f(x); }
__lab__ float fminf(float x, float y) { return __nvvm_fmin_f(x, y); }
__lab__ float fmaxf(float x, float y) { return __nvvm_fmax_f(x, y); }
__lab__ float floorf(float x) { return __nvvm_floor_f(x); }
__lab__ float ceilf(float x) { return __nvvm_ceil_f(x); }
__lab__ float truncf(float x) { return __nvvm_trunc_f(x); }
__lab__ float rintf(float x) { return __builtin_roundevenf(x); }
__lab__ float nearbyintf(float x) { return rintf(x); }
__lab__ float fdividef(float x, float y) { return x / y; }
__lab__ float exp2f(float x) { return __nvvm_ex2_approx_f(x); }
__lab__ float log2f(float x) { return __nvvm_lg2_approx_f(x); }
__lab__ float sinf(float x) { return __nvvm_sin_approx_f(x); }
__lab__ float cosf(float x) { return __nvvm_cos_approx_f(x); }
__lab__ float expf(float x) {
  float n = rintf(x * 1.44269504f);  // 2^n is exact, and what is left is small
  n = fminf(fmaxf(n, -252.0f), 252.0f);
  float r = fmaf(n, -0.693145752f, x);  // ln 2 in two parts
  r = fmaf(n, -1.42860677e-6f, r);
  float half = truncf(n * 0.5f);
  return exp2f(r * 1.44269504f) * exp2f(half) * exp2f(n - half);
}
__lab__ float logf(float x) { return log2f(x) * 0.693147181f; }
__lab__ float log10f(float x) { return log2f(x) * 0.301029996f; }
__lab__ float tanhf(float x) {
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

#define __lab_from_double(NAME) \
  __lab__ float NAME##f(float x) { return (float)NAME((double)x); }
#define __lab_from_doubles(NAME) \
  __lab__ float NAME##f(float x, float y) { return (float)NAME((double)x, (double)y); }
__lab_from_double(round)
__lab_from_double(exp10)
__lab_from_double(expm1)
__lab_from_double(log1p)
__lab_from_double(cbrt)
__lab_from_double(rcbrt)
__lab_from_double(tan)
__lab_from_double(sinh)
__lab_from_double(cosh)
__lab_from_double(asin)
__lab_from_double(acos)
__lab_from_double(atan)
__lab_from_double(asinh)
__lab_from_double(acosh)
__lab_from_double(atanh)
__lab_from_double(sinpi)
__lab_from_double(cospi)
__lab_from_double(erf)
__lab_from_double(erfc)
__lab_from_double(normcdf)
__lab_from_double(lgamma)
__lab_from_doubles(pow)
__lab_from_doubles(fmod)
__lab_from_doubles(hypot)
__lab_from_doubles(atan2)
__lab_from_doubles(fdim)
__lab_from_doubles(remainder)
#undef __lab_from_double
#undef __lab_from_doubles
__lab__ float ldexpf(float x, int n) { return (float)ldexp((double)x, n); }
__lab__ float frexpf(float x, int *n) { return (float)frexp((double)x, n); }
__lab__ float modff(float x, float *whole) {
  *whole = truncf(x);
  return copysignf(x - *whole, x);
}
__lab__ void sincosf(float x, float *s, float *c) { *s = sinf(x), *c = cosf(x); }

__lab__ float __expf(float x) { return exp2f(x * 1.44269504f); }
__lab__ float __exp10f(float x) { return exp2f(x * 3.32192809f); }
__lab__ float __logf(float x) { return logf(x); }
__lab__ float __log2f(float x) { return log2f(x); }
__lab__ float __log10f(float x) { return log10f(x); }
__lab__ float __sinf(float x) { return sinf(x); }
__lab__ float __cosf(float x) { return cosf(x); }
__lab__ float __tanf(float x) { return sinf(x) / cosf(x); }
__lab__ void __sincosf(float x, float *s, float *c) { *s = sinf(x), *c = cosf(x); }
__lab__ float __powf(float x, float y) { return exp2f(y * log2f(x)); }
__lab__ float __fdividef(float x, float y) { return x / y; }
__lab__ float __saturatef(float x) { return __nvvm_saturate_f(x); }
