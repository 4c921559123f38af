"""9.1 Whether a manipulation reaches batch norm's statistics at all."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autograder.spec import AnswerError, Case, Exercise, entry
from autograder.specs.ex9_1 import models
from autograder.specs.ex9_1.answers import RIGHT_WAYS
from autograder.specs.ex9_1.mistakes import MISTAKES

# Of 1: a manipulation that reaches a layer moves it by percents and more.
TOLERANCE_OF = 20.0


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, kind, manipulation, dropout=0.0, steps=4, size=12, like=None):
        before = like.inputs["before"] if like else models.batches(rng, kind, steps, size)
        after = manipulation(rng, before)
        seed = like.inputs["seed"] if like else int(rng.integers(1000))
        network = dict(kind=kind, seed=seed, dropout=dropout)
        names = [_reach_of(name) for name in _layers(models.build(**network))]
        inputs = network | dict(before=before, after=after)
        return Case(name, inputs, TOLERANCE_OF, dict.fromkeys(names, 1.0))

    brighter = case("x + b, brighter", "rows", models.brighter, steps=2)
    return [
        case("labels swapped, dropout inside", "rows", models.label_swap, dropout=0.5),
        case("labels swapped, convolutions", "images", models.label_swap, dropout=0.3),
        case("a·x + b", "images", models.affine),
        case("a·x + b, one layer frozen", "mixed", models.affine),
        brighter,
        # Network and stream are the same: what one moves most upwards, the other moves downwards.
        case("x + b, darker", "rows", models.darker, like=brighter),
        case("contrast about the mean", "rows", models.contrast_about_the_mean),
        case("noise added", "mixed", models.noise, steps=3),
        case("batches of one class", "rows", models.one_class, steps=6),
        case("the same batches in reverse", "images", models.other_batches),
    ]


def _layers(model: nn.Module) -> dict[str, nn.Module]:
    return {
        name: m
        for name, m in model.named_modules()
        if isinstance(m, _BatchNorm) and m.track_running_stats
    }


def _reach_of(name: str) -> str:
    return f"reach of layer {name}"


def call(reach, kind, seed, dropout, before, after):
    model = models.build(kind, seed, dropout)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    streams = [
        [(torch.from_numpy(x.copy()), torch.from_numpy(y.copy())) for x, y in stream]
        for stream in (before, after)
    ]
    ours = torch.get_rng_state()
    try:
        generator = torch.default_generator.manual_seed(seed).get_state()
        found = reach(model, *streams)
        drawn = not torch.equal(generator, torch.get_rng_state())
    finally:
        torch.set_rng_state(ours)
    outputs = {}
    for name in _layers(model):
        value = entry(found, name, "The result of `reach`")
        outputs[_reach_of(name)] = value.item() if isinstance(value, torch.Tensor) else value
    outputs["layers reported"] = len(found)
    left = model.state_dict()
    outputs["entries of the model's state that changed"] = sum(
        not torch.equal(value, left[name]) for name, value in state.items()
    )
    now = [m.training for m in model.modules()]
    outputs["modules whose mode changed"] = sum(a != b for a, b in zip(modes, now, strict=True))
    outputs["PyTorch's generator moved"] = int(drawn)
    for (x, y), (was, labels) in zip(chain(*streams), chain(before, after), strict=True):
        if not (np.array_equal(x.numpy(), was) and np.array_equal(y.numpy(), labels)):
            raise AnswerError("`reach` changed the batches. Whoever made them still needs them.")
    return outputs


def reference(kind, seed, dropout, before, after):
    """What enters each layer, caught by hooks, and averaged in NumPy in double precision."""
    seen = [_statistics(models.build(kind, seed, dropout), stream) for stream in (before, after)]
    outputs = {}
    for name, layer in _layers(models.build(kind, seed, dropout)).items():
        (mean_a, var_a), (mean_b, var_b) = (of[name] for of in seen)
        std_a, std_b = np.sqrt(var_a + layer.eps), np.sqrt(var_b + layer.eps)
        far = max(np.abs((mean_b - mean_a) / std_a).max(), np.abs(std_b / std_a - 1).max())
        outputs[_reach_of(name)] = far
    outputs["layers reported"] = len(outputs)
    quiet = (
        "entries of the model's state that changed",
        "modules whose mode changed",
        "PyTorch's generator moved",
    )
    return {name: np.asarray(v) for name, v in (outputs | dict.fromkeys(quiet, 0)).items()}


def _statistics(model: nn.Module, stream) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    layers, entered = _layers(model), {}
    for name, layer in layers.items():
        layer.register_forward_pre_hook(
            lambda m, inputs, name=name: entered.setdefault(name, []).append(inputs[0].numpy())
        )
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model.train()
        running = {
            n: [m.running_mean.numpy().astype("f8"), m.running_var.numpy().astype("f8")]
            for n, m in layers.items()
        }
        for x, _ in stream:
            model(torch.from_numpy(x))
    for name, values in entered.items():
        for count, x in enumerate(values, 1):
            rows = np.moveaxis(x.astype("f8"), 1, -1).reshape(-1, x.shape[1])
            share = layers[name].momentum
            share = 1 / count if share is None else share
            for k, new in enumerate((rows.mean(0), rows.var(0, ddof=1))):
                running[name][k] = (1 - share) * running[name][k] + share * new
    return {name: tuple(of) for name, of in running.items()}


def describe(inputs: Mapping[str, Any]) -> str:
    """A case in words."""
    what = {
        "rows": "linear layers with BatchNorm1d, in eval mode",
        "images": "convolutions in blocks with BatchNorm2d, in training mode",
        "mixed": "GroupNorm, BatchNorm1d without running statistics, frozen, and with eps 0.1",
    }
    x, _ = inputs["before"][0]
    dropout = f", dropout {inputs['dropout']:g}" if inputs["dropout"] else ""
    return f"{what[inputs['kind']]}{dropout}; two streams of {len(inputs['before'])} batches, x {x.shape} each"


EXERCISE = Exercise(
    id="9.1",
    title="Checkpoint: does it reach batch norm?",
    answers=("reach",),
    shows="reach(model, before, after)",
    minutes=35,
    difficulty="demanding",
    points=4,
    read="Chapter 4.1, section “The module”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
