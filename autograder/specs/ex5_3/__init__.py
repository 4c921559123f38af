"""5.3 Batch renormalisation, in training and evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from autograder.normalisers import (
    loaded,
    made,
    run,
    run_with_gradients,
    same_form,
    state_of,
)
from autograder.spec import AnswerError, Case, Exercise, attribute, condition_number
from autograder.specs.ex5_3.answers import RIGHT_WAYS
from autograder.specs.ex5_3.mistakes import MISTAKES

BUFFERS = ("running_mean", "running_std")
STATE = ("weight", "bias", *BUFFERS)
WIDE, TIGHT = (1e4, 1e4), (1.5, 0.4)
# How far batches are from the running statistics: below, inside and above the tight limits.
RATIOS = (0.3, 0.9, 1.15, 3.0)  # of the deviations
SHIFTS = (-1.2, -0.2, 0.25, 1.1)  # of the means, in running deviations


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, *shapes, scale=1.0, offset=0.0, eps=1e-5, momentum=0.01, dtype="f4"):
        c = shapes[0][1]
        std = scale * rng.uniform(0.7, 1.4, c)
        mean = offset + scale * rng.choice([-1, 1], c) * rng.uniform(0.3, 1, c)
        state = dict(weight=rng.uniform(0.5, 2, c), bias=rng.normal(size=c))
        state |= dict(running_mean=mean, running_std=std)
        turn = int(rng.integers(4))

        def batch(k):
            shape = shapes[k % len(shapes)]
            kind = (np.arange(c) + k + turn) % 4
            z = rng.normal(size=shape)
            axes = (0, *range(2, z.ndim))
            z = (z - z.mean(axes, keepdims=True)) / z.std(axes, keepdims=True)
            view = (-1, *[1] * (z.ndim - 2))
            ratio, shift = np.array(RATIOS)[kind], np.array(SHIFTS)[(kind + turn) % 4]
            spread, middle = (std * ratio).reshape(view), (mean + std * shift).reshape(view)
            return (spread * z + middle).astype(dtype)

        batches = {what: batch(k) for k, what in enumerate(("plain", "wide", "tight", "asked"))}
        dys = {
            what: rng.normal(size=batches[what].shape).astype(dtype) for what in ("wide", "tight")
        }
        inputs = dict(options=dict(eps=eps, momentum=momentum), state=state)
        inputs |= dict(batches=batches, dys=dys)
        axes = [(0, *range(2, x.ndim)) for x in batches.values()]
        condition = max(
            condition_number(x, a, eps) for x, a in zip(batches.values(), axes, strict=True)
        )
        return Case(name, inputs, condition, _sizes(inputs))

    return [
        case("8 samples of 5 features", (8, 5), (6, 5)),
        case("images, momentum 0.3", (3, 4, 2, 5), (2, 4, 3, 3), momentum=0.3),
        case("all axes of 4, float64, eps 0.1", (4, 4, 4, 4), eps=0.1, dtype="f8"),
        case("sequences of one channel", (4, 1, 6), (2, 1, 5), momentum=0.1),
        case("two samples, m = 2", (2, 6), momentum=0.1),
        case("one image of two values per channel", (1, 4, 1, 2)),
        case("small values, std 0.01", (9, 5), scale=1e-2, momentum=0.1),
        case("large offset, mean 1000", (5, 4, 3, 2), offset=1e3, momentum=0.1),
    ]


def _sizes(inputs: Mapping[str, Any]) -> dict[str, float]:
    """Sizes of the terms that cancel in gradients."""
    state, sizes = inputs["state"], {}
    for what, dy in inputs["dys"].items():
        axes = (0, *range(2, dy.ndim))
        total = float(np.abs(dy).sum(axes).max())
        # x̂·r + d is at most about max(RATIOS)·√m + max(SHIFTS), r/σ_B at most 2/σ.
        largest = max(RATIOS) * np.sqrt(dy.size / dy.shape[1]) + max(SHIFTS)
        sizes |= {f"dbias {LIMITS[what]}": total, f"dweight {LIMITS[what]}": total * largest}
        inverse = 2 / state["running_std"].min()
        sizes[f"dx {LIMITS[what]}"] = float(state["weight"].max() * inverse * np.abs(dy).max())
    return sizes


LIMITS = {
    "plain": "at r_max = 1, d_max = 0",
    "wide": "with wide limits",
    "tight": "with tight limits",
}


def call(BatchRenorm, options, state, batches, dys):
    layer = made("BatchRenorm", BatchRenorm, len(state["weight"]), **options)
    same_form(layer, state, BUFFERS)
    outputs = state_of(layer, STATE, "of a new layer")
    for name in ("r_max", "d_max"):
        value = attribute(layer, name, "A new layer")
        if isinstance(value, torch.Tensor) or not isinstance(value, (int, float)):
            raise AnswerError(
                f"`{name}` of a new layer is {type(value).__name__}; expected a plain number, "
                "which the training loop may set.",
                kind="Limits",
            )
        outputs[f"{name} of a new layer"] = float(value)
    if batches["plain"].dtype == np.float64:
        layer.double()
    loaded(layer, state)
    outputs[f"y {LIMITS['plain']}"] = run(layer, batches["plain"])
    for what, limits in (("wide", WIDE), ("tight", TIGHT)):
        layer.r_max, layer.d_max = limits
        outputs |= run_with_gradients(layer, batches[what], dys[what], LIMITS[what])
    same_form(layer, state, BUFFERS)
    outputs |= state_of(layer, BUFFERS)
    layer.eval()
    outputs["y in eval mode"] = run(layer, batches["asked"])
    return outputs | state_of(layer, BUFFERS, "after eval mode")


def reference(options, state, batches, dys):
    """Algorithm 1 around PyTorch's batch norm, in float64."""
    c = len(state["weight"])
    outputs = {"weight of a new layer": np.ones(c), "bias of a new layer": np.zeros(c)}
    outputs |= {
        "running_mean of a new layer": np.zeros(c),
        "running_std of a new layer": np.ones(c),
    }
    outputs |= {"r_max of a new layer": 1.0, "d_max of a new layer": 0.0}
    mean, std = state["running_mean"], state["running_std"]
    weight, bias = (torch.from_numpy(state[name]).requires_grad_() for name in ("weight", "bias"))
    for what, (r_max, d_max) in (("plain", (1.0, 0.0)), ("wide", WIDE), ("tight", TIGHT)):
        values = batches[what].astype(np.float64)
        axes = (0, *range(2, values.ndim))
        batch_mean, batch_std = values.mean(axes), np.sqrt(values.var(axes) + options["eps"])
        r = np.clip(batch_std / std, 1 / r_max, r_max)
        d = np.clip((batch_mean - mean) / std, -d_max, d_max)
        x = torch.from_numpy(values).requires_grad_()
        gamma = weight * torch.from_numpy(r)
        beta = weight * torch.from_numpy(d) + bias
        y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=options["eps"])
        outputs[f"y {LIMITS[what]}"] = y.detach().numpy()
        if what in dys:
            upstream = torch.from_numpy(dys[what].astype(np.float64))
            gradients = torch.autograd.grad((y * upstream).sum(), (x, weight, bias))
            names = (f"d{name} {LIMITS[what]}" for name in ("x", "weight", "bias"))
            outputs |= {n: g.numpy() for n, g in zip(names, gradients, strict=True)}
        mean = mean + options["momentum"] * (batch_mean - mean)
        std = std + options["momentum"] * (batch_std - std)
    view = (-1, *[1] * (values.ndim - 2))
    x_hat = (batches["asked"].astype(np.float64) - mean.reshape(view)) / std.reshape(view)
    y = state["weight"].reshape(view) * x_hat + state["bias"].reshape(view)
    for when in ("", " after eval mode"):
        outputs |= {f"running_mean{when}": mean, f"running_std{when}": std}
    return outputs | {"y in eval mode": y}


def describe(inputs: Mapping[str, Any]) -> str:
    """BatchRenorm(5, eps=1e-05, momentum=0.01); float32; batches of shapes (8, 5), (6, 5), …"""
    options = ", ".join(f"{name}={value:g}" for name, value in inputs["options"].items())
    *trained, asked = inputs["batches"].values()
    shapes = ", ".join(str(x.shape) for x in trained)
    return (
        f"BatchRenorm({len(inputs['state']['weight'])}, {options}); {asked.dtype}; "
        f"trained on batches of shapes {shapes}, then eval"
    )


EXERCISE = Exercise(
    id="5.3",
    title="Batch renormalisation",
    answers=("BatchRenorm",),
    shows="BatchRenorm(num_features, eps, momentum), trained with r_max = 1 and d_max = 0, with "
    "wide and with tight limits, then in eval mode",
    minutes=35,
    difficulty="demanding",
    points=6,
    read="Chapter 5.2, section “Batch renormalisation”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
