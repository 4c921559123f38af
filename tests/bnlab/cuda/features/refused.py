"""What the lab does not have: each stops with the line and the reason."""

import numpy as np

from features.base import Refused, normal, zeros

X = normal(512)

REFUSED = [
    Refused(
        name="recursion",
        code="""\
__device__ int fibonacci(int n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

extern "C" __global__ void k(int* y)
{
    y[threadIdx.x] = fibonacci(threadIdx.x);
}
""",
        arguments={"y": zeros(32, dtype="i4")},
        line=3,
        says="recursion is not supported in the lab",
    ),
    Refused(
        name="function pointers",
        code="""\
typedef float (*Activation)(float);
__device__ float relu(float v) { return v > 0 ? v : 0; }
__device__ float twice(float v) { return 2 * v; }
__device__ Activation table[2] = {relu, twice};

extern "C" __global__ void k(float* y)
{
    y[threadIdx.x] = table[threadIdx.x & 1](y[threadIdx.x]);
}
""",
        arguments={"y": zeros(32)},
        line=8,
        says="a call through a pointer",
    ),
    Refused(
        name="virtual methods",
        code="""\
struct Layer { __device__ virtual float apply(float v) { return v; } };
struct Twice : Layer { __device__ float apply(float v) override { return 2 * v; } };

extern "C" __global__ void k(float* y)
{
    Layer plain;
    Twice twice;
    Layer* layer = (threadIdx.x & 1) ? &twice : &plain;
    y[threadIdx.x] = layer->apply(y[threadIdx.x]);
}
""",
        arguments={"y": zeros(32)},
        line=9,
        says="a virtual method",
    ),
    Refused(
        name="textures",
        code="""\
extern "C" __global__ void k(float* y, cudaTextureObject_t image)
{
    y[threadIdx.x] = tex1Dfetch<float>(image, threadIdx.x);
}
""",
        arguments={"y": zeros(32), "image": np.uint64(1)},
        line=3,
        says="`tex.1d.v4.f32.s32` is not supported in the lab",
    ),
    Refused(
        name="surfaces",
        code="""\
extern "C" __global__ void k(float* y, cudaSurfaceObject_t image)
{
    surf1Dread(y + threadIdx.x, image, threadIdx.x);
}
""",
        arguments={"y": zeros(32), "image": np.uint64(1)},
        line=3,
        says="is not supported in the lab",
    ),
    Refused(
        name="tensor cores by their header",
        code="""\
#include <cuda_fp16.h>
#include <mma.h>

extern "C" __global__ void k(const half* a, float* y)
{
    nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> c;
    nvcuda::wmma::fill_fragment(c, 0.f);
    nvcuda::wmma::store_matrix_sync(y, c, 16, nvcuda::wmma::mem_row_major);
}
""",
        arguments={"a": X.astype("f2"), "y": zeros(256)},
        line=2,
        says="'mma.h'",
    ),
    Refused(
        name="tensor cores in inline PTX",
        code="""\
extern "C" __global__ void k(float* y)
{
    float d[4] = {0, 0, 0, 0};
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
                 "{%0, %1, %2, %3}, {%4, %4}, {%4}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(1));
    y[threadIdx.x] = d[0];
}
""",
        arguments={"y": zeros(32)},
        line=6,
        says="`mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32` is not supported in the lab",
    ),
    Refused(
        name="asynchronous copies",
        code="""\
#include <cuda_pipeline.h>

extern "C" __global__ void k(const float4* x, float4* y)
{
    __shared__ float4 s[32];
    __pipeline_memcpy_async(s + threadIdx.x, x + threadIdx.x, 16);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    y[threadIdx.x] = s[threadIdx.x];
}
""",
        arguments={"x": X, "y": zeros(512)},
        line=6,
        says="`cp.async.cg.shared.global` is not supported in the lab",
    ),
    Refused(
        name="a barrier for the whole grid",
        code="""\
#include <cooperative_groups.h>

extern "C" __global__ void k(float* y)
{
    y[threadIdx.x] = 1.f;
    cooperative_groups::this_grid().sync();
    y[threadIdx.x] += y[31 - threadIdx.x];
}
""",
        arguments={"y": zeros(32)},
        line=6,
        says="a barrier for the whole grid is not supported in the lab",
    ),
    Refused(
        name="a barrier for a part of the block",
        code="""\
extern "C" __global__ void k(float* y)
{
    if (threadIdx.x < 32)
        asm volatile("bar.sync 1, 32;" ::: "memory");
    y[threadIdx.x] = 1.f;
}
""",
        arguments={"y": zeros(64)},
        line=4,
        says="not named or partial barriers",
        block=(64,),
    ),
    Refused(
        name="memory from the heap",
        code="""\
extern "C" __global__ void k(float* y)
{
    float* p = (float*)malloc(4 * sizeof(float));
    p[threadIdx.x & 3] = y[threadIdx.x];
    y[threadIdx.x] = p[0] + 1;
    free(p);
}
""",
        arguments={"y": zeros(32)},
        line=3,
        says="malloc is not supported in the lab",
    ),
    Refused(
        name="double arithmetic that rounds towards zero",
        code="""\
extern "C" __global__ void k(double* y)
{
    y[threadIdx.x] = __dadd_rz(y[threadIdx.x], 0.1);
}
""",
        arguments={"y": zeros(32, dtype="f8")},
        line=3,
        says="does not round to nearest",
    ),
    Refused(
        name="the number of the multiprocessor",
        code="""\
extern "C" __global__ void k(unsigned* y)
{
    asm volatile("mov.u32 %0, %%smid;" : "=r"(y[threadIdx.x]));
}
""",
        arguments={"y": zeros(32, dtype="u4")},
        line=3,
        says="the special register %smid is not supported in the lab",
    ),
    Refused(
        name="random numbers of curand",
        code="""\
#include <curand_kernel.h>

extern "C" __global__ void k(unsigned* y)
{
    curandState state;
    curand_init(1, threadIdx.x, 0, &state);
    y[threadIdx.x] = curand(&state);
}
""",
        arguments={"y": zeros(32, dtype="u4")},
        line=1,
        says="'curand_kernel.h'",
    ),
    Refused(
        name="directives of the assembler",
        code="""\
extern "C" __global__ void k(unsigned* y)
{
    asm volatile(".file 9 \\"elsewhere\\"");
    y[threadIdx.x] = 1;
}
""",
        arguments={"y": zeros(32, dtype="u4")},
        line=3,
        says="the PTX directive `.file` is not supported in the lab",
    ),
]
