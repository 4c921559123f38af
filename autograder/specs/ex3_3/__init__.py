"""3.3 Mean and variance with a shared-memory tree."""

from __future__ import annotations

import numpy as np
import torch

from autograder import draw, workload
from autograder.kernels import SECONDS, Kernel
from autograder.spec import Case, Exercise, condition_number
from autograder.specs.ex3_3.answers import RIGHT_WAYS
from autograder.specs.ex3_3.mistakes import MISTAKES

KERNEL = Kernel("bn_stats")
WALKS = 1  # over x


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, threads, scale=1.0, offset=0.0):
        x = np.empty(shape)
        for j in range(shape[1]):
            x[:, j] = draw.batch(rng, x[:, j].size, scale, offset).reshape(x[:, j].shape)
        x = x.astype(np.float32)
        condition = condition_number(x, axis=(0, 2, 3))
        return Case(name, dict(grid=(shape[1],), block=(threads,), x=x), condition)

    # At most ten standard deviations from 0: there E[x²] − E[x]² costs some 100 roundings, less
    # than the 64 · 10 that are forgiven. 3.4 goes further.
    return [
        case("blocks of 64", (4, 3, 8, 16), 64),
        case("one channel, C = 1, in a block of 96", (3, 1, 8, 16), 96),
        case("one warp, ragged, HW = 35", (3, 4, 5, 7), 32),
        case("fewer values than threads", (2, 3, 3, 3), 128),
        case("blocks of 224, ragged, small values, std 0.01", (2, 3, 11, 13), 224, scale=1e-2),
        case("blocks of 256, ragged", (3, 2, 9, 11), 256),
        case("a table, HW = 1", (70, 3, 1, 1), 32),
        case("a mean of five standard deviations", (2, 5, 9, 11), 160, offset=5.0),
    ]


def call(stats_source, grid, block, x):
    n, c, h, w = x.shape
    arrays = dict(x=x, mean=np.empty(c, np.float32), var=np.empty(c, np.float32))
    sizes = dict(N=np.int32(n), C=np.int32(c), HW=np.int32(h * w))
    launched = KERNEL.launch(stats_source, grid, block, arrays | sizes, ("mean", "var"))
    workload.all_meet(launched)
    return launched.outputs | workload.measured(launched, x, block, WALKS)


def reference(grid, block, x):
    var, mean = torch.var_mean(torch.from_numpy(x).double(), (0, 2, 3), correction=0)
    return {"mean": mean.numpy(), "var": var.numpy()} | workload.limits(x, block, WALKS)


EXERCISE = Exercise(
    id="3.3",
    title="Mean and variance with a tree",
    answers=("tree_source",),
    shows="bn_stats<<<(C,), block>>>(x, mean, var, N, C, HW)",
    minutes=30,
    difficulty="moderate",
    points=6,
    read="Chapter 3.2, section “Blocks that are not a power of two”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=SECONDS,
    accepts=KERNEL.accepts,
    describe=KERNEL.describe,
)
