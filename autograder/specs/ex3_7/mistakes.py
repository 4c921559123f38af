"""3.7 Channels last at the least traffic: wrong answers and what to tell their authors."""

from __future__ import annotations

from autograder.kernels import edited
from autograder.spec import Mistake
from autograder.specs.ex3_7.answers import RIGHT, WELFORD


def _mistake(name: str, says: str, *changes: tuple, source: str = RIGHT) -> Mistake:
    return Mistake(name, says, (edited(source, *changes),))


_MERGE = """    for (int r = 0; r < rows; ++r) {
        s += sums[r][lane];
        q += squares[r][lane];
    }
"""

# Merging from the last part on meets two empty ones.
_FROM_THE_END = """p = parts[blockDim.y - 1][threadIdx.x];
        for (int j = blockDim.y - 2; j >= 0; --j) p = merge(p, parts[j]"""

MISTAKES = (
    _mistake(
        "lanes along pixels",
        "Neighbouring lanes take neighbouring pixels. In NHWC these lie C floats apart, so that each lane moves a sector of its "
        "own. Neighbouring lanes, threadIdx.x, must take neighbouring channels, and threadIdx.y the pixels.",
        (
            "int lane = threadIdx.x, row = threadIdx.y, rows = blockDim.y;",
            _SWAPPED := """int t = threadIdx.y * 32 + threadIdx.x;
    int lane = t / blockDim.y, row = t % blockDim.y, rows = blockDim.y;""",
        ),
    ),
    _mistake(
        "a pass for the mean, a pass for the variance",
        "x is read three times: for the mean, for the variance and to normalise. Find both statistics in one pass, "
        "with sums of x minus a fixed shift, or by Welford's update.",
        (
            "    sums[row][lane] = s;\n",
            "    sums[row][lane] = s;\n    __syncthreads();\n    s = 0.0f;\n"
            "    for (int r = 0; r < rows; ++r) s += sums[r][lane];\n"
            "    float centre = shift + s / m;\n    s = q = 0.0f;\n    if (mine)\n"
            "        for (int i = row; i < m; i += rows) {\n"
            "            float d = x[i * C + c] - centre;\n            q += d * d;\n        }\n",
        ),
        ("float mean = shift + s, var", "float mean = centre, var"),
        ("        s += sums[r][lane];\n        q +=", "        q +="),
    ),
    _mistake(
        "naive variance",
        "The variance is E[x²] − E[x]². At mean 1000 it is the small difference of two large numbers, and float32 has lost its "
        "digits. Subtract a fixed value of the channel first, its first pixel for instance.",
        ("float shift = mine ? x[c] : 0.0f;", "float shift = 0.0f;"),
    ),
    _mistake(
        "no bound on the channels",
        "The last block has lanes beyond the C channels, and they work too: what they take for a channel belongs to "
        "the next pixel. They must stay idle, but come along to the barrier.",
        ("bool mine = c < C;", "bool mine = true;"),
    ),
    _mistake(
        "one pixel past the end",
        "The loop includes pixel N·HW, which does not exist: compare with <.",
        (
            "if (mine)\n        for (int i = row; i < m;",
            "if (mine)\n        for (int i = row; i <= m;",
        ),
    ),
    _mistake(
        "NCHW index",
        "x is indexed as in NCHW. In NHWC the C channels of a pixel stand together: pixel i, channel c is x[i · C + c].",
        ("float d = x[i * C + c]", "float d = x[(i / HW * C + c) * HW + i % HW]"),
        (
            "y[i * C + c] = (x[i * C + c]",
            "int k = (i / HW * C + c) * HW + i % HW;\n            y[k] = (x[k]",
        ),
    ),
    _mistake(
        "m without N",
        "m is HW, the pixels of one image. A statistic is over all images: m = N · HW.",
        ("m = N * HW", "m = HW"),
    ),
    _mistake(
        "unbiased variance",
        "The variance is divided by m − 1. Training normalises with the biased one, divided by m.",
        ("var = q / m - s * s", "var = (q / m - s * s) * m / (m - 1)"),
    ),
    _mistake(
        "eps missing",
        "eps is missing: 1/√(var + eps), which shows when the variance is small.",
        ("sqrtf(var + eps)", "sqrtf(var)"),
    ),
    _mistake(
        "eps outside the root",
        "eps is added outside the root. It belongs inside: 1/√(var + eps).",
        ("sqrtf(var + eps)", "(sqrtf(var) + eps)"),
    ),
    _mistake(
        "missing barrier",
        "The sums of the other rows are read before it is certain that they have been written. A __syncthreads() belongs between "
        "writing to shared memory and reading what others wrote.",
        ("    __syncthreads();\n\n    s = q", "\n    s = q"),
    ),
    _mistake(
        "only the thread's own sum",
        "Each thread uses the sums of its own pixels only. The statistics of a channel are over the pixels of all "
        "blockDim.y rows of threads.",
        (_MERGE, "    s = sums[row][lane];\n    q = squares[row][lane];\n"),
    ),
    _mistake(
        "eight rows taken for granted",
        "The number 8 is written into the loops. The block has blockDim.y rows of threads, 4 or 16 as well.",
        ("rows = blockDim.y", "rows = 8"),
        (
            "for (int i = row; i < m; i += rows)",
            "for (int i = row; row < 8 && i < m; i += rows)",
            2,
        ),
        ("sums[r][lane];", "(r < blockDim.y ? sums[r][lane] : 0.0f);"),
        ("squares[r][lane];", "(r < blockDim.y ? squares[r][lane] : 0.0f);"),
    ),
    _mistake(
        "empty parts divide by zero",
        "With fewer pixels than rows of threads some threads have none. Merging two empty parts divides by n = 0 and "
        "leaves NaN: skip them.",
        ("    if (n == 0.0f) return a;\n", ""),
        (
            "if (k == 0) {\n        for (int j = 1; j < blockDim.y; ++j) p = merge(p, parts[j][threadIdx.x]);",
            "if (k == 0) {\n        for (int j = blockDim.y - 1; j > 1; --j) parts[j - 1][threadIdx.x] = merge(parts[j - 1][threadIdx.x], parts[j][threadIdx.x]);\n        p = merge(p, parts[1][threadIdx.x]);",
        ),
        source=WELFORD,
    ),
    _mistake(
        "counts ignored in the merge",
        "The means of two parts are averaged as if both had as many pixels. They must be weighted by their counts.",
        ("a.mean + d * b.n / n", "a.mean + d / 2"),
        source=WELFORD,
    ),
    _mistake(
        "variance saved",
        "save_inv_std holds the variance. Save what backward multiplies with, 1/√(var + eps).",
        ("save_inv_std[c] = inv_std;", "save_inv_std[c] = var;"),
    ),
)
