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
            "int t = threadIdx.y * 32 + threadIdx.x, rows = blockDim.y;\n"
            "    int lane = t / rows, row = t % rows;",
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
        ("x[i * C + c]", "x[(i / HW * C + c) * HW + i % HW]", 2),
        ("y[i * C + c]", "y[(i / HW * C + c) * HW + i % HW]"),
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
        "eight rows merged",
        "The sums of eight rows are added up, whatever the block has. With four rows, shared memory is read that nobody has "
        "written; with sixteen, half of the pixels are missing. The number of rows is blockDim.y.",
        ("for (int r = 0; r < rows; ++r)", "for (int r = 0; r < 8; ++r)"),
    ),
    _mistake(
        "room for eight rows",
        "The shared arrays have eight rows, but a block may have sixteen: then the sums are written past their end.",
        ("sums[16][32], squares[16][32]", "sums[8][32], squares[8][32]"),
    ),
    _mistake(
        "block left out",
        "The channel is threadIdx.x, in every block: channels from 32 on are never done. Block b starts at channel 32 · b.",
        ("int c = blockIdx.x * 32 + lane", "int c = lane"),
    ),
    _mistake(
        "a shift for each row",
        "Each row of threads takes off a value of its own, so that sums of different quantities are added up. All threads of a "
        "channel must use the same shift.",
        ("mine ? x[c] : 0.0f", "mine ? x[row % m * C + c] : 0.0f"),
    ),
    _mistake(
        "empty parts divide by zero",
        "With fewer pixels than rows of threads some threads have none. Merging two empty parts divides by n = 0 and "
        "leaves NaN: skip them.",
        ("    if (n == 0.0f) return a;\n", ""),
        ("for (int j = 1; j < blockDim.y; ++j) p = merge(p, parts[j]", _FROM_THE_END),
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
