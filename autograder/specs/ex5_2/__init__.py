"""5.2 LayerNorm and RMSNorm with their gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.forbidden import AUTOGRAD, NORMALISERS, refusing
from autograder.spec import Case, Exercise, condition_number, returned
from autograder.specs.ex5_2.answers import RIGHT_WAYS
from autograder.specs.ex5_2.mistakes import MISTAKES

INSTEAD = "Here you write the formulas of both passes yourself, with tensor operations."
OF_LAYER_NORM = ("dx_layer", "dgamma_layer", "dbeta_layer")
OF_RMS_NORM = ("dx_rms", "dgamma_rms")


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, scale=1.0, offset=0.0, eps=1e-5, dtype="f8"):
        d = shape[-1]
        x = (offset + scale * rng.normal(size=shape)).astype(dtype)
        gamma, beta = rng.normal(size=d) + 0.5, rng.normal(size=d)
        dy = rng.normal(size=shape).astype(dtype)
        inputs = dict(x=x, gamma=gamma.astype(dtype), beta=beta.astype(dtype), eps=eps, dy=dy)
        # dx nearly vanishes for D = 1 and 2, the sums by chance.
        rows, total = x.astype(np.float64), float(np.abs(dy).reshape(-1, d).sum(axis=0).max())
        sizes = {"dgamma_layer": total, "dbeta_layer": total, "dgamma_rms": total}
        terms = float(np.abs(gamma * dy).max())
        sizes["dx_layer"] = terms / np.sqrt(rows.var(axis=-1).min() + eps)
        sizes["dx_rms"] = terms / np.sqrt((rows**2).mean(axis=-1).min() + eps)
        return Case(name, inputs, condition_number(rows, -1, eps), sizes)

    return [
        case("6 rows of 5 features", (6, 5)),
        case("a sequence, (2, 3, 7)", (2, 3, 7)),
        case("a square batch, 4 × 4, eps 0.1", (4, 4), eps=0.1),
        case("all axes of 3, small values, std 0.01", (3, 3, 3), scale=1e-2),
        case("four axes, (2, 3, 2, 5)", (2, 3, 2, 5)),
        case("a single row, (1, 6)", (1, 6)),
        case("one feature, D = 1, eps 0.1", (3, 1), eps=0.1),
        case("two features, D = 2", (7, 2)),
        case("small values, std 0.01", (5, 8), scale=1e-2),
        case("large offset, mean 1000", (3, 9), offset=1e3),
        case("float32 input, mean 3", (9, 6), offset=3.0, dtype="f4"),
    ]


def call(layer_norm, layer_norm_backward, rms_norm, rms_norm_backward, x, gamma, beta, eps, dy):
    # These share the memory of the case's arrays, so that the judge sees what is changed.
    x, gamma, beta, dy = map(torch.from_numpy, (x, gamma, beta, dy))

    def kept(value):
        return value.clone() if isinstance(value, torch.Tensor) else value

    def layer(x):
        return returned(layer_norm(x, gamma, beta, eps), ("y", "cache"), "layer_norm")

    def rms(x):
        return returned(rms_norm(x, gamma, eps), ("y", "cache"), "rms_norm")

    with torch.no_grad(), refusing(NORMALISERS | AUTOGRAD, INSTEAD):
        (y_layer, cache_layer), (y_rms, cache_rms) = layer(x), rms(x)
        outputs = {"y_layer": kept(y_layer), "y_rms": kept(y_rms)}
        layer(2 * dy), rms(2 * dy)  # another batch comes by before the gradient of the first
        grads = returned(layer_norm_backward(dy, cache_layer), OF_LAYER_NORM, "layer_norm_backward")
        outputs |= dict(zip(OF_LAYER_NORM, map(kept, grads), strict=True))
        grads = returned(rms_norm_backward(dy, cache_rms), OF_RMS_NORM, "rms_norm_backward")
        return outputs | dict(zip(OF_RMS_NORM, grads, strict=True))


def reference(x, gamma, beta, eps, dy):
    x, gamma, beta = (torch.from_numpy(a).double().requires_grad_() for a in (x, gamma, beta))
    dy = torch.from_numpy(dy).double()
    y_layer = F.layer_norm(x, gamma.shape, gamma, beta, eps)
    y_rms = F.rms_norm(x, gamma.shape, gamma, eps)
    outputs = {"y_layer": y_layer.detach(), "y_rms": y_rms.detach()}
    grads = torch.autograd.grad(y_layer, (x, gamma, beta), dy)
    outputs |= dict(zip(OF_LAYER_NORM, grads, strict=True))
    outputs |= dict(zip(OF_RMS_NORM, torch.autograd.grad(y_rms, (x, gamma), dy), strict=True))
    return {name: value.numpy() for name, value in outputs.items()}


EXERCISE = Exercise(
    id="5.2",
    title="LayerNorm and RMSNorm, both passes",
    answers=("layer_norm", "layer_norm_backward", "rms_norm", "rms_norm_backward"),
    shows="y, cache = layer_norm(x, gamma, beta, eps); "
    "dx, dgamma, dbeta = layer_norm_backward(dy, cache); "
    "y, cache = rms_norm(x, gamma, eps); dx, dgamma = rms_norm_backward(dy, cache)",
    minutes=35,
    difficulty="demanding",
    points=6,
    read="Chapter 5.1, section “RMSNorm”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
