// Mean and variance per channel in one pass over x: Welford in each
// thread, Chan's merge between threads. A block per channel.
// x: (N, C, HW); mean, var: (C,). Blocks of a multiple of 32 threads.

struct Summary { float n, mean, m2; };

// Where value i of channel c lies, 0 <= i < N * HW.
__device__ int at(int i, int c, int C, int HW)
{
    return (i / HW * C + c) * HW + i % HW;
}

__device__ Summary merge(Summary a, Summary b)
{
    float n = a.n + b.n;
    if (n == 0.0f)
        return a;
    float delta = b.mean - a.mean;
    float mean = a.mean + delta * (b.n / n);
    float m2 = a.m2 + b.m2 + delta * delta * (a.n * b.n / n);
    return {n, mean, m2};
}

// Merges over the warp. Lane 0 gets the whole.
__device__ Summary warp_merge(Summary a)
{
    for (int d = 16; d > 0; d /= 2) {
        Summary b;
        b.n = __shfl_down_sync(0xffffffff, a.n, d);
        b.mean = __shfl_down_sync(0xffffffff, a.mean, d);
        b.m2 = __shfl_down_sync(0xffffffff, a.m2, d);
        a = merge(a, b);
    }
    return a;
}

extern "C" __global__
void bn_stats(const float* x, float* mean, float* var,
              int N, int C, int HW)
{
    __shared__ Summary part[32];
    int c = blockIdx.x, m = N * HW;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

    Summary a = {0.0f, 0.0f, 0.0f};
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        float v = x[at(i, c, C, HW)], delta = v - a.mean;
        a.n += 1.0f;
        a.mean += delta / a.n;
        a.m2 += delta * (v - a.mean);
    }

    a = warp_merge(a);
    if (lane == 0)
        part[warp] = a;
    __syncthreads();
    if (warp == 0) {
        if (lane < blockDim.x / 32)
            a = part[lane];
        else
            a = {0.0f, 0.0f, 0.0f};
        a = warp_merge(a);
        if (lane == 0) {
            mean[c] = a.mean;
            var[c] = a.m2 / m;
        }
    }
}
