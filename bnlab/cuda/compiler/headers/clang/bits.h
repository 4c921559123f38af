// Bits of numbers, and functions of integers.
#pragma once
__lab__ int __float_as_int(float v) { return __builtin_bit_cast(int, v); }
__lab__ unsigned __float_as_uint(float v) { return __builtin_bit_cast(unsigned, v); }
__lab__ float __int_as_float(int v) { return __builtin_bit_cast(float, v); }
__lab__ float __uint_as_float(unsigned v) { return __builtin_bit_cast(float, v); }
__lab__ long long __double_as_longlong(double v) { return __builtin_bit_cast(long long, v); }
__lab__ double __longlong_as_double(long long v) { return __builtin_bit_cast(double, v); }
__lab__ int __double2loint(double v) { return (int)__double_as_longlong(v); }
__lab__ int __double2hiint(double v) { return (int)(__double_as_longlong(v) >> 32); }
__lab__ double __hiloint2double(int high, int low) {
  return __longlong_as_double((long long)high << 32 | (unsigned)low);
}

__lab__ int __popc(unsigned v) { return __builtin_popcount(v); }
__lab__ int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
__lab__ int __clz(int v) { return v ? __builtin_clz(v) : 32; }
__lab__ int __clzll(long long v) { return v ? __builtin_clzll(v) : 64; }
__lab__ int __ffs(int v) { return __builtin_ffs(v); }
__lab__ int __ffsll(long long v) { return __builtin_ffsll(v); }
__lab__ unsigned __brev(unsigned v) { return __builtin_bitreverse32(v); }
__lab__ unsigned long long __brevll(unsigned long long v) { return __builtin_bitreverse64(v); }
__lab__ unsigned __byte_perm(unsigned a, unsigned b, unsigned s) { return __nvvm_prmt(a, b, s); }
__lab__ unsigned __funnelshift_l(unsigned low, unsigned high, unsigned n) {
  return __builtin_elementwise_fshl(high, low, n);
}
__lab__ unsigned __funnelshift_r(unsigned low, unsigned high, unsigned n) {
  return __builtin_elementwise_fshr(high, low, n);
}
__lab__ int __mulhi(int a, int b) { return (long long)a * b >> 32; }
__lab__ unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long long)a * b >> 32; }
__lab__ long long __mul64hi(long long a, long long b) { return (__int128)a * b >> 64; }
__lab__ unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned __int128)a * b >> 64;
}
__lab__ int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
__lab__ unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
__lab__ unsigned __sad(int a, int b, unsigned c) { return (a < b ? b - a : a - b) + c; }
__lab__ int __dp4a(int a, int b, int c) {
  for (int n = 0; n < 32; n += 8) c += (signed char)(a >> n) * (signed char)(b >> n);
  return c;
}
__lab__ unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int n = 0; n < 32; n += 8) c += (a >> n & 255) * (b >> n & 255);
  return c;
}

__lab__ int abs(int v) { return v < 0 ? -v : v; }
__lab__ long abs(long v) { return v < 0 ? -v : v; }
__lab__ long long abs(long long v) { return v < 0 ? -v : v; }
__lab__ long labs(long v) { return abs(v); }
__lab__ long long llabs(long long v) { return abs(v); }

#define __lab_least(T)                                   \
  __lab__ T min(T a, T b) { return b < a ? b : a; }      \
  __lab__ T max(T a, T b) { return a < b ? b : a; }
#define __lab_mixed(S, U)                                \
  __lab__ U min(S a, U b) { return min((U)a, b); }       \
  __lab__ U min(U a, S b) { return min(a, (U)b); }       \
  __lab__ U max(S a, U b) { return max((U)a, b); }       \
  __lab__ U max(U a, S b) { return max(a, (U)b); }
__lab_least(int)
__lab_least(unsigned)
__lab_least(long)
__lab_least(unsigned long)
__lab_least(long long)
__lab_least(unsigned long long)
__lab_mixed(int, unsigned)
__lab_mixed(long, unsigned long)
__lab_mixed(long long, unsigned long long)
#undef __lab_least
#undef __lab_mixed
__lab__ unsigned umin(unsigned a, unsigned b) { return min(a, b); }
__lab__ unsigned umax(unsigned a, unsigned b) { return max(a, b); }
