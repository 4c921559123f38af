"""2.4 Forward and backward in any layout."""

from __future__ import annotations

import numpy as np
import torch

from autograder.spec import Case, Exercise, condition_number, returned
from autograder.specs.ex2_4.answers import RIGHT_WAYS
from autograder.specs.ex2_4.mistakes import MISTAKES

GRADS = ("dx", "dgamma", "dbeta")


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, channel_axis, scale=1.0, offset=0.0, eps=1e-5, dtype=np.float64):
        c = shape[channel_axis]
        others = tuple(a for a in range(len(shape)) if a != channel_axis % len(shape))
        x = (offset + scale * rng.normal(size=shape)).astype(dtype)
        gamma, beta = rng.normal(size=c) + 0.5, rng.normal(size=c)
        dy = rng.normal(size=shape).astype(dtype)
        inputs = dict(x=x, gamma=gamma.astype(dtype), beta=beta.astype(dtype), eps=eps)
        inputs |= dict(channel_axis=channel_axis, dy=dy)
        # dx nearly vanishes for m = 2, the sums by chance: errors are measured
        # against the terms that cancel.
        inv_std = 1 / np.sqrt(x.var(axis=others, dtype=np.float64) + eps)
        total = float(np.abs(dy).sum(axis=others).max())
        sizes = {"dx": float(np.abs(gamma * inv_std).max()), "dgamma": total, "dbeta": total}
        return Case(name, inputs, condition_number(x, others, eps), sizes)

    return [
        case("NCHW, (3, 4, 5, 2)", (3, 4, 5, 2), 1),
        case("NHWC, (3, 5, 2, 4)", (3, 5, 2, 4), -1),
        case("NCHW, all axes of 4", (4, 4, 4, 4), 1),
        case("NHWC, all axes of 4", (4, 4, 4, 4), -1),
        case("(N, C), no spatial axis, eps 0.1", (8, 5), 1, eps=0.1),
        case("(N, C, L), sequences", (4, 3, 6), 1),
        case("NDHWC, five axes", (2, 3, 2, 4, 3), -1),
        case("one channel, C = 1", (3, 1, 4, 4), 1),
        case("one image of two pixels, m = 2", (1, 2, 3), -1),
        case("small values, std 0.01", (4, 3, 2, 5), 1, scale=1e-2),
        case("large offset, mean 1000", (5, 4, 3, 2), -1, offset=1e3),
        case("float32 input", (6, 5, 4, 3), 1, dtype=np.float32),
    ]


def call(forward_nd, backward_nd, x, gamma, beta, eps, channel_axis, dy):
    def forward(values):
        return returned(
            forward_nd(values, gamma, beta, eps, channel_axis), ("y", "cache"), "forward_nd"
        )

    y, cache = forward(x)
    y = np.array(y) if isinstance(y, np.ndarray) else y
    forward(2 * dy)  # another batch comes by before the gradient of the first
    return {"y": y} | dict(
        zip(GRADS, returned(backward_nd(dy, cache), GRADS, "backward_nd"), strict=True)
    )


def reference(x, gamma, beta, eps, channel_axis, dy):
    x, gamma, beta = (torch.from_numpy(a).double().requires_grad_() for a in (x, gamma, beta))
    y = torch.nn.functional.batch_norm(
        x.movedim(channel_axis, 1), None, None, gamma, beta, training=True, eps=eps
    ).movedim(1, channel_axis)
    grads = torch.autograd.grad(y, (x, gamma, beta), torch.from_numpy(dy).double())
    outputs = {"y": y.detach()} | dict(zip(GRADS, grads, strict=True))
    return {name: value.numpy() for name, value in outputs.items()}


EXERCISE = Exercise(
    id="2.4",
    title="Any layout",
    answers=("forward_nd", "backward_nd"),
    shows="y, cache = forward_nd(x, gamma, beta, eps, channel_axis); "
    "dx, dgamma, dbeta = backward_nd(dy, cache)",
    minutes=30,
    difficulty="demanding",
    points=6,
    read="Chapter 2.1, section “Any layout”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
