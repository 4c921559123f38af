"""3.5 The fused training forward: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

from autograder.kernels import edited
from autograder.spec import Mistake
from autograder.specs.ex3_5.answers import BLOCK_SUM, HEAD, RIGHT

_TREE_OF_HALVES = r"""{
    __shared__ float of_thread[256];
    int t = threadIdx.x;
    of_thread[t] = value;
    __syncthreads();
    for (int h = blockDim.x / 2; h > 0; h /= 2) {
        if (t < h)
            of_thread[t] += of_thread[t + h];
        __syncthreads();
    }
    float total = of_thread[0];
    __syncthreads();
    return total;
}
"""
_ONE_SUM = r"""{
    __shared__ float total;
    __syncthreads();
    atomicAdd(&total, value);
    __syncthreads();
    return total;
}
"""
_OF_THREAD_0 = r"""{
    __shared__ float total;
    __syncthreads();
    if (threadIdx.x == 0) total = value;
    __syncthreads();
    return total;
}
"""
_FIRST = "    __syncthreads();  // all have read the sums of the call before\n"
_SECOND = "    __syncthreads();  // every warp has written its sum\n"
_STRIDE = "int i = t; i < HW; i += blockDim.x"
_ROUND = f"for ({_STRIDE})"
_SUM = f"{_ROUND}\n                sum += plane[i];"
_OF_IMAGES = """for (int n = 0; n < N; ++n) {
            const float* plane = x + (n * C + c) * HW;
            """
_Y = f"{_ROUND}\n                y["
_OF_RUNNING = "running_mean[c] = (1.0f - momentum) * running_mean[c] + momentum * "
_VAR_OF_RUNNING = "running_var[c] = (1.0f - momentum) * running_var[c] + momentum * "
_CHANNELS = "for (int c = blockIdx.x; c < C; c += gridDim.x) {"
_ZERO = "float sum = 0.0f, squares = 0.0f;"


def _mistake(name: str, says: str, *changes: tuple) -> Mistake:
    return Mistake(name, says, (edited(RIGHT, *changes),))


# Those that show in one case only come first: a wrong answer is compared with one after another.
MISTAKES = (
    _mistake(
        "difference of large numbers",
        "The variance is taken as E[x²] − E[x]² in float32. At a mean of 4000 both are 16 million, and their difference keeps no "
        "digit. Subtract the mean first, or a value of the channel.",
        ("float d = plane[i] - mean;", "float d = plane[i];"),
        ("block_sum(squares) / m;", "block_sum(squares) / m - mean * mean;"),
    ),
    _mistake(
        "save_inv_std without eps",
        "y is right, but the saved 1/√var has no eps. The backward pass needs the number that y was made with, 1/√(var + eps).",
        ("save_inv_std[c] = inv_std", "save_inv_std[c] = rsqrtf(var)"),
    ),
    _mistake(
        "eps missing",
        "eps is missing from the square root: it must be √(var + eps), which shows when var is small.",
        ("sqrtf(var + eps)", "sqrtf(var)"),
    ),
    _mistake(
        "one channel for each block",
        "Each block does the channel blockIdx.x and stops. With fewer blocks than channels the rest stays undone: let c go on "
        "by gridDim.x.",
        (_CHANNELS, "int c = blockIdx.x;\n    {"),
    ),
    _mistake(
        "sums go on into the next channel",
        "A block's second channel starts with the sums of its first: set them to 0 inside the loop over channels.",
        (_CHANNELS, f"{_ZERO}\n    {_CHANNELS}"),
        (f"        {_ZERO}\n        for", "        for"),
    ),
    _mistake(
        "threads lost in the tree",
        "The tree halves the block: 96, 48, 24, 12, 6, 3, 1. Where a level has an odd number of values, the last one is never "
        "added. Halve from a power of two, and test that the partner exists.",
        (BLOCK_SUM, HEAD + _TREE_OF_HALVES),
    ),
    _mistake(
        "each warp for itself",
        "Each warp goes on with its own sum. The shuffles add up 32 threads; the sums of the block's warps have to be added too, "
        "through shared memory.",
        ("    return total;", "    return value;"),
    ),
    _mistake(
        "reads past the plane",
        "The loop that adds up x tests the start of a round, not the index that is read. Where HW is no multiple of the "
        "block, the last round reads on into the next channel, and for the last channel outside of x.",
        (
            _SUM,
            "for (int first = 0; first < HW; first += blockDim.x)\n                sum += plane[first + t];",
        ),
    ),
    _mistake(
        "reads past the channel",
        "The loop that adds up x tests the start of a round, not the number of the value that is read. Where N·HW is no multiple "
        "of the block, the last round reads values that the channel does not have.",
        (
            _OF_IMAGES + _SUM,
            "for (int first = 0, i = t; first < m; first += blockDim.x, i += blockDim.x)\n"
            "            sum += x[(i / HW * C + c) * HW + i % HW];\n        {",
        ),
    ),
    _mistake(
        "the last round dropped",
        "The sum leaves out the last round where that is not full: a ragged tail of HW modulo blockDim.x values is missing in "
        "the mean.",
        (_SUM, _SUM.replace("i < HW", "i - t + blockDim.x <= HW")),
    ),
    _mistake(
        "the tail of y not written",
        "The last elements of a plane are missing in y: its loop only runs full rounds. Where HW is no multiple of the block, "
        "some threads have one round more.",
        (_Y, _Y.replace("i < HW", "i - t + blockDim.x <= HW")),
    ),
    _mistake(
        "m without N",
        "The sums run over all N images, but are divided by HW. A channel has N·HW values.",
        ("m = N * HW", "m = HW"),
    ),
    _mistake(
        "no barrier before the sums are read",
        "Every thread reads the sums of all warps, and nothing makes it wait until they are written. A __syncthreads() belongs "
        "between the write and the reads.",
        (_SECOND, ""),
    ),
    _mistake(
        "no barrier before the next sums",
        "The shared array is used again for the next sum, while a slow warp may still read the one before. Between the last read "
        "and the next write all threads must meet at a __syncthreads().",
        (_FIRST, ""),
    ),
    _mistake(
        "not broadcast",
        "Only the first lane of a warp has the warp's sum; the other lanes have parts of it. The mean that a thread goes on with "
        "must be the block's: write it to shared memory, and let all threads read it.",
        (
            BLOCK_SUM,
            BLOCK_SUM.replace("xor", "down").replace(
                "    float total", "    if (threadIdx.x % 32) return value;\n    float total"
            ),
        ),
    ),
    _mistake(
        "adds to memory not set to 0",
        "A sum is added up in memory that nobody has set to 0. Shared memory and outputs hold what an earlier block or launch left: "
        "set the sum to 0, with a barrier before the first thread adds to it.",
        (BLOCK_SUM, HEAD + _ONE_SUM),
    ),
    _mistake(
        "one thread does it all",
        "Thread 0 adds up the channel alone, and the others wait. Each thread takes its share of the values, and their sums come "
        "together in the end.",
        (BLOCK_SUM, HEAD + _OF_THREAD_0),
        (_SUM, _SUM.replace(_STRIDE, "int i = t ? HW : 0; i < HW; ++i")),
        (_STRIDE + ") {", "int i = t ? HW : 0; i < HW; ++i) {"),
    ),
    _mistake(
        "every thread adds up everything",
        "Every thread reads the whole channel and adds it up, all of them the same. Each thread takes its share of the values, and "
        "their sums come together in the end.",
        (BLOCK_SUM, ""),
        ("block_sum(sum)", "sum"),
        ("block_sum(squares)", "squares"),
        (_SUM, _SUM.replace(_STRIDE, "int i = 0; i < HW; ++i")),
        (_STRIDE + ") {", "int i = 0; i < HW; ++i) {"),
    ),
    _mistake(
        "adds to save_mean and save_inv_std",
        "save_mean and save_inv_std are added to. They are outputs, and hold what an earlier launch left: overwrite them.",
        ("save_mean[c] =", "save_mean[c] +="),
        ("save_inv_std[c] =", "save_inv_std[c] +="),
    ),
    _mistake(
        "every thread updates",
        "All threads update the running statistics. A thread that comes late reads what another has written, and moves them once "
        "more: one thread of a block must do it.",
        ("if (t == 0) {", "{"),
    ),
    _mistake(
        "only the first block updates",
        "The condition lets only one thread of the whole grid through, thread 0 of block 0. Every channel needs one: the first "
        "thread of its block.",
        ("if (t == 0) {", "if (blockIdx.x * blockDim.x + t == 0) {"),
    ),
    _mistake(
        "biased running variance",
        "running_var gets the biased variance. It takes the unbiased one, larger by the factor m/(m − 1); the biased one is for y.",
        ("var * m / (m - 1)", "var"),
    ),
    _mistake(
        "factor of whole numbers",
        "m/(m − 1) in parentheses is a division of two ints: 1 for every m above 2. Write var * m / (m − 1), or make one of them a "
        "float.",
        ("var * m / (m - 1)", "var * (m / (m - 1))"),
    ),
    _mistake(
        "return past the end",
        "Threads without a value return. But the sum needs every thread of the block: a shuffle must not read from one that is gone, "
        "nor a barrier miss it. Let them go on and add 0.",
        (_ZERO, "if (t >= m) return;\n        " + _ZERO),
    ),
    _mistake(
        "unbiased everywhere",
        "y and save_inv_std use the unbiased variance. They take the biased one, the mean of the squares; only running_var gets "
        "the factor m/(m − 1).",
        ("block_sum(squares) / m", "block_sum(squares) / (m - 1)"),
        ("var * m / (m - 1)", "var"),
    ),
    _mistake(
        "momentum reversed",
        "The momentum is on the wrong side: the new batch weighs `momentum`, what was there 1 − `momentum`.",
        (
            _OF_RUNNING,
            _OF_RUNNING.replace("(1.0f - momentum)", "momentum").replace(
                "+ momentum", "+ (1.0f - momentum)"
            ),
        ),
        (
            _VAR_OF_RUNNING,
            _VAR_OF_RUNNING.replace("(1.0f - momentum)", "momentum").replace(
                "+ momentum", "+ (1.0f - momentum)"
            ),
        ),
    ),
    _mistake(
        "running statistics of the normalised batch",
        "The running statistics move towards mean 0 and variance 1, those of the batch after it was normalised. They take the "
        "mean and the variance of x.",
        (_OF_RUNNING + "mean", _OF_RUNNING + "0.0f"),
        ("var * m / (m - 1)", "1.0f * m / (m - 1)"),
    ),
)
