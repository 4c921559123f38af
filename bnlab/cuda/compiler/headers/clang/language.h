// Keywords, indices, printf and assert.
#pragma once
#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __host__ __attribute__((host))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __align__(n) __attribute__((aligned(n)))

// Without line numbers of their own, so that a report names the line that calls.
#define __lab_method__ __device__ inline __attribute__((always_inline, nodebug))
#define __lab__ static __lab_method__

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef long long clock_t;
#define NULL __null

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  __host__ __device__ constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1)
      : x(a), y(b), z(c) {}
  __host__ __device__ constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  __host__ __device__ constexpr operator uint3() const { return {x, y, z}; }
};

#define __lab_index(NAME, TYPE, REGISTER)                                                        \
  struct __lab_##NAME {                                                                          \
    __declspec(property(get = get_x)) unsigned x;                                                \
    __declspec(property(get = get_y)) unsigned y;                                                \
    __declspec(property(get = get_z)) unsigned z;                                                \
    __lab__ unsigned get_x() { return __nvvm_read_ptx_sreg_##REGISTER##_x(); }                   \
    __lab__ unsigned get_y() { return __nvvm_read_ptx_sreg_##REGISTER##_y(); }                   \
    __lab__ unsigned get_z() { return __nvvm_read_ptx_sreg_##REGISTER##_z(); }                   \
    __lab_method__ operator TYPE() const {                                                       \
      return {get_x(), get_y(), get_z()};                                                        \
    }                                                                                            \
  };                                                                                             \
  extern const __device__ __attribute__((weak)) __lab_##NAME NAME;
__lab_index(threadIdx, uint3, tid)
__lab_index(blockIdx, uint3, ctaid)
__lab_index(blockDim, dim3, ntid)
__lab_index(gridDim, dim3, nctaid)
#undef __lab_index
static const __device__ int warpSize = 32;

extern "C" __device__ int printf(const char *, ...);
extern "C" __device__ void __assertfail(const char *, const char *, unsigned, const char *, size_t);
#define assert(e) ((e) ? (void)0 : __assertfail(#e, "kernel.cu", __LINE__, __func__, 1))
__lab__ void __trap() { __builtin_trap(); }
__lab__ void *memcpy(void *to, const void *from, size_t n) { return __builtin_memcpy(to, from, n); }
__lab__ void *memset(void *to, int value, size_t n) { return __builtin_memset(to, value, n); }
