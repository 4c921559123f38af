"""1.3: wrong and right weights and steps."""

from __future__ import annotations

import math

import numpy as np

from autograder.spec import Mistake


def _weights(momentum, steps):
    ages = np.arange(steps)[::-1]  # 0 for the newest batch, last in the array
    return np.append((1 - momentum) ** steps, momentum * (1 - momentum) ** ages)


def _exact(momentum, share):
    """The real number of steps after which the weight of the start equals `share`."""
    return math.log(share) / math.log(1 - momentum)


def _steps(momentum, share):
    return math.ceil(_exact(momentum, share))


def _start_like_a_batch(momentum, steps):
    return momentum * (1 - momentum) ** np.arange(steps + 1)[::-1]


def _one_too_old(momentum, steps):
    weights = _weights(momentum, steps)
    weights[1:] *= 1 - momentum
    return weights


def _start_too_young(momentum, steps):
    weights = _weights(momentum, steps)
    weights[0] /= 1 - momentum
    return weights


def _first_batch_is_start(momentum, steps):
    if steps == 0:
        return np.ones(1)
    return np.append(0.0, _weights(momentum, steps - 1))


def _normalised(momentum, steps):
    weights = _weights(momentum, steps)
    weights[0] = 0
    return weights / (1 - (1 - momentum) ** steps)


def _no_decay(momentum, steps):
    return np.append(1 - momentum * steps, np.full(steps, momentum))


MISTAKES = (
    Mistake(
        "momentum reversed",
        "momentum and 1 − momentum have changed places. In this course, as in PyTorch, momentum is the weight "
        "of the new batch: running = (1 − momentum)·running + momentum·batch. Keras counts the other way.",
        (lambda p, n: _weights(1 - p, n), lambda p, share: _steps(1 - p, share)),
    ),
    Mistake(
        "newest first",
        "The weights are right, but in reverse order. The start comes first and the newest batch last.",
        (lambda p, n: _weights(p, n)[::-1], _steps),
    ),
    Mistake(
        "newest batch after the start",
        "The start comes first, but the batches follow in reverse order. "
        "Batch 1 is the oldest and weighs least; the last entry is the newest batch, with weight momentum.",
        (lambda p, n: np.append((1 - p) ** n, p * (1 - p) ** np.arange(n)), _steps),
    ),
    Mistake(
        "start weighted like a batch",
        "The start has the factor momentum, as if it were a batch. It came in with weight 1, "
        "so after n updates (1 − momentum)ⁿ is left. A check: all weights add up to 1.",
        (_start_like_a_batch, _steps),
    ),
    Mistake(
        "start last",
        "The start comes last. Return the start first, then batch 1, and the newest batch last.",
        (lambda p, n: np.roll(_weights(p, n), -1), _steps),
    ),
    Mistake(
        "start left out",
        "The weight of the start is missing. Return steps + 1 weights: the start first, then one per batch.",
        (lambda p, n: _weights(p, n)[1:], _steps),
    ),
    Mistake(
        "batches one update too old",
        "The batches are faded once too often: the newest has only just come in, with weight momentum and "
        "exponent 0. Batch t has been faded by the steps − t updates after it.",
        (_one_too_old, _steps),
    ),
    Mistake(
        "factor momentum missing",
        "The batches lack the factor momentum: each comes in with weight momentum, and is faded from there. A check: all weights add up to 1.",
        (lambda p, n: _weights(p, n) / np.append(1, np.full(n, p)), _steps),
    ),
    Mistake(
        "start given weight 0",
        "The start has weight 0. A start of 0 adds nothing, but its weight is not 0, and running_var starts at 1: (1 − momentum)ⁿ is left of it.",
        (lambda p, n: _weights(p, n) * (np.arange(n + 1) > 0), _steps),
    ),
    Mistake(
        "start not faded",
        "The start keeps weight 1. Every update multiplies it by 1 − momentum, like everything older than the newest batch.",
        (lambda p, n: np.append(1.0, _weights(p, n)[1:]), _steps),
    ),
    Mistake(
        "start one update too young",
        "The start is faded once too seldom. Every update fades it, the first one included: (1 − momentum)ⁿ after n updates.",
        (_start_too_young, _steps),
    ),
    Mistake(
        "start one update too old",
        "The start is faded once too often: n updates multiply it n times, (1 − momentum)ⁿ.",
        (lambda p, n: _weights(p, n) * np.append(1 - p, np.ones(n)), _steps),
    ),
    Mistake(
        "momentum fixed at 0.1",
        "momentum = 0.1 is written into the formula. Use the argument momentum.",
        (lambda p, n: _weights(0.1, n), lambda p, share: _steps(0.1, share)),
    ),
    Mistake(
        "exponential in place of a power",
        "An update is taken to multiply by exp(−momentum). It multiplies by 1 − momentum, which is nearly that only for small momentum.",
        (
            lambda p, n: (
                _weights(1 - math.exp(-p), n) * np.append(1, np.full(n, p / (1 - math.exp(-p))))
            ),
            lambda p, share: math.ceil(-math.log(share) / p),
        ),
    ),
    Mistake(
        "first batch taken as the start",
        "The running statistic begins as the first batch. It begins at its start value (0 or 1), "
        "and the first batch comes in with weight momentum like every other.",
        (_first_batch_is_start, _steps),
    ),
    Mistake(
        "start's bias corrected",
        "The weights of the batches are divided by their sum, and the start has none. That is Adam's bias correction; "
        "batch norm's running statistic keeps what is left of its start.",
        (_normalised, _steps),
    ),
    Mistake(
        "plain average",
        "All weights are equal, as in a plain average. A running statistic forgets: "
        "each update multiplies every older weight by 1 − momentum.",
        (lambda p, n: np.full(n + 1, 1 / (n + 1)), _steps),
    ),
    Mistake(
        "old batches not faded",
        "Every batch keeps weight momentum. Each later update multiplies it by 1 − momentum.",
        (_no_decay, lambda p, share: math.ceil((1 - share) / p)),
    ),
    Mistake(
        "one step too few",
        "steps_to_forget is one too small, as when the logarithm is rounded down: "
        "after that many updates the weight of the start is not below the share yet. Round up.",
        (_weights, lambda p, share: _steps(p, share) - 1),
    ),
    Mistake(
        "one step too many",
        "steps_to_forget is one too large: the update before already brings the weight of the start below the share.",
        (_weights, lambda p, share: _steps(p, share) + 1),
    ),
    Mistake(
        "steps not rounded",
        "steps_to_forget is a fraction. Updates come whole: give the smallest whole number that is enough.",
        (_weights, _exact),
    ),
    Mistake(
        "rounded to the nearest",
        "steps_to_forget is rounded to the nearest whole number, which is one too few when that is downwards. Round up.",
        (_weights, lambda p, share: round(_exact(p, share))),
    ),
    Mistake(
        "one over momentum",
        "steps_to_forget is 1/momentum, whatever the share. That is about the mean age of what it remembers; "
        "the start is forgotten when (1 − momentum)ⁿ < share.",
        (_weights, lambda p, share: math.ceil(1 / p)),
    ),
    Mistake(
        "first batch instead of the start",
        "steps_to_forget waits for the first batch to weigh less than the share. The question is about the start, "
        "which has no factor momentum: (1 − momentum)ⁿ < share.",
        (_weights, lambda p, share: max(1, math.ceil(_exact(p, share / p)) + 1)),
    ),
    Mistake(
        "share of the batches",
        "steps_to_forget stops when the batches together weigh more than the share. "
        "It is the start that must weigh less: (1 − momentum)ⁿ < share, not 1 − (1 − momentum)ⁿ > share.",
        (_weights, lambda p, share: _steps(p, 1 - share)),
    ),
)


def _simulated(momentum, steps):
    weights = np.zeros(steps + 1)
    weights[0] = 1
    for t in range(1, steps + 1):
        weights *= 1 - momentum
        weights[t] += momentum
    return weights


def _counted(momentum, share):
    weight, count = 1.0, 0
    while weight >= share:
        weight *= 1 - momentum
        count += 1
    return count


def _float32_weights(momentum, steps):
    keep = np.full(steps + 1, 1 - momentum, np.float32)
    keep[0] = 1
    weights = np.full(steps + 1, momentum, np.float32)
    weights[-1] = 1  # newest first here, so the start is last
    return (np.cumprod(keep, dtype=np.float32) * weights)[::-1]


def _by_log1p(momentum, share):
    return np.floor(np.log(share) / np.log1p(-momentum)) + 1


def _listed(momentum, steps):
    batches = [momentum * (1 - momentum) ** (steps - t) for t in range(1, steps + 1)]
    return [1 - sum(batches), *batches]


def _searched(momentum, share):
    weights = (1 - momentum) ** np.arange(2000)
    return int(np.argmax(weights < share))


RIGHT_WAYS = {
    "simulated and counted": (_simulated, _counted),
    "float32 products, logarithms": (_float32_weights, _by_log1p),
    "lists, the start as the rest": (_listed, _searched),
}
