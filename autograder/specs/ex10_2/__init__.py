"""10.2 A layer whose gates learn, and whose buffers do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograder.compare import describe as described
from autograder.forbidden import NORMALISERS, refusing
from autograder.normalisers import loaded, made, run, same_form, state_of
from autograder.spec import AnswerError, Case, Exercise, condition_number
from autograder.specs.ex10_2.answers import RIGHT_WAYS
from autograder.specs.ex10_2.mistakes import MISTAKES

BUFFERS = ("running_mean", "running_var")
STATE = ("weight", "bias", "gate_logit", *BUFFERS)
INSTEAD = "Compute the mean and the variance yourself."
ASKED = "eval mode"
STEPS = ("step 1", "step 2", ASKED)  # two in training mode


def cases(rng: np.random.Generator) -> list[Case]:
    def case(
        name, *shapes, gate=0.1, logits=(-2.0, 2.0), scale=1.0, offset=0.0, dtype="f4", **options
    ):
        c = shapes[0][1]
        std = scale * rng.uniform(0.7, 1.4, c)
        mean = offset + std * rng.choice([-1, 1], c) * rng.uniform(0.3, 1, c)
        state = dict(weight=rng.uniform(0.5, 2, c), bias=rng.normal(size=c))
        state |= dict(gate_logit=rng.uniform(*logits, c), running_mean=mean, running_var=std**2)

        def batch(k):
            shape = shapes[k % len(shapes)]
            z = rng.normal(size=shape)
            z = z - z.mean((2, 3), keepdims=True)
            z = z / np.sqrt((z**2).mean((2, 3), keepdims=True) + 1e-12)
            of_each = (*shape[:2], 1, 1)
            ratio, shift = rng.uniform(0.5, 2, of_each), rng.uniform(-1.5, 1.5, of_each)
            x = std.reshape(-1, 1, 1) * (ratio * z + shift) + mean.reshape(-1, 1, 1)
            return x.astype(dtype)

        batches = {what: batch(k) for k, what in enumerate(STEPS)}
        dys = {what: rng.normal(size=x.shape).astype(dtype) for what, x in batches.items()}
        options = dict(eps=1e-5, momentum=0.1) | options | dict(gate=gate)
        inputs = dict(options=options, state=state, batches=batches, dys=dys)
        return Case(name, inputs, *_condition_and_sizes(inputs))

    return [
        case("batches of three, then of one", (3, 5, 2, 3), (4, 5, 3, 2), (1, 5, 3, 4)),
        case("momentum 0.3, gates from 0.5", (2, 3, 4, 2), gate=0.5, momentum=0.3),
        case("all axes of 4, float64", (4, 4, 4, 4), gate=0.9, dtype="f8"),
        case("one channel, eps 0.1", (3, 1, 2, 5), eps=0.1),
        case("maps of one value", (5, 3, 1, 1), (4, 3, 1, 1), (1, 3, 1, 1)),
        case("gates nearly shut", (3, 4, 3, 2), logits=(-9, -7)),
        case("gates nearly open", (3, 4, 3, 2), logits=(5, 7)),
        case("small values, std 0.01", (2, 6, 3, 3), scale=1e-2),
    ]


def _condition_and_sizes(inputs: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
    """How much a rounding grows, and the sizes of the terms that cancel in gradients."""
    eps, condition, sizes = inputs["options"]["eps"], 1.0, {}
    for what, x in inputs["batches"].items():
        x = x.astype(np.float64)
        mean, var = _common(x, inputs["state"], what)
        g = 1 / (1 + np.exp(-inputs["state"]["gate_logit"]))
        own_mean, own_var = x.mean((2, 3)), x.var((2, 3))
        pooled = g * own_var + (1 - g) * var + g * (1 - g) * (own_mean - mean) ** 2 + eps
        condition = max(
            condition,
            float(np.sqrt(1 + np.maximum(own_mean**2, mean**2) / pooled).max()),
            condition_number(x, (0, 2, 3), eps),
        )
        inverse = 1 / float(np.sqrt(pooled.min()))
        dy = np.abs(inputs["dys"][what]).astype(np.float64)
        total, gamma = float(dy.sum((0, 2, 3)).max()), float(inputs["state"]["weight"].max())
        largest = inverse * float(
            np.abs(x - mean.reshape(-1, 1, 1)).max() + np.abs(own_mean - mean).max()
        )
        sizes[f"dx in {what}"] = gamma * float(dy.max()) * inverse
        sizes |= {f"dbias in {what}": total, f"dweight in {what}": total * largest}
        slope = float((g * (1 - g)).max())
        sizes[f"dgate_logit in {what}"] = slope * gamma * total * (1 + largest) ** 2
    return condition, sizes


def _common(x, state, what):
    if what == ASKED:
        return state["running_mean"], state["running_var"]
    return x.mean((0, 2, 3)), x.var((0, 2, 3))


def call(GatedBatchNorm, options, state, batches, dys):
    some = batches["step 1"]
    layer = made("GatedBatchNorm", GatedBatchNorm, some.shape[1], **options)
    same_form(layer, state, BUFFERS)
    outputs = state_of(layer, STATE, "of a new layer")
    if some.dtype == np.float64:
        layer.double()
    loaded(layer, state)
    with refusing(NORMALISERS, INSTEAD):
        for what in STEPS:
            layer.train(what != ASKED)
            outputs |= _pass(layer, batches[what], dys[what], what)
            same_form(layer, state, BUFFERS)
            outputs |= state_of(layer, BUFFERS, f"after {what}")
        # A batch of one at a time: what a sample gets must not depend on its neighbours.
        alone = [run(layer, batches[ASKED][k : k + 1]) for k in range(len(batches[ASKED]))]
    return outputs | {"y in eval mode, one at a time": np.concatenate(alone)}


def _pass(layer: nn.Module, x: np.ndarray, dy: np.ndarray, what: str) -> dict[str, np.ndarray]:
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    y = layer(leaf)
    if not isinstance(y, torch.Tensor) or y.shape != leaf.shape or y.dtype != leaf.dtype:
        got = described(y) if not isinstance(y, torch.Tensor) else f"{y.dtype}, {tuple(y.shape)}"
        raise AnswerError(
            f"`forward` returned {got}; expected {leaf.dtype}, {tuple(leaf.shape)}, as x.",
            kind="Shape",
        )
    if not y.requires_grad:
        raise AnswerError(
            "y has no graph, so that nothing could be trained. Only the update of the running "
            "statistics belongs under torch.no_grad().",
            kind="NoGraph",
        )
    wanted = {"dx": leaf} | {f"d{n}": getattr(layer, n) for n in STATE[:3]}
    loss = (y * torch.from_numpy(dy)).sum()
    gradients = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    outputs = {f"y in {what}": y.detach().numpy().copy()}
    for name, gradient in zip(wanted, gradients, strict=True):
        if gradient is None:
            raise AnswerError(f"No gradient reaches `{name[1:]}`.", kind="Unused", slip=name)
        outputs[f"{name} in {what}"] = gradient.numpy()
    return outputs


def reference(options, state, batches, dys):
    """A pool of copies: PyTorch's own mean and variance over weighted values, in float64."""
    c = len(state["weight"])
    fresh = dict(weight=np.ones(c), bias=np.zeros(c), running_mean=np.zeros(c))
    fresh |= dict(running_var=np.ones(c), gate_logit=np.full(c, _logit(options["gate"])))
    outputs = {f"{name} of a new layer": value for name, value in fresh.items()}
    t = {n: torch.from_numpy(state[n].astype(np.float64)) for n in STATE}
    leaves = {n: t[n].requires_grad_() for n in STATE[:3]}
    mean, var = t["running_mean"].clone(), t["running_var"].clone()
    for what in STEPS:
        x = torch.from_numpy(batches[what].astype(np.float64)).requires_grad_()
        if what == ASKED:
            shared = mean, var
        else:
            shared = x.mean((0, 2, 3)), x.square().mean((0, 2, 3)) - x.mean((0, 2, 3)).square()
            F.batch_norm(x.detach(), mean, var, training=True, momentum=options["momentum"])
        y = _pooled(x, *shared, **leaves, eps=options["eps"])
        upstream = torch.from_numpy(dys[what].astype(np.float64))
        gradients = torch.autograd.grad((y * upstream).sum(), [x, *leaves.values()])
        outputs[f"y in {what}"] = y.detach().numpy()
        names = (f"d{name} in {what}" for name in ("x", *leaves))
        outputs |= {n: g.numpy() for n, g in zip(names, gradients, strict=True)}
        when = f"after {what}"
        outputs |= {f"running_mean {when}": mean.numpy().copy()}
        outputs |= {f"running_var {when}": var.numpy().copy()}
    return outputs | {"y in eval mode, one at a time": outputs["y in eval mode"]}


def _logit(gate: float) -> float:
    return float(np.log(gate) - np.log1p(-gate))


def _pooled(x, mean, var, weight, bias, gate_logit, eps):
    """The pool's variance from second moments about the common mean."""
    g = gate_logit.sigmoid()
    moved = x - mean.view(-1, 1, 1)
    first = g * moved.mean((2, 3))
    second = g * moved.square().mean((2, 3)) + (1 - g) * var
    std = (second - first.square() + eps).sqrt()
    x_hat = (moved - first[..., None, None]) / std[..., None, None]
    return weight.view(-1, 1, 1) * x_hat + bias.view(-1, 1, 1)


def describe(inputs: Mapping[str, Any]) -> str:
    """GatedBatchNorm(5, eps=1e-05, momentum=0.1, gate=0.1); float32; trained on batches of …"""
    options = ", ".join(f"{name}={value:g}" for name, value in inputs["options"].items())
    *trained, asked = inputs["batches"].values()
    shapes = ", ".join(str(x.shape) for x in trained)
    return (
        f"GatedBatchNorm({asked.shape[1]}, {options}); {asked.dtype}; trained on batches of shapes "
        f"{shapes}, then eval on {asked.shape}"
    )


EXERCISE = Exercise(
    id="10.2",
    title="Checkpoint: a layer whose gates learn",
    answers=("GatedBatchNorm",),
    shows="GatedBatchNorm(num_features, eps, momentum, gate), two steps in training mode, then eval "
    "mode",
    minutes=40,
    difficulty="demanding",
    points=4,
    read="Chapter 4.1, section “The module”, and chapter 5.2, section “A blend of both statistics”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
