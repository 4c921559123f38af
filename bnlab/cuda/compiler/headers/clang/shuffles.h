// __shfl_sync and its kin for every type: 32 bits by an instruction, 64 as two halves.
#pragma once
#define __lab_shuffle(NAME, MODE, CLAMP)                                                           \
  __lab__ int NAME(unsigned mask, int v, int lane, int width = 32) {                               \
    return __nvvm_shfl_sync_##MODE##_i32(mask, v, lane, (32 - width) << 8 | CLAMP);                \
  }                                                                                                \
  __lab__ unsigned NAME(unsigned mask, unsigned v, int lane, int width = 32) {                     \
    return NAME(mask, (int)v, lane, width);                                                        \
  }                                                                                                \
  __lab__ float NAME(unsigned mask, float v, int lane, int width = 32) {                           \
    return __int_as_float(NAME(mask, __float_as_int(v), lane, width));                             \
  }                                                                                                \
  __lab__ long long NAME(unsigned mask, long long v, int lane, int width = 32) {                   \
    unsigned low = NAME(mask, (int)v, lane, width);                                                \
    unsigned high = NAME(mask, (int)(v >> 32), lane, width);                                       \
    return (long long)((unsigned long long)high << 32 | low);                                      \
  }                                                                                                \
  __lab__ unsigned long long NAME(unsigned mask, unsigned long long v, int lane, int width = 32) { \
    return NAME(mask, (long long)v, lane, width);                                                  \
  }                                                                                                \
  __lab__ long NAME(unsigned mask, long v, int lane, int width = 32) {                             \
    return NAME(mask, (long long)v, lane, width);                                                  \
  }                                                                                                \
  __lab__ unsigned long NAME(unsigned mask, unsigned long v, int lane, int width = 32) {           \
    return NAME(mask, (long long)v, lane, width);                                                  \
  }                                                                                                \
  __lab__ double NAME(unsigned mask, double v, int lane, int width = 32) {                         \
    return __longlong_as_double(NAME(mask, __double_as_longlong(v), lane, width));                 \
  }
__lab_shuffle(__shfl_sync, idx, 31)
__lab_shuffle(__shfl_up_sync, up, 0)
__lab_shuffle(__shfl_down_sync, down, 31)
__lab_shuffle(__shfl_xor_sync, bfly, 31)
#undef __lab_shuffle
