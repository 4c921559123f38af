// Training backward in two kernels, NCHW, several blocks for each channel: the channel's sums
// are met by atomic additions, and the second launch is the barrier.
extern "C" __global__
void backward_sums(const float* x, const float* dy, const float* mean, const float* inv_std,
                   float* dgamma, float* dbeta, int N, int C, int S)
{
    int c = blockIdx.y;
    float m = mean[c], r = inv_std[c], a = 0.f, b = 0.f;
    for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < N * S; k += gridDim.x * blockDim.x) {
        int i = (k / S * C + c) * S + k % S;
        a += dy[i] * (x[i] - m) * r;
        b += dy[i];
    }
    // Every lane of every warp gets here, also in a block of 96 and with a ragged tail.
    for (int d = 16; d > 0; d >>= 1) {
        a += __shfl_down_sync(0xffffffff, a, d);
        b += __shfl_down_sync(0xffffffff, b, d);
    }
    if (threadIdx.x % 32 == 0) {
        atomicAdd(dgamma + c, a);
        atomicAdd(dbeta + c, b);
    }
}

extern "C" __global__
void backward_apply(const float* x, const float* dy, const float* gamma, const float* mean,
                    const float* inv_std, const float* dgamma, const float* dbeta, float* dx,
                    int N, int C, int S)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= N * C * S) return;
    int c = i / S % C;
    float x_hat = (x[i] - mean[c]) * inv_std[c];
    dx[i] = gamma[c] * inv_std[c] * (dy[i] - (dbeta[c] + x_hat * dgamma[c]) / ((float)N * S));
}
