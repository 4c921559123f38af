// Training forward of half-precision x, sums in float, NCHW, several blocks for each channel. The
// block that finishes a channel last merges the others' sums and normalises it, as in NVIDIA's
// threadFenceReduction sample.
#include <cuda_fp16.h>

__device__ float over_block(float v)
{
    __shared__ float part[32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(0xffffffff, v, d);
    if (lane == 0) part[warp] = v;
    __syncthreads();
    v = 0.f;
    for (int w = 0; w < blockDim.x / 32; w++) v += part[w];
    __syncthreads();
    return v;
}

extern "C" __global__
void half_forward(const __half* x, const float* gamma, const float* beta, __half* y,
                  volatile float2* part, unsigned* finished, int N, int C, int S, float eps)
{
    __shared__ bool last;
    int c = blockIdx.y, M = N * S, t = threadIdx.x;
    float shift = __half2float(x[c * S]), a = 0.f, b = 0.f;
    for (int k = blockIdx.x * blockDim.x + t; k < M; k += gridDim.x * blockDim.x) {
        float d = __half2float(x[(k / S * C + c) * S + k % S]) - shift;
        a += d;
        b += d * d;
    }
    a = over_block(a);
    b = over_block(b);
    if (t == 0) {
        part[c * gridDim.x + blockIdx.x].x = a;
        part[c * gridDim.x + blockIdx.x].y = b;
        __threadfence();
        last = atomicInc(finished + c, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (!last) return;
    a = b = 0.f;
    for (int g = 0; g < gridDim.x; g++) {
        a += part[c * gridDim.x + g].x;
        b += part[c * gridDim.x + g].y;
    }
    float d = a / M, r = rsqrtf(b / M - d * d + eps);
    for (int k = t; k < M; k += blockDim.x) {
        int i = (k / S * C + c) * S + k % S;
        y[i] = __float2half(gamma[c] * (__half2float(x[i]) - shift - d) * r + beta[c]);
    }
}
