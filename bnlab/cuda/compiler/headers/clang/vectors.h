// float2, int4, ... and make_float2(...).
#pragma once
#define __lab_vectors(T, NAME)                                                                    \
  struct NAME##1 {                                                                                \
    T x;                                                                                          \
  };                                                                                              \
  struct __align__(2 * sizeof(T)) NAME##2 {                                                       \
    T x, y;                                                                                       \
  };                                                                                              \
  struct NAME##3 {                                                                                \
    T x, y, z;                                                                                    \
  };                                                                                              \
  struct __align__(sizeof(T) < 8 ? 4 * sizeof(T) : 16) NAME##4 {                                  \
    T x, y, z, w;                                                                                 \
  };                                                                                              \
  __lab_makers(T, NAME)
#define __lab_makers(T, NAME)                                                                     \
  __lab__ NAME##1 make_##NAME##1(T x) { return {x}; }                                             \
  __lab__ NAME##2 make_##NAME##2(T x, T y) { return {x, y}; }                                     \
  __lab__ NAME##3 make_##NAME##3(T x, T y, T z) { return {x, y, z}; }                             \
  __lab__ NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }
__lab_vectors(signed char, char)
__lab_vectors(unsigned char, uchar)
__lab_vectors(short, short)
__lab_vectors(unsigned short, ushort)
__lab_vectors(int, int)
__lab_vectors(long, long)
__lab_vectors(unsigned long, ulong)
__lab_vectors(long long, longlong)
__lab_vectors(unsigned long long, ulonglong)
__lab_vectors(float, float)
__lab_vectors(double, double)
struct uint1 {
  unsigned x;
};
struct __align__(8) uint2 {
  unsigned x, y;
};
struct __align__(16) uint4 {
  unsigned x, y, z, w;
};
__lab_makers(unsigned, uint)
#undef __lab_vectors
#undef __lab_makers
