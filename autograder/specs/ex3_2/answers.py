"""3.2 Repair a kernel: the broken source, and right answers."""

from __future__ import annotations

from autograder.kernels import edited

BARRIER = "    __syncthreads();  // all have read s[0] before anyone writes again\n"
RIGHT = r"""
// The sum of a value over all threads of a block, for every one of them
__device__ float block_sum(float value, float* s)
{
    int t = threadIdx.x;
    s[t] = value;
    __syncthreads();
    for (int h = 128; h > 0; h /= 2) {
        if (t < h && t + h < blockDim.x)
            s[t] += s[t + h];
        __syncthreads();
    }
    float total = s[0];
    __syncthreads();  // all have read s[0] before anyone writes again
    return total;
}

extern "C" __global__
void bn_stats(const float* x, float* mean, float* var, int N, int C, int HW)
{
    __shared__ float s[256];
    int t = threadIdx.x, m = N * HW;
    for (int c = blockIdx.x; c < C; c += gridDim.x) {
        float sum = 0.0f, squares = 0.0f;
        for (int start = 0; start < m; start += blockDim.x) {
            int i = start + t;
            if (i < m) sum += x[(i / HW * C + c) * HW + i % HW];
        }
        float mu = block_sum(sum, s) / m;
        for (int i = t; i < m; i += blockDim.x) {
            float d = x[(i / HW * C + c) * HW + i % HW] - mu;
            squares += d * d;
        }
        float sigma2 = block_sum(squares, s) / m;
        if (t == 0) {
            mean[c] = mu;
            var[c] = sigma2;
        }
    }
}
"""

BROKEN = edited(
    RIGHT,
    ("float total = s[0];", "return s[0];"),
    (BARRIER + "    return total;\n", ""),
    ("if (i < m) sum", "sum"),
)

_BLOCK_SUM = RIGHT[RIGHT.index("    int t = ") : RIGHT.index("}\n\nextern")]
_CHUNKS = """start = 0; start < m; start += blockDim.x) {
            int i = start + t;
            if (i < m) sum"""

RIGHT_WAYS = {
    "one loop for both, barrier first": (
        edited(
            RIGHT,
            (_CHUNKS, "i = t; i < m; i += blockDim.x) {\n            sum"),
            ("s[t] = value;", "__syncthreads();\n    s[t] = value;"),
            (BARRIER, ""),
        ),
    ),
    "two arrays in shared memory": (
        edited(
            RIGHT,
            (BARRIER, ""),
            ("s[256];", "s[256], s2[256];"),
            ("block_sum(squares, s)", "block_sum(squares, s2)"),
        ),
    ),
    "barriers in the kernel": (
        edited(
            RIGHT,
            (BARRIER, ""),
            ("block_sum(sum, s) / m;", "block_sum(sum, s) / m;\n        __syncthreads();"),
            (
                "var[c] = sigma2;\n        }",
                "var[c] = sigma2;\n        }\n        __syncthreads();",
            ),
        ),
    ),
    "a condition in the expression": (
        edited(
            RIGHT,
            (
                "if (i < m) sum += x[(i / HW * C + c) * HW + i % HW]",
                "sum += i < m ? x[(i / HW * C + c) * HW + i % HW] : 0.0f",
            ),
        ),
    ),
    "warp shuffles": (
        edited(
            RIGHT,
            (
                _BLOCK_SUM,
                """
    for (int h = 16; h > 0; h /= 2)
        value += __shfl_xor_sync(~0u, value, h);
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        s[threadIdx.x / 32] = value;
    __syncthreads();
    value = 0.0f;
    for (int w = 0; w < blockDim.x / 32; ++w)
        value += s[w];
    return value;
""",
            ),
        ),
    ),
}
