// Training backward, a block of BS threads for each channel, NCHW.
template <int BS>
__device__ float2 over_block(float2 v)
{
    __shared__ float2 part[BS / 32];
    for (int d = 16; d > 0; d /= 2) {
        v.x += __shfl_xor_sync(0xffffffff, v.x, d);
        v.y += __shfl_xor_sync(0xffffffff, v.y, d);
    }
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    v = make_float2(0.f, 0.f);
    for (int w = 0; w < BS / 32; w++) {
        v.x += part[w].x;
        v.y += part[w].y;
    }
    return v;
}

template <int BS>
__global__ void __launch_bounds__(BS)
template_backward(const float* __restrict__ x, const float* __restrict__ dy,
                  const float* __restrict__ gamma, const float* __restrict__ mean,
                  const float* __restrict__ inv_std, float* __restrict__ dx,
                  float* dgamma, float* dbeta, int N, int C, int S)
{
    int c = blockIdx.x;
    float m = mean[c], r = inv_std[c];
    float2 sums = make_float2(0.f, 0.f);
    for (int n = 0; n < N; n++)
        for (int p = threadIdx.x; p < S; p += BS) {
            int i = (n * C + c) * S + p;
            sums.x += dy[i];
            sums.y += dy[i] * (x[i] - m) * r;
        }
    sums = over_block<BS>(sums);
    if (threadIdx.x == 0) {
        dbeta[c] = sums.x;
        dgamma[c] = sums.y;
    }
    float M = (float)N * S;
    for (int n = 0; n < N; n++)
        for (int p = threadIdx.x; p < S; p += BS) {
            int i = (n * C + c) * S + p;
            float x_hat = (x[i] - m) * r;
            dx[i] = gamma[c] * r * (dy[i] - (sums.x + x_hat * sums.y) / M);
        }
}
