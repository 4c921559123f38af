"""3.4 Warp shuffles, stable at a large offset: wrong answers, and what to tell learners."""

from __future__ import annotations

from autograder.kernels import edited
from autograder.spec import Mistake
from autograder.specs.ex3_3.answers import SHIFTED as TREE
from autograder.specs.ex3_4.answers import AFTER, RIGHT, SHIFTED, SHUFFLES, WELFORD

_STORE = "    if (lane == 0)\n        part[warp] = v;\n"
_PARTS = "32 * w < blockDim.x"
_MU = "block_sum(sum, part) / m"
_SIGMA2 = "block_sum(squares, part2) / m"
_VALUES = "int i = threadIdx.x; i < m; i += blockDim.x"


def _mistake(name: str, says: str, *changes: tuple, source: str = RIGHT) -> Mistake:
    return Mistake(name, says, (edited(source, *changes),))


MISTAKES = (
    _mistake(
        "incomplete warps",
        "In a block of 48 or 33 threads the last warp is not complete, and a lane fetches from one that is not there. What it gets "
        "is undefined, even if it is not used. Count the lanes of the warp, give only these in the mask, and fetch from these.",
        (
            SHUFFLES,
            "    for (int d = 16; d > 0; d /= 2)\n        v += __shfl_down_sync(0xffffffff, v, d);\n",
        ),
    ),
    _mistake(
        "the incomplete warp left out",
        "The partial sum of the last warp is missing where that is not complete: blockDim.x / 32 counts whole warps. There are "
        "(blockDim.x + 31) / 32 of them.",
        (_PARTS, "w < blockDim.x / 32"),
    ),
    _mistake(
        "lanes of the mask that do not come",
        "A shuffle stands where only some lanes of its mask come by, in an if or behind one. The lanes in the mask wait for each "
        "other. Let all of them shuffle, and let the condition decide what they do with the value.",
        (
            SHUFFLES,
            "    for (int d = 16; d > 0; d /= 2)\n"
            "        if (lane + d < lanes) v += __shfl_down_sync(mask, v, d);\n",
        ),
    ),
    _mistake(
        "a lane outside of the mask",
        "A lane shuffles with a mask in which its own bit is missing. 0xffff means lanes 0 to 15 only; all 32 are 0xffffffff.",
        ("0xffffffff >> (32 - lanes)", "0xffff"),
    ),
    _mistake(
        "threads without values return",
        "Threads without a value return, and then others fetch from their lanes. They must stay, and bring a 0.",
        ("m = N * HW;", "m = N * HW;\n    if (threadIdx.x >= m)\n        return;"),
    ),
    _mistake(
        "distance 16 missing",
        "The shuffles begin at a distance of 8. That adds up 16 lanes; the other half of the warp is missing. Begin at 16.",
        ("int d = 16", "int d = 8"),
    ),
    _mistake(
        "distance 1 missing",
        "The shuffles end before the distance 1, so every other lane is missing from the sum.",
        ("d > 0;", "d > 1;"),
    ),
    _mistake(
        "distance 32",
        "The shuffles begin at a distance of 32. A warp has no lane that far away: every lane gets its own value, and all is "
        "counted twice. Begin at 16.",
        ("int d = 16", "int d = 32", 2),
        source=SHIFTED,
    ),
    _mistake(
        "only the sum of warp 0",
        "The result is that of the first warp. Each warp has a partial sum: put it into shared memory, then add up all of them.",
        (AFTER, "    return part[0];\n"),
    ),
    _mistake(
        "the mean reaches thread 0 only",
        "Only thread 0 knows the mean of the channel. The others subtract something else before they square: their own partial "
        "sum. Shared memory carries the mean to all of them.",
        ("return total;", "return threadIdx.x == 0 ? total : v;"),
    ),
    _mistake(
        "the mean reaches lane 0 of each warp only",
        "Only lane 0 of each warp knows the mean of the channel. The others subtract something else before they square: their "
        "own partial sum. Let them read it from shared memory, or from lane 0 by __shfl_sync.",
        ("return total;", "return lane == 0 ? total : v;"),
    ),
    _mistake(
        "no barrier before the partial sums are read",
        "A thread reads the partial sum of another warp, and no barrier lies between. Warps do not wait for each other by "
        "themselves, and a shuffle makes only the lanes of one warp wait: __syncthreads() is needed.",
        (_STORE + "    __syncthreads();\n", _STORE),
    ),
    _mistake(
        "barrier of a warp",
        "__syncwarp() makes the lanes of one warp wait for each other. The partial sums come from other warps: use "
        "__syncthreads().",
        ("__syncthreads()", "__syncwarp()"),
    ),
    _mistake(
        "no barrier before the array is used again",
        "The array of partial sums is written again, for the variance, while a slow warp may still read the sums of the mean. Put "
        "a barrier between, or take two arrays.",
        (_SIGMA2, "block_sum(squares, part) / m"),
        ("part[8], part2[8]", "part[8]"),
    ),
    _mistake(
        "partial sums that no warp wrote",
        "More partial sums are read than the block has warps. Shared memory does not start at 0: read only what was written, or "
        "write zeros first.",
        (_PARTS, "w < 8"),
    ),
    _mistake(
        "the tree of 3.3",
        "The reduction goes through shared memory, with an element for each thread. Let the lanes of a warp add up by shuffles: "
        "then an element for each warp will do.",
        source=TREE,
    ),
    _mistake(
        "an atomic for each thread",
        "Every thread adds its own sum with an atomic: as many steps one after the other as the block has threads. Let the lanes of a "
        "warp add up by shuffles first: then one atomic for each warp will do.",
        (
            SHUFFLES + _STORE,
            "    if (threadIdx.x == 0)\n        part[0] = 0.0f;\n    __syncthreads();\n"
            "    atomicAdd(part, v);\n",
        ),
        (AFTER, "    return part[0];\n"),
    ),
    _mistake(
        "one thread does everything",
        "One thread reads the whole channel, and the others wait. Let thread t take the values t, t + blockDim.x, and so on.",
        (_VALUES, "int i = 0; threadIdx.x == 0 && i < m; ++i", 2),
    ),
    _mistake(
        "every thread reads everything",
        "Every thread reads the whole channel, for the mean or for both: x is read as often as the block has threads. Let thread t "
        "take the values t, t + blockDim.x, and so on, and add up the partial sums by shuffles.",
        (f"for ({_VALUES})\n        sum", "for (int i = 0; i < m; ++i)\n        sum"),
        (_MU, "sum / m"),
    ),
    _mistake(
        "E[x²] − E[x]²",
        "The variance is E[x²] − E[x]² in float32. At a mean of 1000 standard deviations both are a million times as large as "
        "the result, and float32 has seven digits. Subtract the mean before you square, or a value of the channel.",
        ("float shift = x[c * HW]", "float shift = 0.0f"),
        source=SHIFTED,
    ),
    _mistake(
        "the first value of x for every channel",
        "The same value is taken off every channel. It has to be near the channel's own mean: take its own first value, "
        "x[c · HW].",
        ("x[c * HW], sum", "x[0], sum"),
        source=SHIFTED,
    ),
    _mistake(
        "a shift for each thread",
        "Each thread takes off another value, so their sums do not fit together. All threads of a block must take off the "
        "same one.",
        ("x[c * HW], sum", "x[c * HW + t % HW], sum"),
        ("    float m = N", "    if (t > 0)\n        return;\n    float m = N"),
        source=SHIFTED,
    ),
    _mistake(
        "shift not added back",
        "A value was taken off everything before adding up. The mean has to be put back where it was: add that value to it.",
        ("shift + sum / m", "sum / m"),
        source=SHIFTED,
    ),
    _mistake(
        "summaries merged without their counts",
        "Two summaries are merged as if they had seen equally many values: the mean of the two means, and half their distance. "
        "Where one has seen more, it must weigh more.",
        ("delta * (b.n / n)", "delta * 0.5f"),
        ("(a.n * b.n / n)", "(0.25f * n)"),
        source=WELFORD,
    ),
    _mistake(
        "0 divided by 0",
        "Two threads without values are merged, and 0 is divided by 0: NaN, which spreads to everything. Return early if both counts "
        "are 0.",
        ("    if (n == 0.0f)\n        return a;\n", ""),
        source=WELFORD,
    ),
    _mistake(
        "distance of the means forgotten",
        "M₂ of the merged values is taken as the sum of both. Their means differ: δ² · nₐ · n_b / n must be added.",
        ("b.m2 + delta * delta * (a.n * b.n / n)", "b.m2"),
        source=WELFORD,
    ),
    _mistake(
        "Welford with the old mean twice",
        "M₂ grows by the square of the distance from the old mean. It is the distance from the old mean times that from the new one.",
        ("delta * (v - s.mean)", "delta * delta"),
        source=WELFORD,
    ),
    _mistake(
        "unbiased variance",
        "The variance is divided by m − 1. Batch normalization takes the biased one, divided by m = N · HW.",
        (_SIGMA2, "block_sum(squares, part2) / (m - 1)"),
    ),
    _mistake(
        "variance not divided",
        "var is the sum of the squared distances. Divide it by N · HW.",
        (_SIGMA2, "block_sum(squares, part2)"),
    ),
    _mistake(
        "standard deviation",
        "var is the standard deviation, a square root too far. The variance is asked for.",
        (_SIGMA2, f"sqrtf({_SIGMA2})"),
    ),
    _mistake(
        "HW missing in m",
        "The sums are divided by N. A channel has N · HW values.",
        (_MU, "block_sum(sum, part) / N"),
        (_SIGMA2, "block_sum(squares, part2) / N"),
    ),
    _mistake(
        "N missing in m",
        "The sums are divided by HW. A channel has N · HW values: HW in each of N images.",
        (_MU, "block_sum(sum, part) / HW"),
        (_SIGMA2, "block_sum(squares, part2) / HW"),
    ),
    _mistake(
        "only the first image",
        "Only the first image is added up, and divided by HW. The statistics of a channel run over all N images.",
        ("m = N * HW", "m = HW"),
    ),
    _mistake(
        "channel before image",
        "The plane is looked up as number c · N + n, as if the images of a channel stood together. In NCHW the channels of an "
        "image do: n · C + c.",
        ("(i / HW * C + c) * HW", "(c * N + i / HW) * HW", 2),
    ),
)
