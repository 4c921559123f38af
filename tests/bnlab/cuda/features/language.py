"""C++ as kernels use it: templates, lambdas, classes, printf, assert, inline PTX."""

import numpy as np

from features.base import Feature, N, integers, normal, warps, zeros

X = normal(N)
THREAD = np.arange(N)

FUNCTIONS = [
    Feature(
        name="a template kernel by a name expression",
        code="""\
template <typename T, int SCALE>
__global__ void scale(const T* x, T* y)
{
    y[threadIdx.x] = SCALE * x[threadIdx.x];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": 3 * x},
        kernel="scale<float, 3>",
    ),
    Feature(
        name="a template function, a functor and a lambda",
        code="""\
template <class F>
__device__ float reduce(float v, F f)
{
    for (int d = 16; d; d >>= 1) v = f(v, __shfl_xor_sync(0xffffffff, v, d));
    return v;
}

struct Add {
    __device__ float operator()(float a, float b) const { return a + b; }
};

extern "C" __global__ void k(const float* x, float* y)
{
    float v = x[threadIdx.x];
    y[threadIdx.x] = reduce(v, Add()) + reduce(v, [](float a, float b) { return fmaxf(a, b); });
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": np.repeat(warps(x).sum(1) + warps(x).max(1), 32)},
        tolerance=5e-6,
    ),
    Feature(
        name="a class with a constructor, methods and operators",
        code="""\
struct Welford {
    float mean = 0, m2 = 0, n = 0;
    __device__ Welford& operator+=(float v)
    {
        n += 1;
        float d = v - mean;
        mean += d / n;
        m2 += d * (v - mean);
        return *this;
    }
    __device__ float variance() const { return m2 / n; }
};

extern "C" __global__ void k(const float* x, float* y, int n)
{
    Welford w;
    for (int i = threadIdx.x; i < n; i += blockDim.x) w += x[i];
    y[threadIdx.x] = w.variance();
}
""",
        arguments={"x": X, "y": zeros(32), "n": np.int32(N)},
        expected=lambda x, y, n: {"y": x.reshape(-1, 32).var(0)},
        block=(32,),
    ),
    Feature(
        name="a __noinline__ function",
        code="""\
__device__ __noinline__ float line(float v, int j) { return v * j + 1; }

extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x;
    y[i] = line(x[i], i) + line(x[255 - i], 2);
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": x * THREAD + 1 + 2 * x[::-1] + 1},
    ),
    Feature(
        name="a __noinline__ function that loops, takes a pointer and calls another",
        code="""\
struct Moments { float mean, variance; };

__device__ __noinline__ float mean(const float* p, int n)
{
    float s = 0;
    for (int i = 0; i < n; i++) s += p[i];
    return s / n;
}

__device__ __noinline__ Moments moments(const float* p, int n)
{
    float m = mean(p, n), s = 0;
    if (n < 2) return {m, 0.f};
    for (int i = 0; i < n; i++) s += (p[i] - m) * (p[i] - m);
    return {m, s / n};
}

extern "C" __global__ void k(const float* x, float* y)
{
    int i = threadIdx.x;
    Moments m = moments(x + 8 * i, i == 3 ? 1 : 8);
    y[2 * i] = m.mean;
    y[2 * i + 1] = m.variance;
}
""",
        arguments={"x": X, "y": zeros(32, 2)},
        expected=lambda x, y: {"y": row_moments(x.reshape(32, 8))},
        block=(32,),
    ),
    Feature(
        name="recursion that ends at compile time",
        code="""\
template <int D>
__device__ float tree(float v)
{
    if constexpr (D == 0) return v;
    else return tree<D / 2>(v + __shfl_xor_sync(0xffffffff, v, D));
}

extern "C" __global__ void k(const float* x, float* y)
{
    y[threadIdx.x] = tree<16>(x[threadIdx.x]);
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": np.repeat(warps(x).sum(1), 32)},
        tolerance=5e-6,
    ),
    Feature(
        name="namespaces, enum class, constexpr, references, default arguments",
        code="""\
namespace layout {
enum class Order : int { nchw, nhwc };
constexpr int width = 8;

__device__ int place(int row, int column, Order order = Order::nchw)
{
    static_assert(width % 4 == 0, "whole vectors");
    return order == Order::nchw ? row * width + column : column * width + row;
}
__device__ void raise(float& v, float by = 1.5f) { v += by; }
}  // namespace layout

extern "C" __global__ void k(const float* x, float* y)
{
    using namespace layout;
    int r = threadIdx.x / width, c = threadIdx.x % width;
    float v = x[place(r, c)];
    raise(v);
    y[place(r, c, Order::nhwc)] = v;
}
""",
        arguments={"x": normal(8, 8), "y": zeros(8, 8)},
        expected=lambda x, y: {"y": x.T + 1.5},
        block=(64,),
    ),
]

TALK = [
    Feature(
        name="printf with int, float, hexadecimal and long",
        code="""\
extern "C" __global__ void k(const float* x)
{
    if (threadIdx.x < 2)
        printf("thread %d: %.3f %5d|%x %lld %%\\n", threadIdx.x, x[threadIdx.x],
               -7, 255u, 1LL << 40);
}
""",
        arguments={"x": np.array([0.5, -1.25], "f4")},
        expected=lambda x: {},
        printed=(
            "thread 0: 0.500    -7|ff 1099511627776 %\n",
            "thread 1: -1.250    -7|ff 1099511627776 %\n",
        ),
        block=(32,),
    ),
    Feature(
        name="printf with strings and characters",
        code="""\
extern "C" __global__ void k(int n)
{
    if (threadIdx.x == 0) printf("%s and %-6s|%c\\n", n > 3 ? "many" : "few", "more", 'x');
}
""",
        arguments={"n": np.int32(4)},
        expected=lambda n: {},
        printed=("many and more  |x\n",),
        block=(32,),
    ),
    Feature(
        name="an assert that holds",
        code="""\
#include <assert.h>

extern "C" __global__ void k(const float* x, float* y)
{
    assert(blockDim.x == 256);
    y[threadIdx.x] = x[threadIdx.x];
}
""",
        arguments={"x": X, "y": zeros(N)},
        expected=lambda x, y: {"y": x},
    ),
    Feature(
        name="clock64 and __nanosleep",
        code="""\
extern "C" __global__ void k(int* y)
{
    long long start = clock64();
    __nanosleep(10);
    y[threadIdx.x] = clock64() >= start;
}
""",
        arguments={"y": zeros(N, dtype="i4")},
        expected=lambda y: {"y": np.ones(N)},
    ),
    Feature(
        name="inline PTX with inputs, outputs and a predicate",
        code="""\
extern "C" __global__ void k(const int* a, int* y)
{
    int i = threadIdx.x, r;
    asm("{\\n\\t"
        ".reg .pred p;\\n\\t"
        "setp.gt.s32 p, %1, 0;\\n\\t"
        "selp.s32 %0, %1, -1, p;\\n\\t"
        "@p mad.lo.s32 %0, %1, 3, %2;\\n\\t"
        "}" : "=&r"(r) : "r"(a[i]), "r"(i));
    y[i] = r;
}
""",
        arguments={"a": integers(-50, 50, N), "y": zeros(N, dtype="i4")},
        expected=lambda a, y: {"y": np.where(a > 0, 3 * a + THREAD, -1)},
    ),
]


def row_moments(rows) -> np.ndarray:
    moments = np.stack([rows.mean(1), rows.var(1)], 1)
    moments[3] = (rows[3, 0], 0)
    return moments


FEATURES = FUNCTIONS + TALK
