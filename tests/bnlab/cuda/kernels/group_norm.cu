// Group norm, NCHW: a block for each sample and group, sums by cooperative groups.
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

__device__ float over_block(cg::thread_block block, float v, float* part)
{
    auto warp = cg::tiled_partition<32>(block);
    for (int d = warp.size() / 2; d > 0; d /= 2) v += warp.shfl_down(v, d);
    if (warp.thread_rank() == 0) part[warp.meta_group_rank()] = v;
    block.sync();
    if (warp.meta_group_rank() == 0) {
        v = warp.thread_rank() < warp.meta_group_size() ? part[warp.thread_rank()] : 0.f;
        for (int d = warp.size() / 2; d > 0; d /= 2) v += warp.shfl_down(v, d);
        if (warp.thread_rank() == 0) part[0] = v;
    }
    block.sync();
    v = part[0];
    block.sync();
    return v;
}

extern "C" __global__
void group_norm(const float* x, const float* gamma, const float* beta, float* y,
                int C, int S, int groups, float eps)
{
    __shared__ float part[32];
    auto block = cg::this_thread_block();
    int width = C / groups, length = width * S;
    size_t start = (size_t)blockIdx.x * length;
    float sum = 0.f, square = 0.f;
    for (int i = block.thread_rank(); i < length; i += block.size()) sum += x[start + i];
    float m = over_block(block, sum, part) / length;
    for (int i = block.thread_rank(); i < length; i += block.size()) {
        float d = x[start + i] - m;
        square += d * d;
    }
    float r = rsqrtf(over_block(block, square, part) / length + eps);
    for (int i = block.thread_rank(); i < length; i += block.size()) {
        int c = blockIdx.x % groups * width + i / S;
        y[start + i] = gamma[c] * (x[start + i] - m) * r + beta[c];
    }
}
