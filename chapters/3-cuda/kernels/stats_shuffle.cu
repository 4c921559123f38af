// Mean and variance per channel, a block each, with warp shuffles.
// x: (N, C, HW); mean, var: (C,). Blocks of a multiple of 32 threads.

// Where value i of channel c lies, 0 <= i < N * HW.
__device__ int at(int i, int c, int C, int HW)
{
    return (i / HW * C + c) * HW + i % HW;
}

// Adds v over the warp. Lane 0 gets the sum.
__device__ float warp_sum(float v)
{
    for (int d = 16; d > 0; d /= 2)
        v += __shfl_down_sync(0xffffffff, v, d);
    return v;
}

// Adds v over the block. Every thread gets the sum.
__device__ float block_sum(float v)
{
    __shared__ float part[32];
    __shared__ float total;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = warp_sum(v);
    if (lane == 0)
        part[warp] = v;
    __syncthreads();
    if (warp == 0) {
        v = lane < blockDim.x / 32 ? part[lane] : 0.0f;
        v = warp_sum(v);
        if (lane == 0)
            total = v;
    }
    __syncthreads();
    return total;
}

extern "C" __global__
void bn_stats(const float* x, float* mean, float* var,
              int N, int C, int HW)
{
    int c = blockIdx.x, m = N * HW;

    float sum = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x)
        sum += x[at(i, c, C, HW)];
    float mu = block_sum(sum) / m;

    float squares = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        float d = x[at(i, c, C, HW)] - mu;
        squares += d * d;
    }
    float variance = block_sum(squares) / m;

    if (threadIdx.x == 0) {
        mean[c] = mu;
        var[c] = variance;
    }
}
