"""3.6 The backward pass."""

from __future__ import annotations

import numpy as np
import torch

from autograder import draw, workload
from autograder.kernels import SECONDS, Kernel
from autograder.spec import Case, Exercise, condition_number
from autograder.specs.ex3_6.answers import RIGHT_WAYS
from autograder.specs.ex3_6.mistakes import MISTAKES

KERNEL = Kernel("bn_backward")
EPS = 1e-4  # of the forward pass; the kernel does not see it
GRADIENTS = ("dx", "dgamma", "dbeta")
WALKS = 2  # through x: the sums, dx


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, grid, block, scale=1.0, offset=0.0):
        n, c, h, w = shape
        x, dy = np.empty((2, *shape))
        for j in range(c):
            x[:, j] = draw.batch(rng, x[:, j].size, scale, offset).reshape(n, h, w)
            x_hat = (x[:, j] - x[:, j].mean()) / x[:, j].std()
            # dy has a mean and a part along x̂, so that each path shows in every channel.
            dy[:, j] = draw.signed(rng, 0.5, 1.0) + draw.signed(rng, 0.5, 1.0) * x_hat
            dy[:, j] += rng.normal(size=(n, h, w))
        x, dy = x.astype(np.float32), dy.astype(np.float32)
        gamma = np.array([draw.signed(rng, 0.5, 2.0) for _ in range(c)], np.float32)
        mean = x.mean((0, 2, 3), dtype=np.float64)
        inv_std = 1 / np.sqrt(x.var((0, 2, 3), dtype=np.float64) + EPS)
        saved = dict(save_mean=mean.astype(np.float32), save_inv_std=inv_std.astype(np.float32))
        inputs = dict(grid=grid, block=block, x=x, dy=dy, gamma=gamma) | saved
        # dx of two values vanishes, dgamma and dbeta may by chance: errors are measured
        # against the terms that cancel.
        x_hat = (x.swapaxes(1, 3) - mean) * inv_std
        gradient = np.abs(dy.swapaxes(1, 3))
        sizes = {
            "dx": (gradient * np.abs(gamma * inv_std)).max(),
            "dgamma": (gradient * np.abs(x_hat)).sum((0, 1, 2)).max(),
            "dbeta": gradient.sum((0, 1, 2)).max(),
        }
        condition = condition_number(x, (0, 2, 3), EPS)
        return Case(name, inputs, condition, {key: float(size) for key, size in sizes.items()})

    return [
        case("two channels, blocks of one warp", (2, 2, 4, 8), (2,), (32,)),
        case("a ragged tail, N·HW = 105", (3, 2, 5, 7), (2,), (64,)),
        case("one channel, C = 1, in a block of 96", (2, 1, 9, 11), (1,), (96,)),
        case("fewer values than threads", (2, 1, 3, 3), (1,), (256,)),
        case("fewer blocks than channels", (2, 3, 4, 10), (2,), (64,)),
        case("two values a channel, m = 2", (2, 3, 1, 1), (3,), (32,)),
        case("small values, std 0.01", (3, 2, 5, 5), (2,), (64,), scale=1e-2),
        case("large offset, mean 1000", (2, 2, 6, 8), (2,), (64,), offset=1e3),
    ]


def call(backward_source, grid, block, x, dy, gamma, save_mean, save_inv_std):
    n, c, h, w = x.shape
    inputs = dict(x=x, dy=dy, gamma=gamma, save_mean=save_mean, save_inv_std=save_inv_std)
    outputs = dict(dx=np.empty_like(x), dgamma=np.empty_like(gamma), dbeta=np.empty_like(gamma))
    sizes = dict(N=np.int32(n), C=np.int32(c), HW=np.int32(h * w))
    launched = KERNEL.launch(backward_source, grid, block, inputs | outputs | sizes, GRADIENTS)
    return launched.outputs | workload.measured(launched, x, block, WALKS)


def reference(grid, block, x, dy, gamma, save_mean, save_inv_std):
    leaves = [torch.from_numpy(a).double() for a in (x, gamma, np.zeros_like(gamma))]
    for leaf in leaves:
        leaf.requires_grad_()
    y = torch.nn.functional.batch_norm(leaves[0], None, None, *leaves[1:], True, eps=EPS)
    gradients = torch.autograd.grad(y, leaves, torch.from_numpy(dy).double())
    outputs = {name: g.numpy() for name, g in zip(GRADIENTS, gradients, strict=True)}
    return outputs | workload.limits(x, block, WALKS)


EXERCISE = Exercise(
    id="3.6",
    title="The backward pass",
    answers=("backward_source",),
    shows="bn_backward<<<grid, block>>>(x, dy, gamma, save_mean, save_inv_std, "
    "dx, dgamma, dbeta, N, C, HW)",
    minutes=45,
    difficulty="demanding",
    points=6,
    read="Chapter 3.3, section “The backward pass”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=SECONDS,
    accepts=KERNEL.accepts,
    describe=KERNEL.describe,
)
