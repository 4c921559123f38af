// Atomic functions.
#pragma once
typedef unsigned long long __lab_u64;
#define __lab_atomic(NAME, T, BUILTIN, AS) \
  __lab__ T NAME(T *p, T v) { return (T)__nvvm_atom_##BUILTIN((AS *)p, (AS)v); }
__lab_atomic(atomicAdd, int, add_gen_i, int)
__lab_atomic(atomicAdd, unsigned, add_gen_i, int)
__lab_atomic(atomicAdd, __lab_u64, add_gen_ll, long long)
__lab_atomic(atomicAdd, float, add_gen_f, float)
__lab_atomic(atomicAdd, double, add_gen_d, double)
__lab_atomic(atomicExch, int, xchg_gen_i, int)
__lab_atomic(atomicExch, unsigned, xchg_gen_i, int)
__lab_atomic(atomicExch, __lab_u64, xchg_gen_ll, long long)
__lab_atomic(atomicMin, int, min_gen_i, int)
__lab_atomic(atomicMin, unsigned, min_gen_ui, unsigned)
__lab_atomic(atomicMin, long long, min_gen_ll, long long)
__lab_atomic(atomicMin, __lab_u64, min_gen_ull, __lab_u64)
__lab_atomic(atomicMax, int, max_gen_i, int)
__lab_atomic(atomicMax, unsigned, max_gen_ui, unsigned)
__lab_atomic(atomicMax, long long, max_gen_ll, long long)
__lab_atomic(atomicMax, __lab_u64, max_gen_ull, __lab_u64)
__lab_atomic(atomicAnd, int, and_gen_i, int)
__lab_atomic(atomicAnd, unsigned, and_gen_i, int)
__lab_atomic(atomicAnd, __lab_u64, and_gen_ll, long long)
__lab_atomic(atomicOr, int, or_gen_i, int)
__lab_atomic(atomicOr, unsigned, or_gen_i, int)
__lab_atomic(atomicOr, __lab_u64, or_gen_ll, long long)
__lab_atomic(atomicXor, int, xor_gen_i, int)
__lab_atomic(atomicXor, unsigned, xor_gen_i, int)
__lab_atomic(atomicXor, __lab_u64, xor_gen_ll, long long)
__lab_atomic(atomicInc, unsigned, inc_gen_ui, unsigned)
__lab_atomic(atomicDec, unsigned, dec_gen_ui, unsigned)
#undef __lab_atomic
__lab__ int atomicSub(int *p, int v) { return atomicAdd(p, -v); }
__lab__ unsigned atomicSub(unsigned *p, unsigned v) { return atomicAdd(p, -v); }
__lab__ float atomicExch(float *p, float v) {
  return __int_as_float(atomicExch((int *)p, __float_as_int(v)));
}
__lab__ int atomicCAS(int *p, int old, int v) { return __nvvm_atom_cas_gen_i(p, old, v); }
__lab__ unsigned atomicCAS(unsigned *p, unsigned old, unsigned v) {
  return __nvvm_atom_cas_gen_i((int *)p, old, v);
}
__lab__ __lab_u64 atomicCAS(__lab_u64 *p, __lab_u64 old, __lab_u64 v) {
  return __nvvm_atom_cas_gen_ll((long long *)p, old, v);
}

// The lab keeps one order for all, so a narrower or wider scope is the same.
#define __lab_scoped(NAME)                                                                 \
  template <class T, class V> __lab__ T NAME##_block(T *p, V v) { return NAME(p, (T)v); }  \
  template <class T, class V> __lab__ T NAME##_system(T *p, V v) { return NAME(p, (T)v); }
__lab_scoped(atomicAdd)
__lab_scoped(atomicSub)
__lab_scoped(atomicExch)
__lab_scoped(atomicMin)
__lab_scoped(atomicMax)
__lab_scoped(atomicAnd)
__lab_scoped(atomicOr)
__lab_scoped(atomicXor)
#undef __lab_scoped
