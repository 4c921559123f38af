"""3.2 Repair a kernel."""

from __future__ import annotations

import numpy as np
import torch

from autograder import draw
from autograder.kernels import SECONDS, Kernel
from autograder.spec import Case, Exercise, condition_number
from autograder.specs.ex3_2.answers import BROKEN, RIGHT_WAYS
from autograder.specs.ex3_2.mistakes import MISTAKES

KERNEL = Kernel("bn_stats", given=BROKEN)


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, grid, block, offset=0.0):
        x = np.empty(shape)
        for j in range(shape[1]):
            x[:, j] = draw.batch(rng, x[:, j].size, offset=offset).reshape(x[:, j].shape)
        x = x.astype(np.float32)
        condition = condition_number(x, axis=(0, 2, 3))
        return Case(name, dict(grid=grid, block=block, x=x), condition)

    return [
        case("a block for each channel, 64 threads", (2, 3, 8, 8), (3,), (64,)),
        case("N·HW = 70, ragged", (2, 3, 5, 7), (3,), (64,)),
        case("one channel, C = 1, in a block of 96", (3, 1, 8, 8), (1,), (96,)),
        case("fewer blocks than channels", (2, 5, 4, 8), (2,), (64,)),
        case("more blocks than channels, ragged", (3, 2, 3, 3), (4,), (96,)),
        case("blocks of one warp", (2, 4, 4, 8), (4,), (32,)),
        case("blocks of 256, ragged", (4, 2, 9, 9), (2,), (256,)),
        case("large offset, mean 1000", (4, 3, 4, 8), (3,), (128,), offset=1e3),
    ]


def call(stats_source, grid, block, x):
    n, c, h, w = x.shape
    arrays = dict(x=x, mean=np.empty(c, np.float32), var=np.empty(c, np.float32))
    sizes = dict(N=np.int32(n), C=np.int32(c), HW=np.int32(h * w))
    return KERNEL.launch(stats_source, grid, block, arrays | sizes, ("mean", "var")).outputs


def reference(grid, block, x):
    var, mean = torch.var_mean(torch.from_numpy(x).double(), (0, 2, 3), correction=0)
    return {"mean": mean.numpy(), "var": var.numpy()}


EXERCISE = Exercise(
    id="3.2",
    title="Repair a kernel",
    answers=("stats_source",),
    shows="bn_stats<<<grid, block>>>(x, mean, var, N, C, HW)",
    minutes=25,
    difficulty="moderate",
    points=5,
    read="Chapter 3.2, sections “Take a barrier away” and “A bug hunt”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=SECONDS,
    accepts=KERNEL.accepts,
    describe=KERNEL.describe,
)
