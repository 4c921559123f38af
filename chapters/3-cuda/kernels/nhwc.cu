// Statistics of x: (N*HW, C), channels last. mean, var: (C,).
// Launch with ceil(C / 32) blocks of (32, 8) threads.

// Adds v down the 8 rows of the block, for each of its 32 columns.
__device__ float column_sum(float v)
{
    __shared__ float partial[8][32];
    partial[threadIdx.y][threadIdx.x] = v;
    __syncthreads();
    v = 0.0f;
    for (int row = 0; row < 8; ++row)
        v += partial[row][threadIdx.x];
    __syncthreads();
    return v;
}

extern "C" __global__
void bn_stats(const float* x, float* mean, float* var, int N, int C, int HW)
{
    int c = blockIdx.x * 32 + threadIdx.x, m = N * HW;
    int first = c < C ? threadIdx.y : m;  // lanes beyond C have no values

    float sum = 0.0f;
    for (int i = first; i < m; i += 8)
        sum += x[i * C + c];
    float mu = column_sum(sum) / m;

    float squares = 0.0f;
    for (int i = first; i < m; i += 8) {
        float d = x[i * C + c] - mu;
        squares += d * d;
    }
    squares = column_sum(squares);

    if (threadIdx.y == 0 && c < C) {
        mean[c] = mu;
        var[c] = squares / m;
    }
}
