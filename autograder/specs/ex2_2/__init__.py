"""2.2 Running statistics and eval mode."""

from __future__ import annotations

import copy

import numpy as np
import torch

from autograder.spec import (
    AnswerError,
    Case,
    Exercise,
    attribute,
    condition_number,
)
from autograder.specs.ex2_2.answers import RIGHT_WAYS
from autograder.specs.ex2_2.mistakes import MISTAKES


def cases(rng: np.random.Generator) -> list[Case]:
    def draw(n, d, scale, offset, dtype):
        # Every batch has its own centre and width, so that their order counts.
        centre, width = rng.normal(size=d), rng.uniform(0.5, 2, size=d)
        return (offset + scale * (centre + width * rng.normal(size=(n, d)))).astype(dtype)

    def case(name, sizes, d, momentum, scale=1.0, offset=0.0, eps=1e-5, dtype=np.float64, n=5):
        batches = [draw(size, d, scale, offset, dtype) for size in sizes]
        inputs = {f"batch_{i}": batch for i, batch in enumerate(batches, 1)}
        inputs |= dict(
            x=draw(n, d, scale, offset, dtype),
            gamma=(rng.normal(size=d) + 0.5).astype(dtype),
            beta=rng.normal(size=d).astype(dtype),
            momentum=momentum,
            eps=eps,
        )
        condition = max(condition_number(b) for b in batches if len(b) > 1)
        size = momentum * max(float(np.abs(b).max()) for b in batches)
        return Case(name, inputs, condition, {f"running_mean {when}": size for when in MOMENTS})

    return [
        case("three ragged batches, 5 features", (16, 7, 11), 5, 0.1),
        case("square batches, 6 × 6", (6, 6, 6), 6, round(rng.uniform(0.2, 0.4), 2), n=6),
        case("one feature, D = 1", (9, 4, 6), 1, 0.1),
        case("two samples a batch, m = 2", (2, 2, 2), 4, round(rng.uniform(0.6, 0.8), 2), n=2),
        case("small values, std 0.01, momentum 0.9", (12, 9, 14), 7, 0.9, scale=1e-2),
        case("large offset, mean 1000", (20, 15, 8), 3, 0.1, offset=1e3),
        case("float32 input, eps 0.1", (33, 20, 9), 8, 0.3, eps=0.1, dtype=np.float32),
        case("a batch of one, in training and in eval", (8, 1, 5), 3, 0.2, n=1),
    ]


MOMENTS = ("at the start", "after update 1", "after update 3", "after normalize")


def call(RunningStatistics, batch_1, batch_2, batch_3, x, gamma, beta, momentum, eps):
    statistics = RunningStatistics(x.shape[1], momentum=momentum)
    refused, outputs = 0, {}

    def note(when):
        for name in ("running_mean", "running_var"):
            value = attribute(statistics, name, "The object")
            outputs[f"{name} {when}"] = copy.deepcopy(value)

    note("at the start")
    for number, batch in enumerate((batch_1, batch_2, batch_3), 1):
        try:
            statistics.update(batch)
        except ValueError:
            if len(batch) > 1:
                raise
            refused += 1
        if number != 2:
            note(f"after update {number}")
    outputs["y"] = _normalized(statistics, x, gamma, beta, eps)
    outputs["y of a second call"] = _normalized(statistics, x, gamma, beta, eps)
    note("after normalize")
    return {"batches of one refused": refused} | outputs


def _normalized(statistics, x, gamma, beta, eps):
    try:
        return copy.deepcopy(statistics.normalize(x, gamma, beta, eps))
    except ValueError as error:
        if len(x) > 1:
            raise
        raise AnswerError(
            "`normalize` raised ValueError for a batch of one sample. In eval mode one sample is "
            "enough: the statistics are the running ones."
        ) from error


def reference(batch_1, batch_2, batch_3, x, gamma, beta, momentum, eps):
    layer = torch.nn.BatchNorm1d(x.shape[1], eps=eps, momentum=momentum, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(gamma))
        layer.bias.copy_(torch.from_numpy(beta))
    refused, outputs = 0, {}

    def note(when):
        for name in ("running_mean", "running_var"):
            outputs[f"{name} {when}"] = getattr(layer, name).numpy().copy()

    note("at the start")
    for number, batch in enumerate((batch_1, batch_2, batch_3), 1):
        try:
            layer.train()(torch.from_numpy(batch).double())
        except ValueError:  # PyTorch refuses one value per channel
            refused += 1
        if number != 2:
            note(f"after update {number}")
    y = layer.eval()(torch.from_numpy(x).double()).detach().numpy()
    note("after normalize")
    y_twice = {"y": y, "y of a second call": y}
    return {"batches of one refused": refused} | outputs | y_twice


EXERCISE = Exercise(
    id="2.2",
    title="Running statistics and eval mode",
    answers=("RunningStatistics",),
    shows="statistics.update(batch); y = statistics.normalize(x, gamma, beta, eps)",
    minutes=20,
    difficulty="moderate",
    points=4,
    read="Chapter 2.1, section “Running statistics and eval mode”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
