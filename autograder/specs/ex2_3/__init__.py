"""2.3 Backward pass on (N, D)."""

from __future__ import annotations

import numpy as np
import torch

from autograder.spec import Case, Exercise, returned
from autograder.specs.ex2_3.answers import RIGHT_WAYS
from autograder.specs.ex2_3.mistakes import MISTAKES

EPS = 1e-5
NAMES = ("dx", "dgamma", "dbeta")


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, n, d, scale=1.0, offset=0.0, dtype=np.float64):
        x = scale * rng.normal(size=(n, d))
        centred = x - x.mean(axis=0)
        inv_std = 1 / np.sqrt((centred**2).mean(axis=0) + EPS)
        gamma = rng.normal(size=d) + 0.5
        cache = {"x_hat": centred * inv_std, "inv_std": inv_std, "gamma": gamma}
        dy = (offset + rng.normal(size=(n, d))).astype(dtype)
        inputs = dict(dy=dy, cache={k: v.astype(dtype) for k, v in cache.items()})
        # dx vanishes for two samples, dgamma and dbeta by chance: errors are
        # measured against the terms that cancel.
        sizes = {
            "dx": np.abs(gamma * inv_std * dy).max(),
            "dgamma": np.abs(dy * cache["x_hat"]).sum(axis=0).max(),
            "dbeta": np.abs(dy).sum(axis=0).max(),
        }
        return Case(name, inputs, scale={k: float(v) for k, v in sizes.items()})

    return [
        case("16 samples, 5 features", 16, 5),
        case("a square batch, 6 × 6", 6, 6),
        case("one feature, D = 1", 9, 1),
        case("two samples, m = 2", 2, 4),
        case("two samples of small values, std 0.01", 2, 3, scale=1e-2),
        case("small values, std 0.01", 12, 7, scale=1e-2),
        case("large upstream gradient, mean 1000", 20, 3, offset=1e3),
        case("float32 input", 33, 8, dtype=np.float32),
    ]


def call(backward, dy, cache):
    return dict(zip(NAMES, returned(backward(dy, cache), NAMES, "backward"), strict=True))


def reference(dy, cache):
    # A batch that has this cache: mean 0 and 1/sqrt(variance + EPS) = inv_std.
    x = torch.from_numpy(cache["x_hat"]).double() / torch.from_numpy(cache["inv_std"]).double()
    gamma = torch.from_numpy(cache["gamma"]).double().requires_grad_()
    beta = torch.zeros_like(gamma, requires_grad=True)
    y = torch.nn.functional.batch_norm(
        x.requires_grad_(), None, None, gamma, beta, training=True, eps=EPS
    )
    grads = torch.autograd.grad(y, (x, gamma, beta), torch.from_numpy(dy).double())
    return {name: grad.numpy() for name, grad in zip(NAMES, grads, strict=True)}


EXERCISE = Exercise(
    id="2.3",
    title="Backward pass",
    answers=("backward",),
    shows="dx, dgamma, dbeta = backward(dy, cache)",
    minutes=30,
    difficulty="demanding",
    points=6,
    read="Chapter 2.2, section “The backward pass”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
