extern "C" __global__ void halve(float* x)
{
    float v = x[threadIdx.x];
    while (v > 1) v *= 0.5f;
    x[threadIdx.x] = v;
}
