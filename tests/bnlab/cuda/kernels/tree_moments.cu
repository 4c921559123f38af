// Mean and variance, a block for each channel: sums relative to the channel's first value, added
// up by a tree in shared memory. Any block size.
extern "C" __global__
void tree_moments(const float* x, float* mean, float* var, int N, int C, int S)
{
    __shared__ float sum[256], square[256];
    int c = blockIdx.x, t = threadIdx.x;
    float shift = x[c * S], a = 0.f, b = 0.f;
    for (int i = t; i < N * S; i += blockDim.x) {
        float d = x[(i / S * C + c) * S + i % S] - shift;
        a += d;
        b += d * d;
    }
    sum[t] = a;
    square[t] = b;
    __syncthreads();
    for (int n = blockDim.x; n > 1;) {
        int h = (n + 1) / 2;
        if (t + h < n) {
            sum[t] += sum[t + h];
            square[t] += square[t + h];
        }
        __syncthreads();
        n = h;
    }
    if (t == 0) {
        float d = sum[0] / (N * S);
        mean[c] = shift + d;
        var[c] = square[0] / (N * S) - d * d;
    }
}
