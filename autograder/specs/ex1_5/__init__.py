"""1.5 The closed-form gradient, and what it is orthogonal to."""

from __future__ import annotations

import numpy as np
import torch

from autograder.draw import batch, signed
from autograder.spec import Case, Exercise, condition_number, returned
from autograder.specs.ex1_5.answers import MISTAKES, RIGHT_WAYS

NAMES = ("dx", "dot_ones", "dot_x_hat")


def _upstream(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """A random gradient at y with a part along 1 and a part along x̂, neither ever small."""
    z = (x - x.mean()) / x.std()
    noise = rng.normal(size=x.size)
    noise -= noise.mean() + z * (noise @ z) / x.size
    return noise + signed(rng, 0.4, 1.0) + signed(rng, 0.4, 1.0) * z


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, x, eps=1e-5, dtype=np.float64, sign=0):
        gamma, dy = signed(rng, 0.5, 2.0), _upstream(rng, x)
        gamma = sign * abs(gamma) if sign else gamma
        # Sizes before the projections take something off: the inner products cancel, and so
        # does all of dx for a batch of two.
        size = abs(gamma) / float(np.sqrt(x.var() + eps))
        total = size * float(np.abs(dy).sum())
        scale = {"dx": size * float(np.abs(dy).max()), "dot_ones": total, "dot_x_hat": total}
        inputs = dict(x=x.astype(dtype), dy=dy.astype(dtype), gamma=gamma, eps=eps)
        return Case(name, inputs, condition_number(x, eps=eps), scale)

    return [
        case("a batch of four", batch(rng, 4)),
        case("two samples, m = 2, eps = 0.001", batch(rng, 2), eps=1e-3),
        case("13 samples, eps = 0.001, γ below 0", batch(rng, 13), eps=1e-3, sign=-1),
        case("small values, std about 0.01", batch(rng, 5, scale=1e-2)),
        case("tiny values, σ² about as large as eps", batch(rng, 7, scale=3e-3)),
        case("a large eps, 0.1", batch(rng, 6, scale=0.5), eps=0.1),
        case("three samples, eps = 0.01", batch(rng, 3), eps=1e-2),
        case("large offset, mean about 1000", batch(rng, 8, offset=1e3)),
        case("float32 input", batch(rng, 33), dtype=np.float32),
    ]


def call(input_gradient, x, dy, gamma, eps):
    values = returned(input_gradient(x, dy, gamma, eps), NAMES, "input_gradient")
    return dict(zip(NAMES, values, strict=True))


def reference(x, dy, gamma, eps):
    x = torch.from_numpy(x).double()[:, None].requires_grad_()
    dy = torch.from_numpy(dy).double()[:, None]
    x_hat = torch.nn.functional.batch_norm(x, None, None, training=True, eps=eps)
    (dx,) = torch.autograd.grad(gamma * x_hat, x, dy)
    outputs = (dx[:, 0], dx.sum(), (dx * x_hat).sum())
    return {name: value.detach().numpy() for name, value in zip(NAMES, outputs, strict=True)}


EXERCISE = Exercise(
    id="1.5",
    title="The gradient in closed form",
    answers=("input_gradient",),
    shows="dx, dot_ones, dot_x_hat = input_gradient(x, dy, gamma, eps)",
    minutes=20,
    difficulty="moderate",
    points=5,
    read="Chapter 1.3, section “The closed form”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
