// Barriers, fences, votes and clocks. __syncthreads() is clang's own.
#pragma once
__lab__ int __syncthreads_count(int p) { return __nvvm_bar0_popc(p); }
__lab__ int __syncthreads_and(int p) { return __nvvm_bar0_and(p); }
__lab__ int __syncthreads_or(int p) { return __nvvm_bar0_or(p); }
__lab__ void __syncwarp(unsigned mask = 0xffffffffu) { __nvvm_bar_warp_sync(mask); }
__lab__ void __threadfence_block() { __nvvm_membar_cta(); }
__lab__ void __threadfence() { __nvvm_membar_gl(); }
__lab__ void __threadfence_system() { __nvvm_membar_sys(); }

__lab__ unsigned __activemask() {
  unsigned mask;
  asm volatile("activemask.b32 %0;" : "=r"(mask));
  return mask;
}
__lab__ unsigned __ballot_sync(unsigned mask, int p) { return __nvvm_vote_ballot_sync(mask, p != 0); }
__lab__ int __any_sync(unsigned mask, int p) { return __nvvm_vote_any_sync(mask, p != 0); }
__lab__ int __all_sync(unsigned mask, int p) { return __nvvm_vote_all_sync(mask, p != 0); }
__lab__ int __uni_sync(unsigned mask, int p) { return __nvvm_vote_uni_sync(mask, p != 0); }
__lab__ unsigned __match_any_sync(unsigned mask, unsigned v) {
  return __nvvm_match_any_sync_i32(mask, v);
}
__lab__ unsigned __match_any_sync(unsigned mask, int v) { return __match_any_sync(mask, (unsigned)v); }
__lab__ unsigned __match_any_sync(unsigned mask, float v) {
  return __match_any_sync(mask, __float_as_uint(v));
}
__lab__ unsigned __match_all_sync(unsigned mask, unsigned v, int *all) {
  return __nvvm_match_all_sync_i32p(mask, v, all);
}
__lab__ unsigned __match_all_sync(unsigned mask, int v, int *all) {
  return __match_all_sync(mask, (unsigned)v, all);
}
__lab__ unsigned __match_all_sync(unsigned mask, float v, int *all) {
  return __match_all_sync(mask, __float_as_uint(v), all);
}
__lab__ int __reduce_add_sync(unsigned mask, int v) { return __nvvm_redux_sync_add(v, mask); }
__lab__ int __reduce_min_sync(unsigned mask, int v) { return __nvvm_redux_sync_min(v, mask); }
__lab__ int __reduce_max_sync(unsigned mask, int v) { return __nvvm_redux_sync_max(v, mask); }
__lab__ unsigned __reduce_add_sync(unsigned mask, unsigned v) { return __nvvm_redux_sync_add(v, mask); }
__lab__ unsigned __reduce_min_sync(unsigned mask, unsigned v) { return __nvvm_redux_sync_umin(v, mask); }
__lab__ unsigned __reduce_max_sync(unsigned mask, unsigned v) { return __nvvm_redux_sync_umax(v, mask); }
__lab__ unsigned __reduce_and_sync(unsigned mask, unsigned v) { return __nvvm_redux_sync_and(v, mask); }
__lab__ unsigned __reduce_or_sync(unsigned mask, unsigned v) { return __nvvm_redux_sync_or(v, mask); }
__lab__ unsigned __reduce_xor_sync(unsigned mask, unsigned v) { return __nvvm_redux_sync_xor(v, mask); }

__lab__ long long clock64() {
  long long ticks;
  asm volatile("mov.u64 %0, %%clock64;" : "=l"(ticks));
  return ticks;
}
__lab__ clock_t clock() { return (int)clock64(); }
__lab__ void __nanosleep(unsigned n) { asm volatile("nanosleep.u32 %0;" ::"r"(n)); }

// Loads and stores with advice on the cache, which changes no value.
template <class T> __lab__ T __ldg(const T *p) { return *p; }
template <class T> __lab__ T __ldca(const T *p) { return *p; }
template <class T> __lab__ T __ldcg(const T *p) { return *p; }
template <class T> __lab__ T __ldcs(const T *p) { return *p; }
template <class T> __lab__ void __stcg(T *p, T v) { *p = v; }
template <class T> __lab__ void __stcs(T *p, T v) { *p = v; }
template <class T> __lab__ void __stwt(T *p, T v) { *p = v; }
