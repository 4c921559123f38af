"""3.3 Mean and variance with a shared-memory tree: wrong answers, and what to tell learners."""

from __future__ import annotations

from autograder.kernels import edited
from autograder.spec import Mistake
from autograder.specs.ex3_2.answers import RIGHT as REPAIRED
from autograder.specs.ex3_3.answers import RIGHT, SHIFTED, TREE

_PLANE = "x + (n * C + c) * HW"
_PIXELS = "int i = t; i < HW; i += blockDim.x"
_STORE = "    sums[t] = sum;\n    squares[t] = square;\n"
_IN_LOOP = "        }\n        __syncthreads();\n        left"
_COUNT = "float m = N * HW,"
_VAR = "squares[0] / m - mu * mu"
_HALVING = """\
    for (int h = blockDim.x / 2; h > 0; h /= 2) {
        if (t < h) {
            sums[t] += sums[t + h];
            squares[t] += squares[t + h];
        }
        __syncthreads();
    }
"""


def _mistake(name: str, says: str, *changes: tuple) -> Mistake:
    return Mistake(name, says, (edited(RIGHT, *changes),))


MISTAKES = (
    _mistake(
        "a barrier missing",
        "A thread adds an element of shared memory that another one wrote, and no barrier lies between. Two are needed: one "
        "after the partial sums are stored, and one in every round of the tree. If the element was written in the line that "
        "reads it, the second one is missing.",
        (_IN_LOOP, "        }\n        left"),
    ),
    _mistake(
        "barrier of a warp",
        "__syncwarp() makes the threads of one warp wait for each other. It does for a block of 32, and no larger one: the array "
        "belongs to the whole block. Use __syncthreads().",
        ("__syncthreads()", "__syncwarp()", 2),
    ),
    _mistake(
        "barrier inside the if",
        "A barrier stands where only some threads come by. All threads of the block must meet at it: take it out of the if.",
        (_IN_LOOP, "            __syncthreads();\n        }\n        left"),
    ),
    _mistake(
        "the block halved without remainder",
        "blockDim.x / 2, / 4, / 8 and so on loses elements wherever an odd number is halved, as 3 in a block of 96: with h = 1, "
        "element 2 is left behind. Round the half up, and add only where the partner exists.",
        (TREE, _HALVING),
    ),
    _mistake(
        "the partner not checked",
        "The half is rounded up, but the last thread of an odd number has no partner: it adds an element that was added before. "
        "Compare t + half with the number of elements that are left.",
        ("if (t + half < left)", "if (t < half)"),
    ),
    _mistake(
        "a tree of 256 in any block",
        "The tree starts at 128 whatever the block has, and reads elements that no thread has written: shared memory does not "
        "start at 0. Compare the partner's number with blockDim.x, or write zeros there first.",
        (TREE, _HALVING.replace("blockDim.x / 2", "128")),
    ),
    _mistake(
        "the shared array too small",
        "The arrays in shared memory have fewer elements than a block may have threads. Blocks go up to 256.",
        ("sums[256], squares[256]", "sums[128], squares[128]"),
    ),
    _mistake(
        "threads without values return",
        "Threads without a value return before they have written their element of shared memory, and the tree adds what happens "
        "to be there. They must stay, and bring a 0.",
        ("    float sum = 0.0f", "    if (t >= N * HW)\n        return;\n    float sum = 0.0f"),
    ),
    _mistake(
        "only the partial sums of thread 0",
        "Thread 0 writes from its own partial sums. The sums of the block are in element 0 of shared memory, after the tree.",
        ("sums[0] / m", "sum / m"),
        ("squares[0] / m", "square / m"),
    ),
    _mistake(
        "all add to one element",
        "All threads add to the same element with +=, which reads, adds and writes: sums get lost between. Give every thread an "
        "element of its own, and add these in a tree.",
        (_STORE, "    sums[0] = 0.0f;\n    squares[0] = 0.0f;\n    __syncthreads();\n"
            "    sums[0] += sum;\n    squares[0] += square;\n"),
        (TREE, ""),
    ),
    _mistake(
        "one thread does everything",
        "One thread reads the whole channel, and the others wait. Let thread t take the values t, t + blockDim.x, and so on, "
        "and add up the partial sums in a tree.",
        (_PIXELS, "int i = 0; t == 0 && i < HW; ++i"),
    ),
    _mistake(
        "every thread reads everything",
        "Every thread reads the whole channel: x is read as often as the block has threads. Let thread t take the values t, "
        "t + blockDim.x, and so on, and add up the partial sums in a tree.",
        (_PIXELS, "int i = 0; i < HW; ++i"),
        ("sums[0] / m", "sum / m"),
        ("squares[0] / m", "square / m"),
    ),
    Mistake(
        "x read twice",
        "x is read once for the mean and again for the variance. Here one walk must do: add up the values and their squares "
        "together.",
        (REPAIRED,),
    ),
    _mistake(
        "one value for each thread",
        "Each thread takes one value of a plane and stops. A plane may have more values than the block has threads: go on in "
        "steps of blockDim.x.",
        (f"for ({_PIXELS})", "int i = t;\n        if (i < HW)"),
    ),
    _mistake(
        "the last round dropped",
        "The walk leaves out its last round where that is not full: the last values of a plane, or all of a small one, are "
        "missing. Each thread goes on while its own i is below HW.",
        (_PIXELS, "int i = t; i - t + blockDim.x <= HW; i += blockDim.x"),
    ),
    _mistake(
        "one past the end",
        "The bound includes HW itself. The last value of a plane has the number HW − 1; the next one belongs to another channel, "
        "or lies outside of x. Compare with <.",
        ("i < HW", "i <= HW"),
    ),
    _mistake(
        "only the first image",
        "Only the first image is added up, and divided by HW. The statistics of a channel run over all N images: their planes "
        "lie C · HW apart.",
        ("n < N", "n < 1"),
        (_COUNT, "float m = HW,"),
    ),
    _mistake(
        "only the first image, divided by all",
        "The sum is divided by N · HW, but only the planes of the first image are in it. Walk over all N images.",
        ("n < N", "n < 1"),
    ),
    _mistake(
        "HW missing in m",
        "The sums are divided by N. A channel has N · HW values.",
        (_COUNT, "float m = N,"),
    ),
    _mistake(
        "N missing in m",
        "The sums are divided by HW. A channel has N · HW values: HW in each of N images.",
        (_COUNT, "float m = HW,"),
    ),
    _mistake(
        "divided by N, times HW",
        "sum / N * HW divides by N and multiplies by HW. Write sum / (N * HW).",
        (_COUNT + " mu = sums[0] / m;", "float mu = sums[0] / N * HW;"),
        (_VAR, "squares[0] / N * HW - mu * mu"),
    ),
    Mistake(
        "shift not added back",
        "A value was taken off everything before adding up, which is good for the variance. But the mean has to be put back "
        "where it was: add that value to it.",
        (edited(SHIFTED, ("first + mu", "mu")),),
    ),
    _mistake(
        "unbiased variance",
        "The variance is divided by m − 1. Batch normalization takes the biased one, divided by m = N · HW.",
        (_VAR, "(squares[0] - m * mu * mu) / (m - 1.0f)"),
    ),
    _mistake(
        "variance not divided",
        "var is the sum of the squared distances. Divide it by N · HW.",
        (_VAR, "squares[0] - m * mu * mu"),
    ),
    _mistake(
        "mean² not subtracted",
        "var is the mean of x². The variance is what remains when the square of the mean is subtracted.",
        (_VAR, "squares[0] / m"),
    ),
    _mistake(
        "standard deviation",
        "var is the standard deviation, a square root too far. The variance is asked for.",
        (_VAR, f"sqrtf({_VAR})"),
    ),
    _mistake(
        "channel before image",
        "The plane is looked up as number c · N + n, as if the images of a channel stood together. In NCHW the channels of an "
        "image do: n · C + c.",
        (_PLANE, "x + (c * N + n) * HW"),
    ),
    _mistake(
        "channel index of NHWC",
        "The values are taken C apart, as if channels were neighbours in memory (NHWC). In NCHW a plane's HW values stand "
        "together.",
        (_PLANE, "x + n * C * HW + c"),
        ("plane[i]", "plane[i * C]"),
    ),
    _mistake(
        "planes counted without channels",
        "The planes of a channel are taken as number n + c. Each image has C of them: n · C + c.",
        (_PLANE, "x + (n + c) * HW"),
    ),
    _mistake(
        "started at the number in the grid",
        "A thread's first value is taken from its number in the whole grid. Here each block works on its own channel: start at "
        "threadIdx.x.",
        ("int i = t;", "int i = blockIdx.x * blockDim.x + t;"),
    ),
)  # fmt: skip
