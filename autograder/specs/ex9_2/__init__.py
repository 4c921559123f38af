"""9.2 What momentum predicts: the running mean after a shift, its noise, and how long it takes."""

from __future__ import annotations

import numpy as np
import torch

from autograder.spec import Case, Exercise, returned
from autograder.specs.ex9_2.answers import RIGHT_WAYS
from autograder.specs.ex9_2.mistakes import MISTAKES

EXPECTED, SPREAD, STEPS = "expected running mean", "its deviation", "steps_to_recover"


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, momentum, seen, steps, share):
        before = float(rng.choice([-1, 1]) * rng.uniform(0.5, 3))
        after = before + float(rng.choice([-1, 1]) * rng.uniform(2, 5))
        noise = float(rng.uniform(0.2, 0.7))
        inputs = dict(momentum=momentum, seen=seen, steps=steps, before=before, after=after)
        sizes = {EXPECTED: abs(before) + abs(after), SPREAD: 1e-3}
        return Case(name, inputs | dict(noise=noise, share=share), scale=sizes)

    def between(momentum, k, early=False):
        """A share that is crossed well inside step k, early or late in it."""
        return float((1 - momentum) ** (k - (rng.uniform(0.6, 0.8) if early else 0.35)))

    def drawn(low, high):
        return round(float(rng.uniform(low, high)), 3)

    few, m, large = int(rng.integers(2, 6)), drawn(0.05, 0.2), drawn(0.6, 0.9)
    seen = int(rng.integers(20, 60))
    return [
        case("the default, long settled", 0.1, 400, 12, between(0.1, 22, early=True)),
        case("a layer that has seen few batches", m, few, 4, between(m, 9)),
        case("no shifted batch yet", m, 7, 0, between(m, 6, early=True)),
        case("large momentum", large, 30, 3, between(large, 4)),
        case(
            "small momentum", 0.01, 220, 60, between(0.01, int(rng.integers(100, 200)), early=True)
        ),
        case("momentum 1: the last batch alone", 1.0, 20, 2, 0.05),
        case("momentum 0: frozen", 0.0, 20, 5, 0.1),
        case("half is left, exactly", 0.5, 9, 4, 0.125),
        case("momentum=None", None, seen, 15, seen / (seen + int(rng.integers(3, 9)) * 11 + 0.4)),
        case("momentum=None, a quarter is left, exactly", None, 12, 30, 0.25),
    ]


def call(predict, steps_to_recover, momentum, seen, steps, before, after, noise, share):
    # One function may be checked before the other is written.
    outputs, unwritten = {EXPECTED: None, SPREAD: None, STEPS: None}, []
    try:
        found = predict(momentum, seen, steps, before, after, noise)
        outputs[EXPECTED], outputs[SPREAD] = returned(found, ("mean", "deviation"), "`predict`")
    except NotImplementedError as error:
        unwritten.append(error)
    try:
        outputs[STEPS] = _whole(steps_to_recover(momentum, seen, share))
    except NotImplementedError as error:
        unwritten.append(error)
    if len(unwritten) == 2:
        raise unwritten[0]
    return outputs


def _whole(steps):
    """As a whole number, with −1 for never: 3.0 and np.int64(3) are 3; None stays None."""
    if isinstance(steps, (int, float, np.integer, np.floating)) and not isinstance(steps, bool):
        if np.isinf(steps):
            return -1
        return int(steps) if float(steps).is_integer() else float(steps)
    return steps


def reference(momentum, seen, steps, before, after, noise, share):
    """PyTorch's own running mean of a feature per batch gives the weights."""
    n = seen + steps
    one_hot = torch.eye(n, dtype=torch.float64)
    layer = torch.nn.BatchNorm1d(n, momentum=momentum, affine=False, dtype=torch.float64)
    for batch in one_hot:  # feature k is 1 in batch k alone
        layer(batch.repeat(2, 1))
    weights = layer.running_mean.numpy()
    means = np.where(np.arange(n) < seen, before, after)
    left, k = 1.0, 0
    if momentum == 0:
        k = -1
    else:
        while left > share:
            k += 1
            left = left - left * momentum if momentum is not None else seen / (seen + k)
    return {
        EXPECTED: np.asarray((weights * means).sum()),
        SPREAD: np.asarray(noise * np.linalg.norm(weights)),
        STEPS: np.asarray(k),
    }


EXERCISE = Exercise(
    id="9.2",
    title="Checkpoint: what momentum predicts",
    answers=("predict", "steps_to_recover"),
    shows="predict(momentum, seen, steps, before, after, noise) and "
    "steps_to_recover(momentum, seen, share)",
    minutes=30,
    difficulty="moderate",
    points=4,
    read="Chapter 1.2, section “Running statistics”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
