// Mean and variance per channel, a thread each.
// x: (N, C, HW); mean, var: (C,).
extern "C" __global__
void bn_stats(const float* x, float* mean, float* var,
              int N, int C, int HW)
{
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= C)
        return;

    float sum = 0.0f;
    for (int n = 0; n < N; ++n)
        for (int i = 0; i < HW; ++i)
            sum += x[(n * C + c) * HW + i];
    float mu = sum / (N * HW);

    float squares = 0.0f;
    for (int n = 0; n < N; ++n)
        for (int i = 0; i < HW; ++i) {
            float d = x[(n * C + c) * HW + i] - mu;
            squares += d * d;
        }
    mean[c] = mu;
    var[c] = squares / (N * HW);
}
