"""Memory of a thread and of a block."""

import numpy as np

from features.base import Feature, N, integers, normal, zeros

X = normal(N)
THREAD = np.arange(N)

LOCAL = [
    Feature(
        name="an array of a thread's own, indexed at run time",
        code="""\
extern "C" __global__ void k(const float* x, float* y, int m)
{
    int i = threadIdx.x;
    float a[8];
    for (int j = 0; j < 8; j++) a[(j * 3 + i) & 7] = x[i] * j;
    float s = 0;
    for (int j = 0; j < m; j++) s += a[j];
    y[i] = s;
}
""",
        arguments={"x": X, "y": zeros(N), "m": np.int32(5)},
        expected=lambda x, y, m: {"y": x * local_sums(m)},
        tolerance=2e-6,
    ),
    Feature(
        name="a pointer into a thread's own array, passed to a function",
        code="""\
__device__ void sort3(float* a)
{
    for (int pass = 0; pass < 2; pass++)
        for (int j = 0; j < 2; j++)
            if (a[j] > a[j + 1]) { float t = a[j]; a[j] = a[j + 1]; a[j + 1] = t; }
}

extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x, n = blockDim.x;
    float a[3] = {x[i], x[(i + 1) % n], x[(i + 2) % n]};
    sort3(a);
    y[i] = a[1];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": np.median([x, np.roll(x, -1), np.roll(x, -2)], 0)},
    ),
]

SHARED = [
    Feature(
        name="shared memory: a block turned round",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    __shared__ float s[64];
    int t = threadIdx.x, i = blockIdx.x * 64 + t;
    s[t] = x[i];
    __syncthreads();
    y[i] = s[63 - t];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": x.reshape(4, 64)[:, ::-1].ravel()},
        grid=(4,),
        block=(64,),
    ),
    Feature(
        name="two dynamic shared arrays in one piece of memory",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    extern __shared__ unsigned char raw[];
    float* a = (float*)raw;
    int* order = (int*)(a + blockDim.x);
    int i = threadIdx.x;
    a[i] = x[i];
    order[i] = blockDim.x - 1 - i;
    __syncthreads();
    y[i] = a[order[i]];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": x[::-1]},
        shared_mem=8 * N,
    ),
    Feature(
        name="two-dimensional shared memory: a padded transpose",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    __shared__ float s[32][33];
    int a = threadIdx.x, b = threadIdx.y;
    s[b][a] = x[b * 32 + a];
    __syncthreads();
    y[b * 32 + a] = s[a][b];
}
""",
        arguments={"x": normal(32, 32), "y": zeros(32, 32)},
        expected=lambda x, y: {"y": x.T},
        block=(32, 32),
    ),
    Feature(
        name="a shared array of structs",
        code="""\
struct Pair { float value; int index; };

extern "C" __global__ void k(const float* x, float* largest, int* where)
{
    __shared__ Pair best[256];
    int t = threadIdx.x;
    best[t] = {x[t], t};
    __syncthreads();
    for (int h = 128; h > 0; h /= 2) {
        if (t < h && best[t + h].value > best[t].value) best[t] = best[t + h];
        __syncthreads();
    }
    if (t == 0) { *largest = best[0].value; *where = best[0].index; }
}
""",
        arguments={"x": X, "largest": zeros(1), "where": zeros(1, dtype="i4")},
        expected=lambda x, largest, where: {"largest": [x.max()], "where": [x.argmax()]},
    ),
    Feature(
        name="bytes and halves of words in shared memory",
        code="""\
extern "C" __global__ void k(const int* a, int* y)
{
    __shared__ unsigned char s[256];
    __shared__ short h[256];
    int t = threadIdx.x;
    s[t] = a[t];
    h[t] = a[t];
    __syncthreads();
    y[t] = 1000 * s[(t + 1) & 255] + h[(t + 2) & 255];
}
""",
        arguments={"a": integers(-500, 500, N), "y": zeros(N, dtype="i4")},
        expected=lambda a, y: {"y": 1000 * (np.roll(a, -1) & 255) + np.roll(a, -2)},
    ),
    Feature(
        name="a pointer that is shared memory in some threads and global in others",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    __shared__ float s[256];
    int t = threadIdx.x;
    s[t] = 100 * x[t];
    __syncthreads();
    const float* p = (t & 1) ? s : x;
    y[t] = p[255 - t];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": np.where(THREAD % 2, 100, 1) * x[::-1]},
    ),
]


def local_sums(m) -> np.ndarray:
    """Sum of the first m entries of each thread's array, where x is 1."""
    rows = np.zeros((N, 8))
    for j in range(8):
        rows[THREAD, (j * 3 + THREAD) & 7] = j
    return rows[:, :m].sum(1)


FEATURES = LOCAL + SHARED
