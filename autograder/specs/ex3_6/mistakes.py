"""3.6 The backward pass: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

from autograder.kernels import edited
from autograder.spec import Mistake
from autograder.specs.ex3_6.answers import ATOMICS, BLOCK_SUMS, RIGHT

_HEAD = BLOCK_SUMS.split("{\n", 1)[0]
_TREE_OF_HALVES = r"""{
    __shared__ float2 of_thread[256];
    int t = threadIdx.x;
    of_thread[t] = value;
    __syncthreads();
    for (int h = blockDim.x / 2; h > 0; h /= 2) {
        if (t < h) {
            of_thread[t].x += of_thread[t + h].x;
            of_thread[t].y += of_thread[t + h].y;
        }
        __syncthreads();
    }
    float2 total = of_thread[0];
    __syncthreads();
    return total;
}
"""
_OF_THREAD_0 = r"""{
    __shared__ float2 total;
    if (threadIdx.x == 0) total = value;
    __syncthreads();
    value = total;
    __syncthreads();
    return value;
}
"""
_FIRST = "    __syncthreads();  // every warp has written its sums\n"
_SECOND = "    __syncthreads();  // all have read: the next channel may write\n"
_CHANNELS = "for (int c = blockIdx.x; c < C; c += gridDim.x) {"
_INDEX = "            int k = (i / HW * C + c) * HW + i % HW;\n"
_X_HAT = "            float x_hat = (x[k] - mean) * inv_std;\n"
_ROUND = "for (int i = t; i < m; i += blockDim.x) {\n" + _INDEX + _X_HAT
_SUMS = _ROUND + "            sums.x"
_DX = _ROUND + "            dx"
_INNER = "(dy[k] - (sums.x + x_hat * sums.y) / m)"
_ADD = "            atomicAdd(&dbeta[c], sum);\n            atomicAdd(&dgamma[c], dot);\n"


def _mistake(name: str, says: str, *changes: tuple, source: str = RIGHT) -> Mistake:
    return Mistake(name, says, (edited(source, *changes),))


# Those that show in one case only come first: a wrong answer is compared with one after another.
MISTAKES = (
    _mistake(
        "no barrier before the next channel",
        "The shared array is used again for the block's next channel, while a slow warp may still read the sums of the one before. "
        "Between the last read and the next write all threads must meet at a __syncthreads().",
        (_SECOND, ""),
    ),
    _mistake(
        "one channel for each block",
        "Each block does the channel blockIdx.x and stops. With fewer blocks than channels the rest stays undone: let c go on "
        "by gridDim.x.",
        (_CHANNELS, "int c = blockIdx.x;\n    {"),
    ),
    _mistake(
        "threads lost in the tree",
        "The tree halves the block: 96, 48, 24, 12, 6, 3, 1. Where a level has an odd number of values, the last one is never "
        "added. Halve from a power of two, and test that the partner exists.",
        (BLOCK_SUMS, _HEAD + _TREE_OF_HALVES),
    ),
    _mistake(
        "each warp for itself",
        "Each warp goes on with its own sums. The shuffles add up 32 threads; the sums of the block's warps have to be added too, "
        "through shared memory.",
        ("    return total;", "    return value;"),
    ),
    _mistake(
        "path through the mean missing",
        "dx misses the path through the mean: the sum of dy over m is not taken off. Every value of a channel moves its mean, and the "
        "mean moves every output.",
        (_INNER, "(dy[k] - x_hat * sums.y / m)"),
    ),
    _mistake(
        "path through the variance missing",
        "dx misses the path through the variance: x̂ times the sum of dy·x̂ over m is not taken off.",
        (_INNER, "(dy[k] - sums.x / m)"),
    ),
    _mistake(
        "mean and variance as constants",
        "dx = γ·dy/√(var + ε) is the gradient in eval mode. In training the mean and the variance depend on x too, and dx has two "
        "more terms.",
        (_INNER, "dy[k]"),
    ),
    _mistake(
        "gamma missing",
        "γ is missing in dx: y = γ·x̂ + β, so every gradient passes through γ on its way to x.",
        ("gamma[c] * inv_std * (", "inv_std * ("),
    ),
    _mistake(
        "inv_std missing",
        "save_inv_std is missing in dx: x̂ is x divided by the standard deviation, and so is its gradient.",
        ("gamma[c] * inv_std * (", "gamma[c] * ("),
    ),
    _mistake(
        "factor for dy alone",
        "γ·save_inv_std multiplies dy alone. It stands before the whole parenthesis: all three terms.",
        (f"inv_std * {_INNER}", "inv_std * dy[k] - (sums.x + x_hat * sums.y) / m"),
    ),
    _mistake(
        "dgamma without the division",
        "dgamma is the sum of dy·(x − mean). It takes x̂, which is that times save_inv_std.",
        ("sums.y += dy[k] * x_hat", "sums.y += dy[k] * (x[k] - mean)"),
    ),
    _mistake(
        "dgamma without x_hat",
        "dgamma is the sum of dy, as dbeta is. γ multiplies x̂, so its gradient is the sum of dy·x̂.",
        ("sums.y += dy[k] * x_hat", "sums.y += dy[k]"),
    ),
    _mistake(
        "dgamma and dbeta exchanged",
        "dgamma and dbeta have changed places. dbeta is the sum of dy, dgamma the sum of dy·x̂.",
        ("dbeta[c] = sums.x", "dgamma[c] = sums.x"),
        ("dgamma[c] = sums.y", "dbeta[c] = sums.y"),
    ),
    _mistake(
        "dbeta of a centred dy",
        "dbeta is nearly 0: dy had its mean taken off before it was added up. dbeta is the sum of dy as it came.",
        ("dbeta[c] = sums.x", "dbeta[c] = sums.x - m * (sums.x / m)"),
    ),
    _mistake(
        "sums over HW alone",
        "In dx the sums are divided by HW. They run over all N images: divide by m = N·HW.",
        ("sums.y) / m", "sums.y) / HW"),
    ),
    _mistake(
        "sums not divided",
        "In dx the sums themselves are taken off. It takes the means: divide both sums by m = N·HW.",
        ("sums.y) / m", "sums.y)"),
    ),
    _mistake(
        "reads past the channel",
        "The loop that adds up tests the start of a round, not the number of the value that is read. Where N·HW is no multiple "
        "of the block, the last round reads values that the channel does not have.",
        (
            _SUMS,
            _SUMS.replace("i = t; i < m", "i = t, first = 0; first < m").replace(
                "+= blockDim.x)", "+= blockDim.x, first += blockDim.x)"
            ),
        ),
    ),
    _mistake(
        "the tail of dx not written",
        "The last elements are missing in dx: its loop only runs full rounds. Where N·HW is no multiple of the block, some threads "
        "have one round more.",
        (_DX, _DX.replace("i < m", "i - t + blockDim.x <= m")),
    ),
    _mistake(
        "race on the sums",
        "Several warps add to dgamma[c] and dbeta[c] with +=: a read, an addition and a write, in which another warp can come in "
        "between. Add up within the block first, or use atomicAdd.",
        ("atomicAdd(&dbeta[c], sum)", "dbeta[c] += sum"),
        ("atomicAdd(&dgamma[c], dot)", "dgamma[c] += dot"),
        source=ATOMICS,
    ),
    _mistake(
        "sums not set to 0",
        "dgamma and dbeta are added to, and nobody sets them to 0. They hold what an earlier launch left: one thread sets them to 0, "
        "and all wait for it at a barrier.",
        ("        if (t == 0)\n            dbeta[c] = dgamma[c] = 0.0f;\n", ""),
        source=ATOMICS,
    ),
    _mistake(
        "adds to dx",
        "dx is added to. It is an output, and holds what an earlier launch left: overwrite it.",
        ("dx[k] =", "dx[k] +="),
    ),
    _mistake(
        "every lane adds",
        "After the shuffles all 32 lanes of a warp have the warp's sum, and all of them add it: dgamma and dbeta are 32 times too "
        "large. One lane of each warp must add.",
        (f"        if (t % 32 == 0) {{\n{_ADD}", f"        {{\n{_ADD}"),
        source=ATOMICS,
    ),
    _mistake(
        "no barrier after the sums are set to 0",
        "One thread sets the sums to 0, and others already add. A __syncthreads() belongs between.",
        ("        __syncthreads();  // the sums begin at 0\n", ""),
        source=ATOMICS,
    ),
    _mistake(
        "no barrier before the sums are read",
        "Every thread reads the sums of all warps, and nothing makes it wait until they are written. A __syncthreads() belongs "
        "between the write and the reads.",
        (_FIRST, ""),
    ),
    _mistake(
        "one thread does it all",
        "Thread 0 adds up the channel alone, and the others wait. Each thread takes its share of the values, and their sums come "
        "together in the end.",
        (BLOCK_SUMS, _HEAD + _OF_THREAD_0),
        (_SUMS, _SUMS.replace("i = t; i < m; i += blockDim.x", "i = t ? m : 0; i < m; ++i")),
    ),
    _mistake(
        "every thread adds up everything",
        "Every thread reads the whole channel and adds it up, all of them the same. Each thread takes its share of the values, and "
        "their sums come together in the end.",
        (BLOCK_SUMS, ""),
        ("        sums = block_sums(sums);\n", ""),
        (_SUMS, _SUMS.replace("i = t; i < m; i += blockDim.x", "i = 0; i < m; ++i")),
    ),
)
