// The part of CUDA's cuda_fp16.h that kernels use.
#pragma once
struct __align__(2) __half {
  _Float16 value;
  __half() = default;
  __device__ __half(float v) : value((_Float16)v) {}
  __device__ __half(double v) : value((_Float16)v) {}
  __device__ __half(int v) : value((_Float16)v) {}
  __device__ operator float() const { return (float)value; }
};
struct __align__(4) __half2 {
  __half x, y;
};
typedef __half half;
typedef __half2 half2;

__lab__ __half __lab_half(_Float16 v) {
  __half h;
  h.value = v;
  return h;
}
__lab__ float __half2float(__half h) { return (float)h.value; }
__lab__ __half __float2half(float v) { return __lab_half((_Float16)v); }
__lab__ __half __float2half_rn(float v) { return __lab_half((_Float16)v); }
__lab__ __half __double2half(double v) { return __lab_half((_Float16)v); }
__lab__ __half __int2half_rn(int v) { return __lab_half((_Float16)v); }
__lab__ int __half2int_rn(__half h) { return __float2int_rn((float)h.value); }
__lab__ short __half_as_short(__half h) { return __builtin_bit_cast(short, h.value); }
__lab__ unsigned short __half_as_ushort(__half h) {
  return __builtin_bit_cast(unsigned short, h.value);
}
__lab__ __half __short_as_half(short v) { return __lab_half(__builtin_bit_cast(_Float16, v)); }
__lab__ __half __ushort_as_half(unsigned short v) {
  return __lab_half(__builtin_bit_cast(_Float16, v));
}

__lab__ __half2 make_half2(__half x, __half y) { return {x, y}; }
__lab__ __half2 __halves2half2(__half x, __half y) { return {x, y}; }
__lab__ __half2 __half2half2(__half h) { return {h, h}; }
__lab__ __half __low2half(__half2 v) { return v.x; }
__lab__ __half __high2half(__half2 v) { return v.y; }
__lab__ float __low2float(__half2 v) { return (float)v.x.value; }
__lab__ float __high2float(__half2 v) { return (float)v.y.value; }
__lab__ __half2 __lowhigh2highlow(__half2 v) { return {v.y, v.x}; }
__lab__ __half2 __floats2half2_rn(float x, float y) { return {__float2half(x), __float2half(y)}; }
__lab__ __half2 __float2half2_rn(float v) { return __floats2half2_rn(v, v); }
__lab__ __half2 __float22half2_rn(float2 v) { return __floats2half2_rn(v.x, v.y); }
__lab__ float2 __half22float2(__half2 v) { return {(float)v.x.value, (float)v.y.value}; }

#define __lab_binary(NAME, OPERATOR)                                                        \
  __lab__ __half NAME(__half a, __half b) { return __lab_half(a.value OPERATOR b.value); }  \
  __lab__ __half2 NAME##2(__half2 a, __half2 b) { return {NAME(a.x, b.x), NAME(a.y, b.y)}; } \
  __lab__ __half operator OPERATOR(__half a, __half b) { return NAME(a, b); }               \
  __lab__ __half2 operator OPERATOR(__half2 a, __half2 b) { return NAME##2(a, b); }         \
  __lab__ __half &operator OPERATOR##=(__half &a, __half b) { return a = NAME(a, b); }      \
  __lab__ __half2 &operator OPERATOR##=(__half2 &a, __half2 b) { return a = NAME##2(a, b); }
__lab_binary(__hadd, +)
__lab_binary(__hsub, -)
__lab_binary(__hmul, *)
__lab_binary(__lab_hdiv, /)
#undef __lab_binary
__lab__ __half __hdiv(__half a, __half b) { return __lab_hdiv(a, b); }
__lab__ __half2 __h2div(__half2 a, __half2 b) { return __lab_hdiv2(a, b); }

#define __lab_compare(NAME, OPERATOR)                                          \
  __lab__ bool NAME(__half a, __half b) { return a.value OPERATOR b.value; }   \
  __lab__ bool operator OPERATOR(__half a, __half b) { return NAME(a, b); }
__lab_compare(__heq, ==)
__lab_compare(__hne, !=)
__lab_compare(__hlt, <)
__lab_compare(__hle, <=)
__lab_compare(__hgt, >)
__lab_compare(__hge, >=)
#undef __lab_compare

__lab__ __half __hfma(__half a, __half b, __half c) {
  return __lab_half(__builtin_elementwise_fma(a.value, b.value, c.value));
}
__lab__ __half2 __hfma2(__half2 a, __half2 b, __half2 c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
__lab__ __half __hneg(__half a) { return __lab_half(-a.value); }
__lab__ __half2 __hneg2(__half2 a) { return {__hneg(a.x), __hneg(a.y)}; }
__lab__ __half operator-(__half a) { return __hneg(a); }
__lab__ __half2 operator-(__half2 a) { return __hneg2(a); }
__lab__ __half __habs(__half a) { return __ushort_as_half(__half_as_ushort(a) & 0x7fff); }
__lab__ __half2 __habs2(__half2 a) { return {__habs(a.x), __habs(a.y)}; }
__lab__ bool __hisnan(__half a) { return a.value != a.value; }
__lab__ __half __hmax(__half a, __half b) { return __float2half(fmaxf(a, b)); }
__lab__ __half __hmin(__half a, __half b) { return __float2half(fminf(a, b)); }
__lab__ __half2 __hmax2(__half2 a, __half2 b) { return {__hmax(a.x, b.x), __hmax(a.y, b.y)}; }
__lab__ __half2 __hmin2(__half2 a, __half2 b) { return {__hmin(a.x, b.x), __hmin(a.y, b.y)}; }
__lab__ __half hsqrt(__half a) { return __float2half(sqrtf(a)); }
__lab__ __half hrsqrt(__half a) { return __float2half(rsqrtf(a)); }
__lab__ __half hexp(__half a) { return __float2half(expf(a)); }
__lab__ __half hlog(__half a) { return __float2half(logf(a)); }
__lab__ __half htanh(__half a) { return __float2half(tanhf(a)); }

#define __lab_shuffle(NAME)                                                            \
  __lab__ __half NAME(unsigned mask, __half v, int lane, int width = 32) {             \
    return __short_as_half((short)NAME(mask, (int)__half_as_short(v), lane, width));   \
  }                                                                                    \
  __lab__ __half2 NAME(unsigned mask, __half2 v, int lane, int width = 32) {           \
    return __builtin_bit_cast(__half2, NAME(mask, __builtin_bit_cast(int, v), lane, width)); \
  }
__lab_shuffle(__shfl_sync)
__lab_shuffle(__shfl_up_sync)
__lab_shuffle(__shfl_down_sync)
__lab_shuffle(__shfl_xor_sync)
#undef __lab_shuffle

__lab__ __half atomicAdd(__half *p, __half v) {
  unsigned short old;
  asm volatile("atom.add.noftz.f16 %0, [%1], %2;"
               : "=h"(old)
               : "l"(p), "h"(__half_as_ushort(v))
               : "memory");
  return __ushort_as_half(old);
}
__lab__ __half2 atomicAdd(__half2 *p, __half2 v) {
  unsigned old;
  asm volatile("atom.add.noftz.f16x2 %0, [%1], %2;"
               : "=r"(old)
               : "l"(p), "r"(__builtin_bit_cast(unsigned, v))
               : "memory");
  return __builtin_bit_cast(__half2, old);
}
