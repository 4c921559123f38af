// y = a * x + b for n numbers, a thread for each.
extern "C" __global__
void scale(const float* x, float* y, float a, float b, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = a * x[i] + b;
}
