"""Loops, switches, jumps and returns, different from thread to thread."""

import numpy as np

from features.base import Feature, N, normal, zeros

X = normal(N)
THREAD = np.arange(N)


def collatz(v: int) -> int:
    steps = 0
    while v != 1:
        v = 3 * v + 1 if v & 1 else v // 2
        steps += 1
    return steps


def nested(i: int) -> int:
    pairs = [(a, b) for a in range(i % 5) for b in range(a, i % 7)]
    return sum(a * b + 1 for a, b in pairs if (a + b) % 3)


FEATURES = [
    Feature(
        name="switch with a default",
        code="""\
extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x;
    float v = x[i];
    switch (i % 7) {
        case 0: v = sinf(v); break;
        case 1: v *= 2; break;
        case 2: v = v * v; break;
        case 3: v -= 3;  // falls through
        case 4: v = fabsf(v); break;
        case 5: v = expf(v); break;
        default: v = 0;
    }
    y[i] = v;
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {
            "y": np.choose(
                THREAD % 7,
                [np.sin(x), 2 * x, x * x, abs(x - 3), abs(x), np.exp(x), 0 * x],
            )
        },
    ),
    Feature(
        name="do, break, continue and goto",
        code="""\
extern "C" __global__ void k(int* y)
{
    int steps = 0, v = threadIdx.x + 1;
    do {
        if (v == 1) break;
        steps++;
        if (v & 1) { v = 3 * v + 1; continue; }
        v /= 2;
        if (steps > 500) goto end;
    } while (true);
end:
    y[threadIdx.x] = steps;
}
""",
        arguments={"y": zeros(N, dtype="i4")},
        expected=lambda y: {"y": [collatz(v + 1) for v in range(N)]},
    ),
    Feature(
        name="nested loops whose lengths differ from thread to thread",
        code="""\
extern "C" __global__ void k(int* y)
{
    int i = threadIdx.x, sum = 0;
    for (int a = 0; a < i % 5; a++)
        for (int b = a; b < i % 7; b++) {
            if ((a + b) % 3 == 0) continue;
            sum += a * b + 1;
        }
    y[i] = sum;
}
""",
        arguments={"y": zeros(N, dtype="i4")},
        expected=lambda y: {"y": [nested(i) for i in range(N)]},
    ),
    Feature(
        name="threads that return early, the rest go on",
        code="""\
extern "C" __global__ void k(const float* x, float* y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    if (x[i] < 0) { y[i] = -1; return; }
    y[i] = sqrtf(x[i]);
}
""",
        arguments={"x": X, "y": zeros(N), "n": np.int32(200)},
        expected=lambda x, y, n: {
            "y": np.where(THREAD >= 200, 0, np.where(x < 0, -1, np.sqrt(abs(x))))
        },
        grid=(4,),
        block=(64,),
    ),
    Feature(
        name="short circuits: && guards an access",
        code="""\
extern "C" __global__ void k(const float* x, int* y, int n)
{
    int i = threadIdx.x;
    y[i] = (i + 1 < n && x[i + 1] > x[i]) || (i > 0 && x[i - 1] > x[i]);
}
""",
        arguments={"x": X, "y": zeros(N, dtype="i4"), "n": np.int32(N)},
        expected=lambda x, y, n: {
            "y": np.r_[x[1:] > x[:-1], False] | np.r_[False, x[:-1] > x[1:]],
        },
    ),
    Feature(
        name="#pragma unroll and __launch_bounds__",
        code="""\
extern "C" __global__ void __launch_bounds__(256, 2) k(const float* x, float* y)
{
    float sum = 0;
    #pragma unroll
    for (int j = 0; j < 8; j++) sum += x[(threadIdx.x + j) % 256] * (j + 1);
    y[threadIdx.x] = sum;
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": sum((j + 1) * np.roll(x, -j) for j in range(8))},
        tolerance=2e-6,
    ),
]
