"""Cooperative groups: blocks, tiles of a warp, the threads of a branch."""

import numpy as np

from features.base import Feature, N, integers, normal, warps, zeros

X = normal(N)
FEW = integers(0, 5, N, seed=12)  # few different values, so that lanes agree

FEATURES = [
    Feature(
        name="cooperative groups: block, tile of 32, shuffle and sync",
        code="""\
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

extern "C" __global__ void k(const float* x, float* y)
{
    auto block = cg::this_thread_block();
    auto warp = cg::tiled_partition<32>(block);
    float v = x[block.thread_rank()];
    for (int d = warp.size() / 2; d > 0; d /= 2) v += warp.shfl_xor(v, d);
    block.sync();
    y[block.thread_rank()] = v + 1000 * warp.meta_group_rank();
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": np.repeat(warps(x).sum(1) + 1000 * np.arange(8), 32)},
    ),
    Feature(
        name="cooperative groups: tiles of eight, any, ballot, match",
        code="""\
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

extern "C" __global__ void k(const int* a, unsigned* y)
{
    auto tile = cg::tiled_partition<8>(cg::this_thread_block());
    int i = threadIdx.x, n = blockDim.x;
    y[i] = tile.any(a[i] == 0);
    y[n + i] = tile.ballot(a[i] > 2);
    y[2 * n + i] = tile.thread_rank();
}
""",
        arguments={"a": FEW, "y": zeros(3, N, dtype="u4")},
        expected=lambda a, y: {
            "y": [
                np.repeat((a.reshape(-1, 8) == 0).any(1), 8),
                np.repeat(((a.reshape(-1, 8) > 2) << np.arange(8)).sum(1), 8),
                np.arange(N) % 8,
            ]
        },
    ),
    Feature(
        name="cooperative groups: reductions",
        code="""\
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;

extern "C" __global__ void k(const float* x, float* y)
{
    auto tile = cg::tiled_partition<16>(cg::this_thread_block());
    int i = threadIdx.x, n = blockDim.x;
    y[i] = cg::reduce(tile, x[i], cg::plus<float>());
    y[n + i] = cg::reduce(tile, x[i], cg::greater<float>());
}
""",
        arguments={"x": X, "y": zeros(2, N)},
        expected=lambda x, y: {
            "y": [
                np.repeat(x.reshape(-1, 16).sum(1), 16),
                np.repeat(x.reshape(-1, 16).max(1), 16),
            ]
        },
        tolerance=5e-6,
    ),
    Feature(
        name="cooperative groups: the threads that took a branch",
        code="""\
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

extern "C" __global__ void k(const int* a, unsigned* y)
{
    int i = threadIdx.x;
    y[i] = 0;
    if (a[i] > 2) {
        auto here = cg::coalesced_threads();
        y[i] = 100 * here.size() + here.thread_rank();
    }
}
""",
        arguments={"a": FEW, "y": zeros(N, dtype="u4")},
        expected=lambda a, y: {
            "y": np.where(
                warps(a) > 2,
                100 * (warps(a) > 2).sum(1, keepdims=True) + np.cumsum(warps(a) > 2, 1) - 1,
                0,
            ).ravel()
        },
    ),
]
