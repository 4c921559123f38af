"""4.1 A module that equals PyTorch's, its state included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.forbidden import NORMALISERS, refusing
from autograder.spec import Case, Exercise, condition_number
from autograder.specs.ex4_1.answers import RIGHT_WAYS
from autograder.specs.ex4_1.mistakes import MISTAKES
from autograder.specs.ex4_1.module import INSTEAD, made, output, refused, same_form, state_of

# Training steps of a case: the last with gradients, those before without.
STEPS = 3


def cases(rng: np.random.Generator) -> list[Case]:
    def values(shape, scale, offset, dtype):
        """A batch whose channels differ in mean and spread; never degenerate by chance."""
        z = rng.normal(size=shape)
        axes = (0, *range(2, z.ndim))
        z = (z - z.mean(axes, keepdims=True)) / z.std(axes, keepdims=True)
        per_channel = (-1, *[1] * (z.ndim - 2))
        std = rng.uniform(0.7, 1.4, shape[1]).reshape(per_channel)
        mean = (rng.choice([-1, 1], shape[1]) * rng.uniform(0.3, 1, shape[1])).reshape(per_channel)
        return (offset + scale * (std * z + mean)).astype(dtype)

    def case(name, *shapes, scale=1.0, offset=0.0, dtype="f4", loaded=0, **options):
        shapes = [shapes[k % len(shapes)] for k in range(STEPS + 1)]
        c = shapes[0][1]
        batches = [values(shape, scale, offset, dtype) for shape in shapes]
        dys = [rng.normal(size=shape).astype(dtype) for shape in shapes]
        state = dict(weight=rng.uniform(0.5, 2, c), bias=rng.normal(size=c))
        if loaded:  # the state of a layer that has trained before
            state |= dict(running_mean=rng.normal(size=c), running_var=rng.uniform(0.5, 2, c))
            state["num_batches_tracked"] = np.array(loaded)
        inputs = dict(options=options, batches=batches, dys=dys, state=state)
        return Case(name, inputs, *_condition_and_sizes(inputs))

    def refusal(name, shape, training, **options):
        x = rng.normal(size=shape).astype("f4")
        return Case(name, dict(options=options, training=training, x=x))

    images = (3, 4, 2, 5), (2, 4, 3, 3)
    return [
        case("8 samples of 5 features", (8, 5), (6, 5)),
        case("images, eps 0.1, momentum 0.3", *images, eps=0.1, momentum=0.3),
        case("images, all axes of 4, float64", (4, 4, 4, 4), dtype="f8"),
        case("sequences of one channel", (4, 1, 6), (2, 1, 5)),
        case("one image, two values per channel", (1, 3, 1, 2)),
        case("momentum=None, batches of 9, 4 and 6", (9, 3), (4, 3), (6, 3), momentum=None),
        case("momentum=None, after 6 batches before", *images, momentum=None, loaded=6),
        case("momentum 0, after 2 batches before", (7, 3), momentum=0.0, loaded=2),
        case("volumes, affine=False", (2, 3, 2, 3, 2), (3, 3, 1, 2, 2), affine=False),
        case("track_running_stats=False", (6, 5), (3, 5, 2), track_running_stats=False),
        case("small values, std 0.01", (9, 4), scale=1e-2, loaded=3),
        case("large offset, mean 1000", (5, 3, 2, 3), scale=0.1, offset=1e3),
        refusal("a batch of one, (1, 4)", (1, 4), True),
        refusal("a batch of one, (1, 3, 1, 1), momentum=None", (1, 3, 1, 1), True, momentum=None),
        refusal(
            "a batch of one in eval mode, no running statistics",
            (1, 4),
            False,
            affine=False,
            track_running_stats=False,
        ),
    ]


def _condition_and_sizes(inputs) -> tuple[float, dict[str, float]]:
    """How much a rounding grows, and what errors of vanishing outputs are measured against."""
    eps = inputs["options"].get("eps", 1e-5)
    axes = [(0, *range(2, x.ndim)) for x in inputs["batches"]]
    condition = max(
        condition_number(x, a, eps) for x, a in zip(inputs["batches"], axes, strict=True)
    )
    x, dy, over = inputs["batches"][STEPS - 1], inputs["dys"][STEPS - 1], axes[STEPS - 1]
    inv_std = 1 / np.sqrt(x.astype(float).var(over).min() + eps)
    total = float(np.abs(dy).sum(over).max())
    dx = float(np.abs(dy).max() * np.abs(inputs["state"]["weight"]).max() * inv_std)
    return condition, {"dx": dx, "dweight": total, "dbias": total}


def call(BatchNorm, options, **inputs):
    some = inputs["x"] if "x" in inputs else inputs["batches"][0]
    like = _pytorch(some, options)
    with refusing(NORMALISERS, INSTEAD):
        layer = made(BatchNorm, some.shape[1], options)
        if "x" in inputs:
            return refused(layer, **inputs)
        outputs = state_of(layer, "of a new layer")
        if some.dtype == np.float64:
            layer.double()
        same_form(layer, like)
        _fill(like, inputs["state"])
        layer.load_state_dict(like.state_dict(), strict=True)
        return outputs | _trained(layer, like, inputs["batches"], inputs["dys"])


def _trained(layer, like, batches, dys):
    """Training steps, then eval mode; `like` has the form that the layer must keep."""
    *first, last, asked = zip(batches, dys, strict=True)
    outputs = {}
    for x, _ in first:
        with torch.no_grad():
            outputs["y in training mode, under no_grad"] = output(layer, x)[0]
    y, grads = output(layer, *last)
    outputs |= {"y": y} | grads | state_of(layer)
    same_form(layer, like)
    layer.eval()
    y, grads = output(layer, *asked)
    outputs |= {"y in eval mode": y, "dx in eval mode": grads["dx"]}
    return outputs | state_of(layer, "after eval mode")


def _pytorch(x: np.ndarray, options: Mapping[str, Any]) -> nn.Module:
    """PyTorch's module for x, of its dtype."""
    make = {4: nn.BatchNorm2d, 5: nn.BatchNorm3d}.get(x.ndim, nn.BatchNorm1d)
    return make(x.shape[1], **options, dtype=torch.from_numpy(x).dtype)


def _fill(module: nn.Module, state: Mapping[str, np.ndarray]) -> None:
    for name, tensor in module.state_dict().items():
        if name in state:
            tensor.copy_(torch.from_numpy(np.asarray(state[name])))


def reference(options, **inputs):
    if "x" in inputs:
        return refused(_pytorch(inputs["x"], options), **inputs)
    batches, dys = ([a.astype("f8") for a in inputs[key]] for key in ("batches", "dys"))
    layer = _pytorch(batches[0], options)
    outputs = state_of(layer, "of a new layer")
    _fill(layer, inputs["state"])
    return outputs | _trained(layer, layer, batches, dys)


def describe(inputs: Mapping[str, Any]) -> str:
    """BatchNorm(5, momentum=None); float32; 3 training batches of shapes (8, 5), …"""
    options = inputs["options"]
    if "batches" not in inputs:
        features = inputs["x"].shape[1]
        modes = "training mode, then in eval mode" if inputs["training"] else "eval mode"
        what = f"x of shape {inputs['x'].shape} in {modes}"
    else:
        *shapes, asked = [x.shape for x in inputs["batches"]]
        features, dtype = asked[1], inputs["batches"][0].dtype
        what = f"{dtype}; trained on batches of shapes {', '.join(map(str, shapes))}, then eval"
    arguments = ", ".join([str(features), *(f"{k}={v}" for k, v in options.items())])
    return f"BatchNorm({arguments}); {what}"


EXERCISE = Exercise(
    id="4.1",
    title="A module like PyTorch's",
    answers=("BatchNorm",),
    shows="BatchNorm(num_features, eps, momentum, affine, track_running_stats), trained, "
    "then in eval mode",
    minutes=45,
    difficulty="demanding",
    points=6,
    read="Chapter 4.1, section “The module”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
