"""1.3 Weights of past batches in a running statistic."""

from __future__ import annotations

import numpy as np
import torch

from autograder.spec import Case, Exercise
from autograder.specs.ex1_3.answers import MISTAKES, RIGHT_WAYS


def cases(rng: np.random.Generator) -> list[Case]:
    def drawn(low, high):
        return round(float(rng.uniform(low, high)), 3)

    def case(name, momentum, steps, forgotten, early=False):
        """`forgotten` is the right number of steps. The weight of the start crosses the share well
        inside that step, early or late in it: never where rounding would decide."""
        inside = drawn(0.2, 0.4) if early else drawn(0.6, 0.8)
        share = float(f"{(1 - momentum) ** (forgotten - 1 + inside):.4g}")
        return Case(name, dict(momentum=momentum, steps=steps, share=share))

    return [
        case("the default momentum, three updates", 0.1, 3, 22, early=True),
        case("one update", drawn(0.05, 0.35), 1, 4),
        case("no update yet", drawn(0.05, 0.35), 0, 5, early=True),
        case("eight updates", drawn(0.05, 0.35), 8, 7, early=True),
        case("forgotten in the first update", drawn(0.15, 0.35), 5, 1),
        case("large momentum", drawn(0.6, 0.9), 6, 3, early=True),
        case("small momentum, slow to forget", 0.01, 33, 200 + int(rng.integers(200))),
        case("60 updates", drawn(0.05, 0.15), 60, 11 + int(rng.integers(20)), early=True),
    ]


def call(running_weights, steps_to_forget, momentum, steps, share):
    # One function may be checked before the other is written.
    outputs, unwritten = {"weights": None, "steps_to_forget": None}, []
    for name, answer, inputs in (
        ("weights", running_weights, (momentum, steps)),
        ("steps_to_forget", steps_to_forget, (momentum, share)),
    ):
        try:
            outputs[name] = answer(*inputs)
        except NotImplementedError as error:
            unwritten.append(error)
    if len(unwritten) == len(outputs):
        raise unwritten[0]
    return outputs


def reference(momentum, steps, share):
    # PyTorch's own running mean of steps + 1 features. Feature 0 alone starts at 1 and
    # feature t alone is 1 in batch t, so that each ends as the weight of its batch.
    one_hot = torch.eye(steps + 1, dtype=torch.float64)
    running_mean, running_var = one_hot[0].clone(), torch.ones(steps + 1, dtype=torch.float64)
    for batch in one_hot[1:]:
        torch.nn.functional.batch_norm(
            batch.repeat(2, 1), running_mean, running_var, training=True, momentum=momentum
        )
    start, count = 1.0, 0
    while start >= share:
        start, count = start - momentum * start, count + 1
    return {"weights": running_mean.numpy(), "steps_to_forget": np.array(count)}


EXERCISE = Exercise(
    id="1.3",
    title="What a running statistic remembers",
    answers=("running_weights", "steps_to_forget"),
    shows="running_weights(momentum, steps) and steps_to_forget(momentum, share)",
    minutes=15,
    difficulty="moderate",
    points=4,
    read="Chapter 1.2, section “Running statistics”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
