"""5.1 One function for four norms."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.compare import describe
from autograder.forbidden import NORMALISERS, refusing
from autograder.spec import AnswerError, Case, Exercise, condition_number
from autograder.specs.ex5_1.answers import RIGHT_WAYS
from autograder.specs.ex5_1.mistakes import MISTAKES

INSTEAD = "Here you compute mean, variance and the rest yourself, with tensor operations."


def statistics_of(x: np.ndarray, kind: str, groups: int, parameter_axes: int):
    """x with the axes that share a statistic set apart: (array, those axes)."""
    spatial = tuple(range(2, x.ndim))
    if kind == "group":
        return x.reshape(len(x), groups, -1), (2,)
    return x, {
        "batch": (0, *spatial),
        "instance": spatial,
        "layer": tuple(range(x.ndim - parameter_axes, x.ndim)),
    }[kind]


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, kind, shape, groups=1, over=1, scale=1.0, offset=0.0, eps=1e-5, dtype="f8"):
        of_parameters = shape[-over:] if kind == "layer" else shape[1:2]
        x = (offset + scale * rng.normal(size=shape)).astype(dtype)
        weight, bias = rng.normal(size=of_parameters) + 0.5, rng.normal(size=of_parameters)
        dy = rng.normal(size=shape).astype(dtype)
        inputs = dict(x=x, kind=kind, weight=weight.astype(dtype), bias=bias.astype(dtype))
        inputs |= dict(groups=groups, eps=eps, dy=dy)
        parts, axes = statistics_of(x.astype(np.float64), kind, groups, over)
        # dx nearly vanishes where few values share a statistic, the sums by chance.
        inv_std = 1 / np.sqrt(parts.var(axis=axes) + eps)
        total = float(np.abs(dy).sum())
        sizes = {"dx": float(np.abs(weight).max() * inv_std.max() * np.abs(dy).max())}
        sizes |= {"dweight": total, "dbias": total}
        return Case(name, inputs, condition_number(parts, axes, eps), sizes)

    image = (3, 6, 5, 2)
    return [
        case("batch norm of images, (3, 6, 5, 2)", "batch", image),
        case("layer norm of images, weight (6, 5, 2)", "layer", image, over=3),
        case("instance norm of images", "instance", image),
        case("group norm of images, 2 groups", "group", image, groups=2),
        case("group norm, 3 groups, small values, std 0.01", "group", image, 3, scale=1e-2),
        case("group norm, as many groups as channels", "group", (2, 4, 3, 2), groups=4),
        case("group norm, 1 group of 3 channels, volumes", "group", (2, 3, 2, 2, 3)),
        case("group norm of rows, (4, 6), 2 groups", "group", (4, 6), groups=2),
        case("group norm, all axes of 4, eps 0.1", "group", (4, 4, 4, 4), groups=2, eps=0.1),
        case("layer norm of a sequence (2, 7, 5), weight (5,)", "layer", (2, 7, 5)),
        case("layer norm, all axes of 4, weight (4,)", "layer", (4, 4, 4), eps=0.1),
        case("layer norm of small rows, (6, 5), std 0.01", "layer", (6, 5), scale=1e-2),
        case("batch norm of rows, (8, 5), std 0.01", "batch", (8, 5), scale=1e-2),
        case("batch norm, all axes of 4", "batch", (4, 4, 4, 4)),
        case("batch norm, one channel, volumes", "batch", (2, 1, 2, 3, 2), eps=0.1),
        case("instance norm of sequences, std 0.01", "instance", (2, 3, 7), scale=1e-2),
        case("instance norm of volumes, float32", "instance", (2, 2, 3, 2, 2), dtype="f4"),
        case("group norm, float32, mean 1000", "group", (2, 6, 4, 4), 2, offset=1e3, dtype="f4"),
        case("batch norm, float32, mean 1000", "batch", (4, 3, 5, 3), offset=1e3, dtype="f4"),
    ]


def call(normalize, x, kind, weight, bias, groups, eps, dy):
    arrays = {"x": x, "weight": weight, "bias": bias}
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}
    # Copies: an answer may write into them, and then the judge says so.
    given = {name: leaf.clone() for name, leaf in leaves.items()}
    with refusing(NORMALISERS, INSTEAD):
        y = normalize(given["x"], kind, given["weight"], given["bias"], groups, eps)
    for name, value in arrays.items():
        np.copyto(value, given[name].detach().numpy())
    if not isinstance(y, torch.Tensor):
        raise AnswerError(f"normalize returned {describe(y)}; expected one tensor, like x.")
    if tuple(y.shape) != x.shape:
        raise AnswerError(
            f"normalize returned a tensor of shape {tuple(y.shape)}; x has {x.shape}."
        )
    if not y.requires_grad:
        raise AnswerError(
            "The result has no graph, so no gradient can flow through it. "
            "Stay with tensors: no .item(), no .numpy(), no .detach(), no torch.no_grad()."
        )
    upstream = torch.from_numpy(dy).to(y.dtype)
    grads = torch.autograd.grad(y, list(leaves.values()), upstream, allow_unused=True)
    outputs = {"y": y}
    for (name, leaf), grad in zip(leaves.items(), grads, strict=True):
        outputs[f"d{name}"] = torch.zeros_like(leaf) if grad is None else grad
    return outputs


def reference(x, kind, weight, bias, groups, eps, dy):
    x, weight, bias = (torch.from_numpy(a).double().requires_grad_() for a in (x, weight, bias))
    if kind == "batch":
        y = F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    elif kind == "layer":
        y = F.layer_norm(x, weight.shape, weight, bias, eps)
    elif kind == "instance":
        y = F.instance_norm(x, None, None, weight, bias, eps=eps)
    else:
        y = F.group_norm(x, groups, weight, bias, eps)
    grads = torch.autograd.grad(y, (x, weight, bias), torch.from_numpy(dy).double())
    outputs = {"y": y.detach()} | dict(zip(("dx", "dweight", "dbias"), grads, strict=True))
    return {name: value.numpy() for name, value in outputs.items()}


EXERCISE = Exercise(
    id="5.1",
    title="One function, four norms",
    answers=("normalize",),
    shows="y = normalize(x, kind, weight, bias, groups, eps)",
    minutes=25,
    difficulty="moderate",
    points=5,
    read="Chapter 5.1, section “Which values share a statistic?”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
