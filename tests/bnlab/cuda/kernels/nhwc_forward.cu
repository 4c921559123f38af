// Training forward, NHWC: a block of 32 channels and 8 rows walks over all pixels; the rows'
// moments are merged as Chan, Golub and LeVeque (1979) do. The last block may be ragged.
struct Moments { float mean, m2, count; };

__device__ Moments merged(Moments a, Moments b)
{
    float count = a.count + b.count;
    if (count == 0.f) return a;
    float d = b.mean - a.mean, share = b.count / count;
    return {a.mean + d * share, a.m2 + b.m2 + d * d * a.count * share, count};
}

extern "C" __global__
void nhwc_forward(const float* __restrict__ x, const float* __restrict__ gamma,
                  const float* __restrict__ beta, float* __restrict__ y,
                  float* mean, float* var, int M, int C, float eps)
{
    __shared__ Moments part[8][32];
    int lane = threadIdx.x, row = threadIdx.y, c = blockIdx.x * 32 + lane;
    Moments w = {0.f, 0.f, 0.f};
    if (c < C)
        for (int p = row; p < M; p += blockDim.y) {
            float v = x[(size_t)p * C + c], d = v - w.mean;
            w.count += 1.f;
            w.mean += d / w.count;
            w.m2 += d * (v - w.mean);
        }
    part[row][lane] = w;
    __syncthreads();
    for (int h = blockDim.y / 2; h > 0; h /= 2) {
        if (row < h) part[row][lane] = merged(part[row][lane], part[row + h][lane]);
        __syncthreads();
    }
    if (c >= C) return;  // after the last barrier
    w = part[0][lane];
    float v = w.m2 / w.count, a = gamma[c] * rsqrtf(v + eps), b = beta[c];
    for (int p = row; p < M; p += blockDim.y)
        y[(size_t)p * C + c] = a * (x[(size_t)p * C + c] - w.mean) + b;
    if (row == 0) {
        mean[c] = w.mean;
        var[c] = v;
    }
}
