"""Patterns of right kernels that a careless checker takes for races; each with the slip that makes
it one."""

import numpy as np
import pytest

from bnlab import cuda

HEAD = 'extern "C" __global__ void k(float* y)\n{\n    int t = threadIdx.x;\n'

# Name -> the kernel, and what to replace by what to make it wrong.
PATTERNS = {
    "two buffers, one barrier a turn": (
        """\
    __shared__ float s[2][64];
    s[0][t] = y[t];
    __syncthreads();
    for (int turn = 0; turn < 5; turn++) {
        s[(turn + 1) % 2][t] = s[turn % 2][(t + 1) % 64] + 1;
        __syncthreads();
    }
    y[t] = s[1][t];
""",
        ("s[(turn + 1) % 2][t]", "s[turn % 2][t]"),
    ),
    "a value for the whole block, again and again": (
        """\
    __shared__ float shared;
    for (int turn = 0; turn < 3; turn++) {
        if (t == turn) shared = y[t];
        __syncthreads();
        y[t] += shared;
        __syncthreads();
    }
""",
        ("        __syncthreads();\n    }", "    }"),
    ),
    "a neighbour's value in global memory": (
        """\
    y[t] = t;
    __syncthreads();
    float v = y[63 - t];
    __syncthreads();
    y[t] = v;
""",
        ("    __syncthreads();\n    y", "    y"),
    ),
    "the tail of a tree within a warp": (
        """\
    __shared__ volatile float s[64];
    s[t] = y[t];
    __syncthreads();
    if (t < 32)
        for (int h = 32; h > 0; h /= 2) {
            float v = s[t] + s[t + h];
            __syncwarp();
            if (t < h) s[t] = v;
            __syncwarp();
        }
    if (t == 0) y[0] = s[0];
""",
        ("s[t] = v;\n            __syncwarp();", "s[t] = v;"),
    ),
    "counting that is also a barrier": (
        """\
    __shared__ float s[64];
    s[t] = y[t];
    int many = __syncthreads_count(t % 3 == 0);
    y[t] = s[(t + many) % 64];
""",
        ("__syncthreads_count(t % 3 == 0)", "22"),
    ),
    "atomics of all threads, then a barrier, then a read": (
        """\
    __shared__ float sum;
    if (t == 0) sum = 0;
    __syncthreads();
    atomicAdd(&sum, y[t]);
    __syncthreads();
    y[t] = sum;
""",
        ("y[t]);\n    __syncthreads();", "y[t]);"),
    ),
    "bytes of one word": (
        """\
    __shared__ unsigned char s[64];
    s[t] = t;
    __syncthreads();
    y[t] = s[t ^ 1];
""",
        ("    __syncthreads();\n", ""),
    ),
    "each warp its own rows": (
        """\
    __shared__ float s[2][32];
    int warp = t / 32, lane = t % 32;
    for (int turn = 0; turn < 4; turn++) {
        s[warp][lane] = y[t] + turn;
        __syncwarp();
        y[t] += s[warp][31 - lane];
        __syncwarp();
    }
""",
        ("s[warp][31 - lane]", "s[1 - warp][lane]"),
    ),
    "a branch that a whole block takes": (
        """\
    __shared__ float s[64];
    s[t] = y[t];
    if (y[64] > 0) __syncthreads();
    y[t] = s[y[64] > 0 ? 63 - t : t];
""",
        ("if (y[64] > 0) ", "if (y[64] < 0) "),
    ),
    "different elements of one float4": (
        """\
    __shared__ float4 s[16];
    ((float*)s)[t] = y[t];
    __syncthreads();
    float4 v = s[t / 4];
    y[t] = v.x + v.y + v.z + v.w;
""",
        ("    __syncthreads();\n", ""),
    ),
}


def examined(lines: str, schedule: str) -> cuda.Report:
    y = np.arange(1, 66, dtype="f4")
    return cuda.examine(HEAD + lines + "}\n", "k", (1,), (64,), (y,), schedule=schedule, seed=2)


@pytest.mark.parametrize("schedule", ["lockstep", "warps"])
@pytest.mark.parametrize("name", PATTERNS)
def test_right_kernels_are_left_alone(name, schedule):
    lines, (right, wrong) = PATTERNS[name]
    report = examined(lines, schedule)
    assert report.error is None and report.races == (), [r.sentence for r in report.races]
    assert lines.count(right) == 1
    slipped = examined(lines.replace(right, wrong), schedule)
    assert slipped.races, "the slip is not reported"
