"""6.6 Folds a batch norm into the convolution in front of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from autograder.spec import Case, Exercise
from autograder.specs.ex6_6.answers import RIGHT_WAYS
from autograder.specs.ex6_6.form_mistakes import MISTAKES
from autograder.specs.ex6_6.layers import fused, made, refused


def cases(rng: np.random.Generator) -> list[Case]:
    def signed(shape, low, high):
        return rng.choice([-1, 1], shape) * rng.uniform(low, high, shape)

    def inputs(kind, c_in, c_out, size, options, norm=None, dtype="f4", var=(0.3, 3.0)):
        """Weights, statistics and images: none near 0, where leaving it out would not show."""
        options, norm = {"kernel_size": 3} | options, norm or {}
        transposed, groups = "Transpose" in kind, options.get("groups", 1)
        front = (c_in, c_out // groups) if transposed else (c_out, c_in // groups)
        spatial = (options["kernel_size"],) * len(size)
        conv = dict(weight=signed((*front, *spatial), 0.2, 1.0))
        if options.get("bias", True):
            conv["bias"] = signed(c_out, 0.5, 1.5)
        bn = {}
        if norm.get("track_running_stats", True):
            bn = dict(running_mean=signed(c_out, 0.5, 2.0), running_var=rng.uniform(*var, c_out))
        if norm.get("affine", True):
            bn["weight"] = signed(c_out, 0.5, 2.0)
            if norm.get("bias", True):
                bn["bias"] = signed(c_out, 0.5, 2.0)
        conv, bn = ({k: v.astype(dtype) for k, v in d.items()} for d in (conv, bn))
        x = rng.normal(size=(2, c_in, *size)).astype(dtype)
        layers = dict(kind=kind, c_in=c_in, c_out=c_out, options=options, norm=norm)
        return layers | dict(conv=conv, bn=bn, modes=(False, False), x=x)

    def case(name, *arguments, modes=(False, False), **more):
        given = inputs(*arguments, **more) | dict(modes=modes)
        return Case(name, given, *_condition_and_sizes(given))

    def refusal(name, training, *arguments, **more):
        return Case(name, inputs(*arguments, **more) | dict(modes=(training, training)))

    image, wide = (5, 4), (9, 8)
    slim = dict(norm=dict(eps=1e-3), var=(1e-4, 1e-3))
    return [
        case("a bias, padding 1", "Conv2d", 3, 5, image, dict(padding=1)),
        case(
            "no bias, stride 2, dilation 2",
            *("Conv2d", 3, 5, wide, dict(bias=False, stride=2, dilation=2, padding=2)),
        ),
        case("as many channels out as in", "Conv2d", 4, 4, image, dict(padding=1)),
        case("two groups", "Conv2d", 4, 6, image, dict(groups=2)),
        case(
            "depthwise, circular padding",
            *("Conv2d", 4, 4, image, dict(groups=4, padding=1, padding_mode="circular")),
        ),
        case("small variances, eps 0.001", "Conv2d", 2, 3, image, {}, **slim),
        case(
            "a sequence, padding='same', zeros",
            *("Conv1d", 3, 4, (7,), dict(padding="same", kernel_size=3)),
        ),
        case(
            "a volume, float64, reflected padding",
            *("Conv3d", 2, 3, (4, 3, 5), dict(padding=1, padding_mode="reflect")),
            dtype="f8",
        ),
        case(
            "transposed, stride 2, output padding 1",
            *("ConvTranspose2d", 3, 5, image, dict(stride=2, padding=1, output_padding=1)),
        ),
        case("transposed, as many channels out as in", "ConvTranspose2d", 4, 4, image, {}),
        case("transposed, two groups", "ConvTranspose2d", 4, 6, image, dict(groups=2)),
        case("affine=False", "Conv2d", 3, 4, image, {}, norm=dict(affine=False)),
        case(
            "batch norm with γ and no β",
            *("Conv2d", 3, 4, image, dict(bias=False)),
            norm=dict(bias=False),
        ),
        case(
            "the convolution in training mode, the batch norm not",
            *("Conv2d", 3, 4, image, {}),
            modes=(True, False),
        ),
        refusal("a batch norm in training mode", True, "Conv2d", 3, 4, image, {}),
        refusal(
            "a batch norm without running statistics",
            *(False, "Conv2d", 3, 4, image, {}),
            norm=dict(track_running_stats=False),
        ),
    ]


def _condition_and_sizes(inputs) -> tuple[float, dict[str, float]]:
    """How much roundings of the products grow in their sum, and what errors of the bias are
    measured against: the sum of the sizes of its terms."""
    a, shift, size = _scale_and_shift(inputs)
    conv, _ = made(**(inputs | dict(conv={k: np.abs(v) for k, v in inputs["conv"].items()})))
    with torch.no_grad():
        sums = conv.double()(torch.from_numpy(np.abs(inputs["x"])).double()).numpy()
    column = (-1, *[1] * (sums.ndim - 2))
    most = (np.abs(a).reshape(column) * sums + np.abs(shift).reshape(column)).max()
    y = reference(**inputs)["y"]
    return max(1.0, float(most / np.abs(y).max())), {"bias": float(size.max())}


def _scale_and_shift(inputs) -> tuple[np.ndarray, ...]:
    """a and b of BN(z) = a·z + b, and the size of the terms of the new bias; (C,), float64."""
    bn = {name: value.astype("f8") for name, value in inputs["bn"].items()}
    eps = inputs["norm"].get("eps", 1e-5)
    a = bn.get("weight", 1.0) / np.sqrt(bn["running_var"] + eps)
    beta, mean = bn.get("bias", 0.0), bn["running_mean"]
    first = inputs["conv"].get("bias", np.zeros_like(mean)).astype("f8")
    size = np.abs(beta) + np.abs(a) * (np.abs(mean) + np.abs(first))
    return a, beta - a * mean, size


def call(fuse_conv_bn, x, **given):
    conv, bn = made(x=x, **given)
    if bn.training or not bn.track_running_stats:
        return refused(fuse_conv_bn, conv, bn)
    return fused(fuse_conv_bn, conv, bn, torch.from_numpy(x))


def reference(**inputs):
    conv, bn = made(**inputs)
    if bn.training or not bn.track_running_stats:
        return {"refusals": 1}
    a, b, _ = _scale_and_shift(inputs)
    weight = inputs["conv"]["weight"].astype("f8")
    groups, per_group = conv.groups, conv.out_channels // conv.groups
    for channel in range(conv.out_channels):
        if "Transpose" in inputs["kind"]:  # (C_in, C_out / groups, …), a block of rows per group
            group, column = divmod(channel, per_group)
            rows = conv.in_channels // groups
            weight[group * rows : (group + 1) * rows, column] *= a[channel]
        else:
            weight[channel] *= a[channel]
    bias = b + a * inputs["conv"].get("bias", np.zeros_like(b))
    with torch.no_grad():
        y = bn.double()(conv.double()(torch.from_numpy(inputs["x"]).double()))
    return {"weight": weight, "bias": bias, "y": y.numpy()}


def describe(inputs: Mapping[str, Any]) -> str:
    """Conv2d(3, 5, kernel_size=3, padding=1), BatchNorm2d(5); x: float32 (2, 3, 5, 4)"""
    _, bn = made(**inputs)
    options = ", ".join(f"{name}={value!r}" for name, value in inputs["options"].items())
    norm = ", ".join([f"{inputs['c_out']}", *(f"{k}={v!r}" for k, v in inputs["norm"].items())])
    x, mode = inputs["x"], "training" if bn.training else "eval"
    return (
        f"{inputs['kind']}({inputs['c_in']}, {inputs['c_out']}, {options}), "
        f"{type(bn).__name__}({norm}) in {mode} mode; x: {x.dtype} {x.shape}"
    )


EXERCISE = Exercise(
    id="6.6",
    title="Fold a batch norm into its convolution",
    answers=("fuse_conv_bn",),
    shows="fuse_conv_bn(conv, bn)(x)",
    minutes=30,
    difficulty="moderate",
    points=4,
    read="Chapter 6.4, section “Folding”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
