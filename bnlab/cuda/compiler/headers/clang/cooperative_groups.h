// The part of CUDA's cooperative groups that kernels use: a block, and its warps in tiles.
#pragma once
namespace cooperative_groups {
class thread_block {
 public:
  __lab_method__ static void sync() { __syncthreads(); }
  __lab_method__ static unsigned thread_rank() {
    return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  }
  __lab_method__ static unsigned size() { return blockDim.x * blockDim.y * blockDim.z; }
  __lab_method__ static unsigned num_threads() { return size(); }
  __lab_method__ static dim3 group_index() { return (uint3)blockIdx; }
  __lab_method__ static dim3 thread_index() { return (uint3)threadIdx; }
  __lab_method__ static dim3 group_dim() { return blockDim; }
};
__lab__ thread_block this_thread_block() { return {}; }

template <unsigned N> class thread_block_tile {
  static_assert(N <= 32 && (N & (N - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");
  __lab_method__ static unsigned lane() { return thread_block::thread_rank() % 32; }
  __lab_method__ static unsigned mask() {
    return (N == 32 ? 0xffffffffu : (1u << N % 32) - 1) << (lane() & ~(N - 1));
  }

 public:
  __lab_method__ static void sync() { __syncwarp(mask()); }
  __lab_method__ static unsigned thread_rank() { return lane() % N; }
  __lab_method__ static constexpr unsigned size() { return N; }
  __lab_method__ static constexpr unsigned num_threads() { return N; }
  __lab_method__ static unsigned meta_group_rank() { return thread_block::thread_rank() / N; }
  __lab_method__ static unsigned meta_group_size() { return (thread_block::size() + N - 1) / N; }
  template <class T> __lab_method__ static T shfl(T v, int rank) {
    return __shfl_sync(mask(), v, rank, N);
  }
  template <class T> __lab_method__ static T shfl_down(T v, unsigned n) {
    return __shfl_down_sync(mask(), v, n, N);
  }
  template <class T> __lab_method__ static T shfl_up(T v, unsigned n) {
    return __shfl_up_sync(mask(), v, n, N);
  }
  template <class T> __lab_method__ static T shfl_xor(T v, unsigned n) {
    return __shfl_xor_sync(mask(), v, n, N);
  }
  __lab_method__ static int any(int p) { return __any_sync(mask(), p); }
  __lab_method__ static int all(int p) { return __all_sync(mask(), p); }
  __lab_method__ static unsigned ballot(int p) {
    return (__ballot_sync(mask(), p) & mask()) >> (lane() & ~(N - 1));
  }
};
template <unsigned N> __lab__ thread_block_tile<N> tiled_partition(const thread_block &) {
  return {};
}
template <unsigned N, unsigned M>
__lab__ thread_block_tile<N> tiled_partition(const thread_block_tile<M> &) {
  return {};
}
// The threads of a warp that are in the same branch.
class coalesced_group {
  unsigned mask;

 public:
  __lab_method__ explicit coalesced_group(unsigned members) : mask(members) {}
  __lab_method__ void sync() const { __syncwarp(mask); }
  __lab_method__ unsigned size() const { return __popc(mask); }
  __lab_method__ unsigned num_threads() const { return size(); }
  __lab_method__ unsigned thread_rank() const {
    return __popc(mask & ((1u << thread_block::thread_rank() % 32) - 1));
  }
  template <class T> __lab_method__ T shfl(T v, int rank) const {
    unsigned members = mask;
    for (; rank > 0; --rank) members &= members - 1;
    return __shfl_sync(mask, v, __ffs(members) - 1);
  }
  __lab_method__ int any(int p) const { return __any_sync(mask, p); }
  __lab_method__ int all(int p) const { return __all_sync(mask, p); }
};
__lab__ coalesced_group coalesced_threads() { return coalesced_group(__activemask()); }
template <class Group> __lab__ void sync(const Group &group) { group.sync(); }

template <class T> struct plus {
  __lab_method__ T operator()(T a, T b) const { return a + b; }
};
template <class T> struct less {
  __lab_method__ T operator()(T a, T b) const { return b < a ? b : a; }
};
template <class T> struct greater {
  __lab_method__ T operator()(T a, T b) const { return a < b ? b : a; }
};
template <unsigned N, class T, class Operation>
__lab__ T reduce(const thread_block_tile<N> &tile, T v, Operation operation) {
#pragma unroll
  for (unsigned n = N / 2; n > 0; n /= 2) v = operation(v, tile.shfl_xor(v, n));
  return v;
}
}  // namespace cooperative_groups
