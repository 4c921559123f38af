"""10.1 The norm with a gate: a sample's own statistics pooled with the running ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from autograder.compare import describe as described
from autograder.forbidden import NORMALISERS, refusing
from autograder.spec import AnswerError, Case, Exercise
from autograder.specs.ex10_1.answers import RIGHT_WAYS
from autograder.specs.ex10_1.mistakes import MISTAKES

LEAVES = ("x", "gate", "weight", "bias")
INSTEAD = "Compute the mean and the variance yourself."
# Of the sample's deviations and means from the running ones.
RATIOS, SHIFTS = (0.4, 0.8, 1.3, 2.5), (-1.5, -0.5, 0.6, 1.8)


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, gate, scale=1.0, offset=0.0, eps=1e-5, dtype="f4"):
        n, c, *spatial = shape
        view = (n, c, *[1] * len(spatial))
        running_var = (scale * rng.uniform(0.7, 1.4, c)) ** 2
        std = np.sqrt(running_var)
        running_mean = offset + std * rng.choice([-1, 1], c) * rng.uniform(0.3, 1, c)
        z = rng.normal(size=shape)
        axes = tuple(range(2, z.ndim))
        z = z - z.mean(axes, keepdims=True)
        z = z / np.sqrt((z**2).mean(axes, keepdims=True) + 1e-12)
        ratio, shift = (rng.choice(some, size=(n, c)) for some in (RATIOS, SHIFTS))
        x = (std * ratio).reshape(view) * z + (running_mean + std * shift).reshape(view)
        shares = {"0": np.zeros(c), "1": np.ones(c), "between": rng.uniform(0.15, 0.85, c)}
        inputs = dict(x=x, running_mean=running_mean, running_var=running_var, gate=shares[gate])
        inputs |= dict(weight=rng.uniform(0.5, 2, c), bias=rng.normal(size=c))
        inputs = {key: value.astype(dtype) for key, value in inputs.items()}
        inputs |= dict(eps=eps, dy=rng.normal(size=shape).astype(dtype))
        return Case(name, inputs, *_condition_and_sizes(inputs))

    return [
        case("a batch of one", (1, 5, 4, 3), "between"),
        case("a batch of three", (3, 4, 2, 5), "between"),
        case("gate 0: batch norm in eval mode", (2, 3, 3, 4), "0"),
        case("gate 1: the sample alone", (2, 3, 4, 2), "1"),
        case("all axes of 4, float64", (4, 4, 4, 4), "between", dtype="f8"),
        case("sequences of one channel, eps 0.1", (2, 1, 7), "between", eps=0.1),
        case("maps of one value", (1, 6, 1, 1), "between"),
        case("volumes, std 0.01", (2, 3, 2, 2, 3), "between", scale=1e-2),
        case("large offset, mean 300", (1, 4, 3, 3), "between", offset=300.0),
    ]


def _condition_and_sizes(inputs: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
    """How much a rounding grows, and the sizes of the terms that cancel in gradients."""
    x, var, eps = (np.asarray(inputs[k], np.float64) for k in ("x", "running_var", "eps"))
    axes = tuple(range(2, x.ndim))
    mean, gate = inputs["running_mean"].astype(np.float64), inputs["gate"].astype(np.float64)
    own_mean, own_var = x.mean(axes), x.var(axes)
    # The least variance that a sample is divided by.
    pooled = gate * own_var + (1 - gate) * var + gate * (1 - gate) * (own_mean - mean) ** 2 + eps
    condition = float(np.sqrt(1 + np.maximum(own_mean**2, mean**2) / pooled).max())
    dy = np.abs(inputs["dy"]).astype(np.float64)
    largest = float(np.abs(x - own_mean.reshape(*own_mean.shape, *[1] * len(axes))).max())
    largest = (largest + float(np.abs(own_mean - mean).max())) / float(np.sqrt(pooled.min()))
    gamma, total = float(np.abs(inputs["weight"]).max()), float(dy.sum((0, *axes)).max())
    sizes = dict(dx=gamma * float(dy.max()) / float(np.sqrt(pooled.min())))
    sizes |= dict(dbias=total, dweight=total * largest, dgate=gamma * total * (1 + largest) ** 2)
    return condition, sizes


def call(gated_norm, dy, eps, **arrays):
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    leaves = [tensors[name].requires_grad_() for name in LEAVES]
    with refusing(NORMALISERS, INSTEAD):
        y = gated_norm(**tensors, eps=eps)
    x = tensors["x"]
    if not isinstance(y, torch.Tensor):
        raise AnswerError(f"`gated_norm` returned {described(y)}; expected a tensor like x.")
    if y.shape != x.shape or y.dtype != x.dtype:
        raise AnswerError(
            f"`gated_norm` returned {y.dtype} of shape {tuple(y.shape)}; expected {x.dtype} of "
            f"shape {tuple(x.shape)}, as x.",
            kind="Shape",
        )
    if not y.requires_grad:
        raise AnswerError(
            "y has no graph, so that nothing could be trained. Stay with tensor operations, "
            "outside of torch.no_grad().",
            kind="NoGraph",
        )
    loss = (y * torch.from_numpy(dy)).sum()
    gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
    outputs = {"y": y.detach().numpy()}
    for name, gradient in zip(LEAVES, gradients, strict=True):
        if gradient is None:
            raise AnswerError(f"No gradient reaches `{name}`.", kind="Unused", slip=name)
        outputs[f"d{name}"] = gradient.numpy()
    return outputs


def reference(dy, eps, **arrays):
    """The pool by its first and second moments, in float64."""
    t = {name: torch.from_numpy(array.astype(np.float64)) for name, array in arrays.items()}
    leaves = [t[name].requires_grad_() for name in LEAVES]
    # Moments about the running mean: second moments about 0 cancel at a large offset.
    view = (1, -1, *[1] * (t["x"].ndim - 2))
    moved = t["x"] - t["running_mean"].view(view)
    axes = tuple(range(2, moved.ndim))
    first = t["gate"] * moved.mean(axes)
    second = t["gate"] * moved.square().mean(axes) + (1 - t["gate"]) * t["running_var"]
    std = (second - first.square() + eps).sqrt()
    back = (*first.shape, *view[2:])
    x_hat = (moved - first.view(back)) / std.view(back)
    y = t["weight"].view(view) * x_hat + t["bias"].view(view)
    gradients = torch.autograd.grad((y * torch.from_numpy(dy.astype(np.float64))).sum(), leaves)
    outputs = {f"d{name}": g.numpy() for name, g in zip(LEAVES, gradients, strict=True)}
    return {"y": y.detach().numpy()} | outputs


EXERCISE = Exercise(
    id="10.1",
    title="Checkpoint: a norm with a gate",
    answers=("gated_norm",),
    shows="y = gated_norm(x, running_mean, running_var, gate, weight, bias, eps)",
    minutes=30,
    difficulty="demanding",
    points=4,
    read="Chapter 5.2, section “A blend of both statistics”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
