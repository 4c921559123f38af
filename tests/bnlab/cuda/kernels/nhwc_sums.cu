// Sums and sums of squares of every channel, NHWC, any grid: atomics in shared memory (two
// floats for each channel), then in global memory.
extern "C" __global__
void nhwc_sums(const float* __restrict__ x, float* sum, float* square, int M, int C)
{
    extern __shared__ float s[];
    for (int c = threadIdx.x; c < 2 * C; c += blockDim.x) s[c] = 0.f;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < M * C; i += gridDim.x * blockDim.x) {
        float v = x[i];
        atomicAdd(s + i % C, v);
        atomicAdd(s + C + i % C, v * v);
    }
    __syncthreads();
    for (int c = threadIdx.x; c < C; c += blockDim.x) {
        atomicAdd(sum + c, s[c]);
        atomicAdd(square + c, s[C + c]);
    }
}
