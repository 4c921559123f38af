"""3.1 The eval kernel."""

from __future__ import annotations

import numpy as np
import torch

from autograder import draw
from autograder.kernels import SECONDS, Kernel
from autograder.spec import Case, Exercise, Measured, condition_number
from autograder.specs.ex3_1.answers import RIGHT_WAYS
from autograder.specs.ex3_1.mistakes import MISTAKES

KERNEL = Kernel("bn_eval")
# Once is enough; twice, x̂ first and then y, is right too. More is the work of others.
MOST_WRITES = 2.0


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, grid, block, scale=1.0, offset=0.0, eps=1e-5):
        c = shape[1]
        x = np.empty(shape)
        for j in range(c):
            x[:, j] = draw.batch(rng, x[:, j].size, scale, offset).reshape(x[:, j].shape)
        # Statistics of the past: near the batch's own, but not equal to them.
        mean = x.mean(axis=(0, 2, 3)) + scale * np.array(
            [draw.signed(rng, 0.1, 0.3) for _ in range(c)]
        )
        var = x.var(axis=(0, 2, 3)) * rng.uniform(0.7, 1.4, size=c)
        gamma, beta = ([draw.signed(rng, 0.5, 2.0) for _ in range(c)] for _ in range(2))
        inputs = dict(x=x, mean=mean, var=var, gamma=gamma, beta=beta)
        inputs = {key: np.asarray(value, np.float32) for key, value in inputs.items()}
        inputs = dict(grid=grid, block=block) | inputs | dict(eps=eps)
        return Case(name, inputs, condition_number(x, axis=(0, 2, 3)))

    return [
        case("a thread for each element", (2, 4, 4, 8), (4,), (64,)),
        case("a ragged tail, HW = 35", (2, 3, 5, 7), (2,), (128,)),
        case("one channel, C = 1, in a block of 96", (3, 1, 4, 6), (1,), (96,)),
        case("fewer threads than elements", (3, 5, 6, 7), (2,), (64,)),
        case("more blocks than needed", (1, 4, 3, 3), (5,), (32,)),
        case("a table, HW = 1", (37, 5, 1, 1), (2,), (96,)),
        case("small values, std 0.01", (2, 6, 3, 5), (6,), (32,), scale=1e-2, eps=1e-4),
        case("large offset, mean 1000", (2, 3, 5, 7), (7,), (32,), offset=1e3),
    ]


def call(eval_source, grid, block, x, mean, var, gamma, beta, eps):
    n, c, h, w = x.shape
    sizes = dict(N=np.int32(n), C=np.int32(c), HW=np.int32(h * w), eps=np.float32(eps))
    arguments = dict(x=x, mean=mean, var=var, gamma=gamma, beta=beta, y=np.empty_like(x)) | sizes
    launched = KERNEL.launch(eval_source, grid, block, arguments, outputs=("y",))
    times = launched.arrays["y"].written / x.nbytes if "y" in launched.arrays else 0.0
    says = f"`y` is written {times:.1f} times over: several threads do the same elements."
    again = Measured(times, says, "done again" if times > MOST_WRITES else "")
    return launched.outputs | {"writes of y": again}


def reference(grid, block, eps, **arrays):
    x, mean, var, gamma, beta = (torch.from_numpy(a).double() for a in arrays.values())
    y = torch.nn.functional.batch_norm(x, mean, var, gamma, beta, eps=float(np.float32(eps)))
    return {"y": y.numpy(), "writes of y": np.asarray(MOST_WRITES)}


EXERCISE = Exercise(
    id="3.1",
    title="The eval kernel",
    answers=("eval_source",),
    shows="bn_eval<<<grid, block>>>(x, mean, var, gamma, beta, y, N, C, HW, eps)",
    minutes=20,
    difficulty="gentle",
    points=4,
    read="Chapter 3.1, sections “The eval kernel” and “A loop over the grid”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=SECONDS,
    accepts=KERNEL.accepts,
    describe=KERNEL.describe,
)
