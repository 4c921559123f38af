// Mean and variance per channel, a block each.
// x: (N, C, HW); mean, var: (C,). Blocks of 2, 4, 8, ..., 256 threads.

// Where value i of channel c lies, 0 <= i < N * HW.
__device__ int at(int i, int c, int C, int HW)
{
    return (i / HW * C + c) * HW + i % HW;
}

// Adds v over the block. Every thread gets the sum.
__device__ float block_sum(float v)
{
    __shared__ float s[256];
    int t = threadIdx.x;
    s[t] = v;
    __syncthreads();
    for (int h = blockDim.x / 2; h > 0; h /= 2) {
        if (t < h)
            s[t] += s[t + h];
        __syncthreads();
    }
    v = s[0];
    __syncthreads();
    return v;
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
