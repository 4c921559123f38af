extern "C" __global__ void count_warps(float* x)
{
    if (threadIdx.x % 32 == 0)
        x[0] += 1;
}
