// The part of CUDA's cuda_bf16.h that kernels use: conversions, and arithmetic rounded to bfloat16.
#pragma once
struct __align__(2) __nv_bfloat16 {
  unsigned short bits;
  __nv_bfloat16() = default;
  __device__ __nv_bfloat16(float v) {
    unsigned u = __float_as_uint(v);  // to nearest, ties to even
    bits = v != v ? 0x7fff : (u + 0x7fff + (u >> 16 & 1)) >> 16;
  }
  __device__ operator float() const { return __uint_as_float((unsigned)bits << 16); }
};
struct __align__(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
__lab__ float __bfloat162float(__nv_bfloat16 v) { return v; }
__lab__ __nv_bfloat16 __float2bfloat16(float v) { return v; }
__lab__ __nv_bfloat16 __float2bfloat16_rn(float v) { return v; }
__lab__ __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
__lab__ float2 __bfloat1622float2(__nv_bfloat162 v) { return {(float)v.x, (float)v.y}; }
#define __lab_binary(NAME, OPERATOR)                                                            \
  __lab__ __nv_bfloat16 NAME(__nv_bfloat16 a, __nv_bfloat16 b) {                                \
    return (float)a OPERATOR (float)b;                                                          \
  }                                                                                             \
  __lab__ __nv_bfloat16 operator OPERATOR(__nv_bfloat16 a, __nv_bfloat16 b) { return NAME(a, b); } \
  __lab__ __nv_bfloat16 &operator OPERATOR##=(__nv_bfloat16 &a, __nv_bfloat16 b) {              \
    return a = NAME(a, b);                                                                      \
  }
__lab_binary(__hadd, +)
__lab_binary(__hsub, -)
__lab_binary(__hmul, *)
__lab_binary(__hdiv, /)
#undef __lab_binary
__lab__ __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) {
  return fmaf(a, b, c);
}
