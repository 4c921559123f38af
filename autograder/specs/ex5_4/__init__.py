"""5.4 Ghost batch norm, for any layout and any size of the batch."""

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
from autograder.spec import Case, Exercise, condition_number
from autograder.specs.ex5_4.answers import RIGHT_WAYS
from autograder.specs.ex5_4.mistakes import MISTAKES

BUFFERS = ("running_mean", "running_var")
STATE = ("weight", "bias", *BUFFERS)


def group_starts(n: int, group: int) -> list[int]:
    """Where the groups of n samples start; the last reaches to the end."""
    return [group * g for g in range(max(n // group, 1))]


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, group, *shapes, scale=1.0, offset=0.0, eps=1e-5, momentum=0.1, dtype="f4"):
        c = shapes[0][1]

        def values(shape):
            """Groups differ in mean and spread, and none is degenerate by chance."""
            starts = group_starts(shape[0], group)
            parts = []
            for start, end in zip(starts, [*starts[1:], shape[0]], strict=True):
                z = rng.normal(size=(end - start, *shape[1:]))
                axes, view = (0, *range(2, z.ndim)), (-1, *[1] * (z.ndim - 2))
                z = (z - z.mean(axes, keepdims=True)) / z.std(axes, keepdims=True)
                spread, middle = rng.uniform(0.7, 1.4, c), rng.normal(size=c)
                parts.append(spread.reshape(view) * z + middle.reshape(view))
            return (offset + scale * np.concatenate(parts)).astype(dtype)

        first, second, asked = (values(shapes[k % len(shapes)]) for k in range(3))
        state = dict(weight=rng.uniform(0.5, 2, c), bias=rng.normal(size=c))
        state |= dict(running_mean=offset + scale * rng.normal(size=c))
        state |= dict(running_var=scale**2 * rng.uniform(0.5, 2, c))
        dy = rng.normal(size=second.shape).astype(dtype)
        inputs = dict(group=group, options=dict(eps=eps, momentum=momentum), state=state)
        inputs |= dict(first=first, second=second, asked=asked, dy=dy)
        return Case(name, inputs, *_condition_and_sizes(inputs))

    return [
        case("12 samples in groups of 4", 4, (12, 5)),
        case("one sample left over", 4, (13, 5), (9, 5), momentum=0.3),
        case("images, several left over", 4, (11, 3, 2, 3), (7, 3, 3, 2)),
        case("fewer samples than a group", 8, (5, 4), (3, 4)),
        case("as many groups as samples in one, eps 0.1", 3, (9, 4), eps=0.1),
        case("all axes of 4, groups of 2, float64", 2, (4, 4, 4, 4), dtype="f8"),
        case("groups of two values, m = 2", 2, (7, 6), (6, 6)),
        case("groups of one image", 1, (3, 4, 2, 2), (2, 4, 3, 2)),
        case("sequences of one channel", 3, (8, 1, 4), (6, 1, 5)),
        case("small values, std 0.01", 5, (17, 4), scale=1e-2),
        case("large offset, mean 1000", 2, (7, 3, 3, 2), offset=1e3),
    ]


def _condition_and_sizes(inputs: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
    """How much a rounding grows, and what errors of vanishing outputs are measured against."""
    eps, group, worst = inputs["options"]["eps"], inputs["group"], 1.0
    inverse = 0.0
    for x in (inputs["first"], inputs["second"], inputs["asked"]):
        x = x.astype(np.float64)
        axes = (0, *range(2, x.ndim))
        for part in np.split(x, group_starts(len(x), group)[1:]):
            worst = max(worst, condition_number(part, axes, eps))
            inverse = max(inverse, 1 / np.sqrt(part.var(axes).min() + eps))
    running = inputs["state"]
    worst = max(
        worst, float(np.sqrt(1 + running["running_mean"] ** 2 / running["running_var"]).max())
    )
    dy = inputs["dy"]
    total = float(np.abs(dy).sum((0, *range(2, dy.ndim))).max())
    dx = float(running["weight"].max() * inverse * np.abs(dy).max())
    return worst, {"dx": dx, "dweight": total, "dbias": total}


def call(GhostBatchNorm, group, options, state, first, second, asked, dy):
    layer = made("GhostBatchNorm", GhostBatchNorm, len(state["weight"]), group, **options)
    same_form(layer, state, BUFFERS)
    outputs = state_of(layer, STATE, "of a new layer")
    if first.dtype == np.float64:
        layer.double()
    loaded(layer, state)
    outputs["y of a first batch"] = run(layer, first)
    outputs |= run_with_gradients(layer, second, dy)
    same_form(layer, state, BUFFERS)
    outputs |= state_of(layer, BUFFERS)
    layer.eval()
    outputs["y in eval mode"] = run(layer, asked)
    return outputs | state_of(layer, BUFFERS, "after eval mode")


def reference(group, options, state, first, second, asked, dy):
    """PyTorch's batch norm on each group, in float64."""
    c, eps, momentum = len(state["weight"]), options["eps"], options["momentum"]
    starts = dict(weight=np.ones(c), bias=np.zeros(c), running_mean=np.zeros(c))
    starts["running_var"] = np.ones(c)
    outputs = {f"{name} of a new layer": value for name, value in starts.items()}
    weight, bias = (torch.from_numpy(state[name]).requires_grad_() for name in ("weight", "bias"))
    running = {name: state[name] for name in BUFFERS}
    for name, batch in (("y of a first batch", first), ("y", second)):
        x = torch.from_numpy(batch.astype(np.float64)).requires_grad_()
        mean, var, parts = np.zeros(c), np.zeros(c), []
        for part in torch.tensor_split(x, group_starts(len(x), group)[1:]):
            its_mean, its_var = torch.zeros(c).double(), torch.zeros(c).double()
            # With momentum 1 the running statistics are those of the group.
            parts.append(F.batch_norm(part, its_mean, its_var, weight, bias, True, 1.0, eps))
            mean, var = (
                old + len(part) / len(x) * its.numpy()
                for old, its in ((mean, its_mean), (var, its_var))
            )
        y = torch.cat(parts)
        outputs[name] = y.detach().numpy()
        for name, new in zip(BUFFERS, (mean, var), strict=True):
            running[name] = running[name] + momentum * (new - running[name])
    upstream = torch.from_numpy(dy.astype(np.float64))
    gradients = torch.autograd.grad((y * upstream).sum(), (x, weight, bias))
    names = ("dx", "dweight", "dbias")
    outputs |= {n: gradient.numpy() for n, gradient in zip(names, gradients, strict=True)}
    outputs |= {
        f"{name}{when}": running[name] for name in BUFFERS for when in ("", " after eval mode")
    }
    kept = (torch.from_numpy(running[name]) for name in BUFFERS)
    y = F.batch_norm(
        torch.from_numpy(asked.astype(np.float64)), *kept, weight, bias, False, 0.0, eps
    )
    return outputs | {"y in eval mode": y.detach().numpy()}


def describe(inputs: Mapping[str, Any]) -> str:
    """GhostBatchNorm(5, 4, eps=1e-05, momentum=0.1); float32; batches of shapes (13, 5), (9, 5), …"""
    options = ", ".join(f"{name}={value:g}" for name, value in inputs["options"].items())
    return (
        f"GhostBatchNorm({len(inputs['state']['weight'])}, {inputs['group']}, {options}); "
        f"{inputs['asked'].dtype}; trained on batches of shapes {inputs['first'].shape} and "
        f"{inputs['second'].shape}, then eval"
    )


EXERCISE = Exercise(
    id="5.4",
    title="Ghost batch norm",
    answers=("GhostBatchNorm",),
    shows="GhostBatchNorm(num_features, group, eps, momentum), trained on two batches, then in "
    "eval mode",
    minutes=30,
    difficulty="moderate",
    points=5,
    read="Chapter 5.2, section “Ghost batches”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
