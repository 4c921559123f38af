// Backward with several blocks a channel, as two kernels.
// x, dy, dx: (N, C, HW). All else: (C,).

__device__ int at(int i, int c, int C, int HW)
{
    return (i / HW * C + c) * HW + i % HW;
}

// Grid (C, parts). dgamma and dbeta must be 0 before the launch.
extern "C" __global__
void bn_backward_sums(const float* x, const float* dy,
                      const float* save_mean, const float* save_inv_std,
                      float* dgamma, float* dbeta, int N, int C, int HW)
{
    int c = blockIdx.x;
    float mean = save_mean[c], inv_std = save_inv_std[c];
    float sum = 0.0f, dot = 0.0f;
    for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < N * HW;
         i += gridDim.y * blockDim.x) {
        int k = at(i, c, C, HW);
        sum += dy[k];
        dot += dy[k] * (x[k] - mean) * inv_std;
    }
    for (int d = 16; d > 0; d /= 2) {
        sum += __shfl_down_sync(0xffffffff, sum, d);
        dot += __shfl_down_sync(0xffffffff, dot, d);
    }
    if (threadIdx.x % 32 == 0) {
        atomicAdd(&dbeta[c], sum);
        atomicAdd(&dgamma[c], dot);
    }
}

// Any grid. Launched after bn_backward_sums, so its sums are complete.
extern "C" __global__
void bn_backward_dx(const float* x, const float* dy, const float* gamma,
                    const float* save_mean, const float* save_inv_std,
                    float* dx, const float* dgamma, const float* dbeta,
                    int N, int C, int HW)
{
    float m = N * HW;
    for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < N * C * HW;
         k += gridDim.x * blockDim.x) {
        int c = k / HW % C;
        float x_hat = (x[k] - save_mean[c]) * save_inv_std[c];
        dx[k] = gamma[c] * save_inv_std[c]
              * (dy[k] - dbeta[c] / m - x_hat * dgamma[c] / m);
    }
}
