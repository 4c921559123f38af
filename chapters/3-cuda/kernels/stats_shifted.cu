// Mean and variance per channel in one pass over x, a block each.
// x: (N, C, HW); mean, var: (C,). Blocks of a multiple of 32 threads.

// Where value i of channel c lies, 0 <= i < N * HW.
__device__ int at(int i, int c, int C, int HW)
{
    return (i / HW * C + c) * HW + i % HW;
}

extern "C" __global__
void bn_stats(const float* x, float* mean, float* var,
              int N, int C, int HW)
{
    __shared__ float part_sum[32];
    __shared__ float part_squares[32];
    int c = blockIdx.x, m = N * HW, warps = blockDim.x / 32;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

    float shift = x[at(0, c, C, HW)];
    float sum = 0.0f, squares = 0.0f;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        float d = x[at(i, c, C, HW)] - shift;
        sum += d;
        squares += d * d;
    }

    for (int d = 16; d > 0; d /= 2) {
        sum += __shfl_down_sync(0xffffffff, sum, d);
        squares += __shfl_down_sync(0xffffffff, squares, d);
    }
    if (lane == 0) {
        part_sum[warp] = sum;
        part_squares[warp] = squares;
    }
    __syncthreads();

    if (threadIdx.x == 0) {
        for (int w = 1; w < warps; ++w) {
            sum += part_sum[w];
            squares += part_squares[w];
        }
        mean[c] = shift + sum / m;
        var[c] = squares / m - (sum / m) * (sum / m);
    }
}
