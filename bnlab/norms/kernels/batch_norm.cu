// Batch norm in training, as chapter 3.3 writes it; mean and variance are returned.
// x, y, dy, dx: (N, C, HW). All else: (C,).
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
                float* y, float* save_mean, float* save_var,
                int N, int C, int HW, float eps)
{
    int c = blockIdx.x, m = N * HW;

    float sum = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x)
        sum += x[at(i, c, C, HW)];
    float mean = block_sum(sum) / m;

    // A second walk over x: one walk for both sums cancels where the mean is large.
    float squares = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        float d = x[at(i, c, C, HW)] - mean;
        squares += d * d;
    }
    float var = block_sum(squares) / m;

    float a = gamma[c] * rsqrtf(var + eps), b = beta[c];
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        int k = at(i, c, C, HW);
        y[k] = (x[k] - mean) * a + b;
    }

    if (threadIdx.x == 0) {
        save_mean[c] = mean;
        save_var[c] = var;
    }
}

extern "C" __global__
void bn_backward(const float* dy, const float* x, const float* gamma,
                 const float* save_mean, const float* save_var,
                 float* dx, float* dgamma, float* dbeta,
                 int N, int C, int HW, float eps)
{
    int c = blockIdx.x, m = N * HW;
    float mean = save_mean[c], inv_std = rsqrtf(save_var[c] + eps);

    float sum = 0.0f, dot = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        int k = at(i, c, C, HW);
        sum += dy[k];
        dot += dy[k] * (x[k] - mean) * inv_std;
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
