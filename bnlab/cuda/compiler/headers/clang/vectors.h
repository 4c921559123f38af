// float2, int4, ... and make_float2(...).
#pragma once

// Copied as clang's own vectors: one access of 16 bytes stays one, as NVRTC keeps it.
#define __lab_copies(NAME, T, N)                                                                   \
  typedef T __lab_##NAME __attribute__((ext_vector_type(N), may_alias));                           \
  struct NAME;                                                                                     \
  __lab__ __lab_##NAME &__lab_whole(NAME &v) { return *(__lab_##NAME *)&v; }                       \
  __lab__ const __lab_##NAME &__lab_whole(const NAME &v) { return *(const __lab_##NAME *)&v; }
#define __lab_copied(NAME)                                                                         \
  NAME() = default;                                                                                \
  __lab_method__ NAME(const NAME &v) { __lab_whole(*this) = __lab_whole(v); }                      \
  __lab_method__ NAME &operator=(const NAME &v) {                                                  \
    __lab_whole(*this) = __lab_whole(v);                                                           \
    return *this;                                                                                  \
  }
#define __lab_vectors(T, NAME)                                                                     \
  struct NAME##1 {                                                                                 \
    T x;                                                                                           \
  };                                                                                               \
  __lab_copies(NAME##2, T, 2)                                                                      \
  struct __attribute__((trivial_abi, aligned(2 * sizeof(T)))) NAME##2 {                            \
    T x, y;                                                                                        \
    __lab_copied(NAME##2)                                                                          \
    __lab_method__ constexpr NAME##2(T a, T b) : x(a), y(b) {}                                     \
  };                                                                                               \
  __lab_makers(T, NAME)
#define __lab_makers(T, NAME)                                                                      \
  __lab__ NAME##1 make_##NAME##1(T x) { return {x}; }                                              \
  __lab__ NAME##2 make_##NAME##2(T x, T y) { return {x, y}; }                                      \
  __lab__ NAME##3 make_##NAME##3(T x, T y, T z) { return {x, y, z}; }                              \
  __lab__ NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }
#define __lab_three(T, NAME)                                                                       \
  struct NAME##3 {                                                                                 \
    T x, y, z;                                                                                     \
  };
#define __lab_four(T, NAME)                                                                        \
  __lab_copies(NAME##4, T, 4)                                                                      \
  struct __attribute__((trivial_abi, aligned(4 * sizeof(T)))) NAME##4 {                            \
    T x, y, z, w;                                                                                  \
    __lab_copied(NAME##4)                                                                          \
    __lab_method__ constexpr NAME##4(T a, T b, T c = 0, T d = 0) : x(a), y(b), z(c), w(d) {}       \
  };
// Of 32 bytes, which take two accesses anyway.
#define __lab_long_four(T, NAME)                                                                   \
  struct __align__(16) NAME##4 {                                                                   \
    T x, y, z, w;                                                                                  \
  };
__lab_three(signed char, char) __lab_four(signed char, char) __lab_vectors(signed char, char)
__lab_three(unsigned char, uchar) __lab_four(unsigned char, uchar)
__lab_vectors(unsigned char, uchar)
__lab_three(short, short) __lab_four(short, short) __lab_vectors(short, short)
__lab_three(unsigned short, ushort) __lab_four(unsigned short, ushort)
__lab_vectors(unsigned short, ushort)
__lab_three(int, int) __lab_four(int, int) __lab_vectors(int, int)
__lab_four(unsigned, uint) __lab_vectors(unsigned, uint)
__lab_three(float, float) __lab_four(float, float) __lab_vectors(float, float)
__lab_three(long, long) __lab_long_four(long, long) __lab_vectors(long, long)
__lab_three(unsigned long, ulong) __lab_long_four(unsigned long, ulong)
__lab_vectors(unsigned long, ulong)
__lab_three(long long, longlong) __lab_long_four(long long, longlong)
__lab_vectors(long long, longlong)
__lab_three(unsigned long long, ulonglong) __lab_long_four(unsigned long long, ulonglong)
__lab_vectors(unsigned long long, ulonglong)
__lab_three(double, double) __lab_long_four(double, double) __lab_vectors(double, double)
#undef __lab_copies
#undef __lab_copied
#undef __lab_vectors
#undef __lab_makers
#undef __lab_three
#undef __lab_four
#undef __lab_long_four
