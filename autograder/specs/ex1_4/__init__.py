"""1.4 The Jacobian of one feature."""

from __future__ import annotations

import numpy as np
import torch

from autograder.draw import batch, signed
from autograder.spec import Case, Exercise, condition_number
from autograder.specs.ex1_4.answers import MISTAKES, RIGHT_WAYS


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, x, eps=1e-5, sign=0):
        gamma = signed(rng, 0.5, 2.0)
        gamma = sign * abs(gamma) if sign else gamma
        # The size of one entry before the other two terms take something off: those of a
        # batch of two cancel almost entirely.
        scale = {"J": abs(gamma) / float(np.sqrt(x.var() + eps))}
        return Case(name, dict(x=x, gamma=gamma, eps=eps), condition_number(x, eps=eps), scale)

    return [
        case("a batch of four", batch(rng, 4)),
        case("two samples, m = 2, eps = 0.001", batch(rng, 2), eps=1e-3),
        case("13 samples, eps = 0.001, γ below 0", batch(rng, 13), eps=1e-3, sign=-1),
        case("small values, std about 0.01", batch(rng, 5, scale=1e-2)),
        case("a large eps, 0.1", batch(rng, 6, scale=0.5), eps=0.1),
        case("three samples, eps = 0.01", batch(rng, 3), eps=1e-2),
        case("large offset, mean about 1000", batch(rng, 8, offset=1e3)),
        case("float32 input", batch(rng, 7).astype(np.float32)),
    ]


def call(jacobian, x, gamma, eps):
    return {"J": jacobian(x, gamma, eps)}


def reference(x, gamma, eps):
    def forward(column):
        scale = torch.tensor([gamma], dtype=torch.float64)
        return torch.nn.functional.batch_norm(
            column, None, None, scale, None, training=True, eps=eps
        )

    x = torch.from_numpy(x).double()[:, None]
    return {"J": torch.autograd.functional.jacobian(forward, x)[:, 0, :, 0].numpy()}


EXERCISE = Exercise(
    id="1.4",
    title="The Jacobian of one feature",
    answers=("jacobian",),
    shows="J = jacobian(x, gamma, eps)",
    minutes=25,
    difficulty="demanding",
    points=5,
    read="Chapter 1.3, section “The Jacobian”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
