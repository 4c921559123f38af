"""6.7 A checkpoint-safe batch norm."""

from __future__ import annotations

import numpy as np
from torch import nn

from autograder.spec import Case, Exercise, condition_number
from autograder.specs.ex6_7.answers import RIGHT_WAYS
from autograder.specs.ex6_7.mistakes import MISTAKES
from autograder.specs.ex6_7.programs import made, trained, warm

FEW, WAYS = "checkpoint", ("checkpoint", "reentrant checkpoint")


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, layout, way, course="step by step", scale=1.0, **options):
        n, c = (int(k) for k in rng.integers(2, 5, 2))
        shape = (n, c, 2, 3)
        std, mean = rng.uniform(0.7, 1.4, (2, 3, 1, c, 1, 1))
        xs = [scale * (m + s * rng.normal(size=shape)) for m, s in zip(mean, std, strict=True)]
        state = dict(
            weight=rng.uniform(0.5, 2, c),
            bias=rng.normal(size=c),
            running_mean=rng.normal(size=c),
            running_var=rng.uniform(0.5, 2, c),
        )
        inputs = dict(
            layout=layout,
            way=way,
            course=course,
            options=options,
            conv=(np.eye(c) + 0.3 * rng.normal(size=(c, c))).astype("f4"),
            xs=[x.astype("f4") for x in xs],
            dys=[rng.normal(size=shape).astype("f4") for _ in xs],
            state={k: v.astype("f4") for k, v in state.items()}
            | {"num_batches_tracked": np.array(2)},
        )
        return Case(name, inputs, *_condition_and_sizes(inputs))

    once, reentrant = WAYS
    both = "all forward passes first"
    return [
        case("no checkpointing", "middle", "kept"),
        case("checkpointed with its neighbours", "middle", once),
        case("reentrant checkpointing", "middle", reentrant),
        case("checkpointed alone", "alone", once, momentum=0.3),
        case("the last layer of its segment", "last", once),
        case("momentum=None", "middle", once, momentum=None),
        case("momentum=None, reentrant, the last layer", "last", reentrant, momentum=None),
        case("three forward passes before backward", "middle", once, both),
        case("three forward passes before backward, reentrant", "middle", reentrant, both),
        case("the same batch three times", "middle", once, "the same batch three times"),
        case("no checkpointing, the same batch three times", "alone", "kept",
             "the same batch three times"),
        case("statistics under no_grad()", "middle", once, "statistics measured without gradients"),
        case("frozen in eval mode", "middle", once, "frozen in eval mode"),
        case("frozen, then trained, reentrant", "last", reentrant, "frozen, then trained"),
        case("backward twice over one graph", "middle", once, "backward twice"),
        case("used twice in its segment", "twice", once),
        case("a checkpoint inside a checkpoint", "nested", once),
        case("behind dropout, eps 0.1", "dropout", once, eps=0.1),
        case("affine=False", "middle", once, affine=False),
        case("track_running_stats=False", "middle", once, track_running_stats=False),
    ]  # fmt: skip


def _condition_and_sizes(inputs):
    """How much a rounding grows, and what errors of vanishing outputs are measured against.

    Two layers in a row, einsum and ReLU stand before the output: eight times a layer's own.
    """
    eps = inputs["options"].get("eps", 1e-5)
    condition = 8 * max(condition_number(x, (0, 2, 3), eps) for x in inputs["xs"])
    total = float(sum(np.abs(dy).sum((0, 2, 3)).max() for dy in inputs["dys"]))
    inv_std = max(1 / float(np.sqrt(x.var((0, 2, 3)).min() + eps)) for x in inputs["xs"])
    gamma = 1.0 if "affine" in inputs["options"] else float(inputs["state"]["weight"].max())
    dx = float(max(np.abs(dy).max() for dy in inputs["dys"])) * gamma * inv_std
    return condition, {"dx": dx, "gradients": total}


def call(SafeBatchNorm, options, state, **inputs):
    return trained(made(SafeBatchNorm, options, state), **inputs)


def reference(way, options, state, **inputs):
    """PyTorch's layer without checkpointing."""
    warm()
    layer = made(nn.BatchNorm2d, options, state)
    return trained(layer, way="kept", **inputs)


def describe(inputs):
    """SafeBatchNorm(3, momentum=None), 3 batches (2, 3, 2, 3); step by step"""
    channels = str(len(inputs["conv"]))
    arguments = ", ".join([channels, *(f"{k}={v}" for k, v in inputs["options"].items())])
    way = {"kept": "no checkpointing"}.get(inputs["way"], inputs["way"])
    shape = inputs["xs"][0].shape
    return f"SafeBatchNorm({arguments}), {way}, {inputs['course']}; batches of shape {shape}"


EXERCISE = Exercise(
    id="6.7",
    title="A checkpoint-safe batch norm",
    answers=("SafeBatchNorm",),
    shows="SafeBatchNorm(num_features, …) in a segment, checkpoint(segment, x), backward",
    minutes=30,
    difficulty="demanding",
    points=5,
    read="Chapter 6.3, section “Two forward passes”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
