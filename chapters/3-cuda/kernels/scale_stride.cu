// y = a * x + b for n numbers, with any grid.
extern "C" __global__
void scale(const float* x, float* y, float a, float b, int n)
{
    int thread = blockIdx.x * blockDim.x + threadIdx.x;
    int threads = gridDim.x * blockDim.x;
    for (int i = thread; i < n; i += threads)
        y[i] = a * x[i] + b;
}
