"""3.5 The fused training forward, NCHW."""

from __future__ import annotations

import numpy as np
import torch

from autograder import draw, workload
from autograder.kernels import SECONDS, Kernel
from autograder.spec import Case, Exercise, condition_number
from autograder.specs.ex3_5.answers import RIGHT_WAYS
from autograder.specs.ex3_5.mistakes import MISTAKES

KERNEL = Kernel("bn_forward")
STATE = ("running_mean", "running_var")
SAVED = ("save_mean", "save_inv_std")
WALKS = 3  # through x: mean, variance, y


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, grid, block, scale=1.0, offset=0.0, eps=1e-5, momentum=0.1):
        c = shape[1]
        x = np.empty(shape)
        for j in range(c):
            x[:, j] = draw.batch(rng, x[:, j].size, scale, offset).reshape(x[:, j].shape)
        gamma, beta = ([draw.signed(rng, 0.5, 2.0) for _ in range(c)] for _ in range(2))
        # Statistics of the past, half a spread or more away from the batch's own.
        mean = x.mean(axis=(0, 2, 3))
        mean += scale * np.array([draw.signed(rng, 0.5, 2.0) for _ in range(c)])
        var = x.var(axis=(0, 2, 3)) * rng.uniform(2.0, 4.0, size=c)
        inputs = dict(x=x, gamma=gamma, beta=beta, running_mean=mean, running_var=var)
        inputs = {key: np.asarray(value, np.float32) for key, value in inputs.items()}
        inputs = dict(grid=grid, block=block) | inputs | dict(eps=eps, momentum=momentum)
        return Case(name, inputs, condition_number(x, axis=(0, 2, 3)))

    return [
        case("two channels, blocks of one warp", (2, 2, 4, 8), (2,), (32,)),
        case("a ragged tail, HW = 35", (3, 2, 5, 7), (2,), (64,), momentum=0.2),
        case("one channel, C = 1, in a block of 96", (2, 1, 9, 11), (1,), (96,)),
        case("fewer values than threads", (2, 1, 3, 3), (1,), (256,)),
        case("fewer blocks than channels, momentum 0.3", (2, 3, 4, 10), (2,), (64,), momentum=0.3),
        case("two values a channel, m = 2", (2, 3, 1, 1), (3,), (32,)),
        case("small values, std 0.01", (3, 2, 5, 5), (2,), (64,), scale=1e-2, eps=1e-4),
        case("large offset, mean 4000", (4, 4, 4, 8), (4,), (64,), offset=4e3),
    ]


def call(forward_source, grid, block, x, gamma, beta, running_mean, running_var, eps, momentum):
    n, c, h, w = x.shape
    outputs = {"y": np.empty_like(x)}
    saved = {name: np.empty(c, np.float32) for name in SAVED}
    # The launch changes the running statistics: not those of the caller.
    state = dict(running_mean=running_mean.copy(), running_var=running_var.copy())
    sizes = dict(N=np.int32(n), C=np.int32(c), HW=np.int32(h * w))
    numbers = dict(eps=np.float32(eps), momentum=np.float32(momentum))
    arguments = dict(x=x, gamma=gamma, beta=beta) | outputs | state | saved | sizes | numbers
    launched = KERNEL.launch(
        forward_source, grid, block, arguments, outputs=("y", *SAVED), updated=STATE
    )
    return launched.outputs | workload.measured(launched, x, block, WALKS)


def reference(grid, block, eps, momentum, **arrays):
    x, gamma, beta, mean, var = (torch.from_numpy(a).double() for a in arrays.values())
    eps, momentum = float(np.float32(eps)), float(np.float32(momentum))
    batch_var, batch_mean = torch.var_mean(x, (0, 2, 3), correction=0)
    y = torch.nn.functional.batch_norm(x, mean, var, gamma, beta, True, momentum, eps)
    outputs = dict(y=y, save_mean=batch_mean, save_inv_std=torch.rsqrt(batch_var + eps))
    outputs |= dict(running_mean=mean, running_var=var)  # updated in place by batch_norm
    outputs = {name: value.numpy() for name, value in outputs.items()}
    return outputs | workload.limits(arrays["x"], block, WALKS)


EXERCISE = Exercise(
    id="3.5",
    title="The fused training forward, NCHW",
    answers=("forward_source",),
    shows="bn_forward<<<grid, block>>>(x, gamma, beta, y, running_mean, running_var, "
    "save_mean, save_inv_std, N, C, HW, eps, momentum)",
    minutes=45,
    difficulty="demanding",
    points=6,
    read="Chapter 3.3, section “The forward pass”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=SECONDS,
    accepts=KERNEL.accepts,
    describe=KERNEL.describe,
)
