// Batch norm in training, forward. x, y: (N, C, HW). All else: (C,).
// Launch with C blocks; their size is a multiple of 32.

// Where value i of channel c lies, 0 <= i < N * HW.
__device__ int at(int i, int c, int C, int HW)
{
    return (i / HW * C + c) * HW + i % HW;
}

// Adds v over the block. Every thread gets the sum.
__device__ float block_sum(float v)
{
    __shared__ float partial[32];
    for (int d = 16; d > 0; d /= 2)
        v += __shfl_xor_sync(0xffffffff, v, d);
    if (threadIdx.x % 32 == 0)
        partial[threadIdx.x / 32] = v;
    __syncthreads();  // every warp has written
    v = 0.0f;
    for (int w = 0; w < blockDim.x / 32; ++w)
        v += partial[w];
    __syncthreads();  // every warp has read: partial is free again
    return v;
}

extern "C" __global__
void bn_forward(const float* x, const float* gamma, const float* beta,
                float* y, float* running_mean, float* running_var,
                float* save_mean, float* save_inv_std,
                int N, int C, int HW, float eps, float momentum)
{
    int c = blockIdx.x, m = N * HW;

    float sum = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x)
        sum += x[at(i, c, C, HW)];
    float mean = block_sum(sum) / m;

    float squares = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        float d = x[at(i, c, C, HW)] - mean;
        squares += d * d;
    }
    float var = block_sum(squares) / m;
    float inv_std = rsqrtf(var + eps);

    float a = gamma[c] * inv_std, b = beta[c];
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        int k = at(i, c, C, HW);
        y[k] = (x[k] - mean) * a + b;
    }

    if (threadIdx.x == 0) {
        float unbiased = var * m / (m - 1);
        running_mean[c] += momentum * (mean - running_mean[c]);
        running_var[c] += momentum * (unbiased - running_var[c]);
        save_mean[c] = mean;
        save_inv_std[c] = inv_std;
    }
}
