// Batch norm in training, backward. x, dy, dx: (N, C, HW). All else: (C,).
// Launch with C blocks; their size is a multiple of 32.

__device__ int at(int i, int c, int C, int HW)
{
    return (i / HW * C + c) * HW + i % HW;
}

__device__ float block_sum(float v)
{
    __shared__ float partial[32];
    for (int d = 16; d > 0; d /= 2)
        v += __shfl_xor_sync(0xffffffff, v, d);
    if (threadIdx.x % 32 == 0)
        partial[threadIdx.x / 32] = v;
    __syncthreads();
    v = 0.0f;
    for (int w = 0; w < blockDim.x / 32; ++w)
        v += partial[w];
    __syncthreads();
    return v;
}

extern "C" __global__
void bn_backward(const float* x, const float* dy, const float* gamma,
                 const float* save_mean, const float* save_inv_std,
                 float* dx, float* dgamma, float* dbeta,
                 int N, int C, int HW)
{
    int c = blockIdx.x, m = N * HW;
    float mean = save_mean[c], inv_std = save_inv_std[c];

    float sum = 0.0f, dot = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        int k = at(i, c, C, HW);
        float x_hat = (x[k] - mean) * inv_std;
        sum += dy[k];
        dot += dy[k] * x_hat;
    }
    sum = block_sum(sum);
    dot = block_sum(dot);

    float a = gamma[c] * inv_std;
    float mean_dy = sum / m, mean_dot = dot / m;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        int k = at(i, c, C, HW);
        float x_hat = (x[k] - mean) * inv_std;
        dx[k] = a * (dy[k] - mean_dy - x_hat * mean_dot);
    }

    if (threadIdx.x == 0) {
        dgamma[c] = dot;
        dbeta[c] = sum;
    }
}
