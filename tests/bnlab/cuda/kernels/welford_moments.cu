// Mean and variance, a block for each channel: Welford in registers, merged by shuffles, then
// once more across the warps. Block sizes: multiples of 32.
struct Moments { float mean, m2, count; };

__device__ Moments merged(Moments a, Moments b)
{
    float count = a.count + b.count;
    if (count == 0.f) return a;
    float d = b.mean - a.mean, share = b.count / count;
    return {a.mean + d * share, a.m2 + b.m2 + d * d * a.count * share, count};
}

__device__ Moments over_warp(Moments w)
{
    for (int d = 16; d > 0; d /= 2) {
        Moments other = {__shfl_down_sync(0xffffffff, w.mean, d),
                         __shfl_down_sync(0xffffffff, w.m2, d),
                         __shfl_down_sync(0xffffffff, w.count, d)};
        w = merged(w, other);
    }
    return w;
}

extern "C" __global__
void welford_moments(const float* x, float* mean, float* var, int N, int C, int S)
{
    __shared__ Moments part[32];
    int c = blockIdx.x, t = threadIdx.x, lane = t % 32, warp = t / 32;
    Moments w = {0.f, 0.f, 0.f};
    for (int n = 0; n < N; n++) {
        const float* row = x + (size_t)(n * C + c) * S;
        for (int s = t; s < S; s += blockDim.x) {
            float d = row[s] - w.mean;
            w.count += 1.f;
            w.mean += d / w.count;
            w.m2 += d * (row[s] - w.mean);
        }
    }
    w = over_warp(w);
    if (lane == 0) part[warp] = w;
    __syncthreads();
    if (warp > 0) return;
    Moments mine = {0.f, 0.f, 0.f};
    if (lane < blockDim.x / 32) mine = part[lane];
    w = over_warp(mine);
    if (lane == 0) {
        mean[c] = w.mean;
        var[c] = w.m2 / w.count;
    }
}
