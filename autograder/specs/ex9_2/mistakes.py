"""9.2 What momentum predicts: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import math

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex9_2.answers import RIGHT, Predicting, Recovering, predicts, recovers


def _reversed(momentum):
    return None if momentum is None else 1 - momentum


class _PredictReversed(Predicting):
    def weights(self, momentum, n):
        return super().weights(_reversed(momentum), n)


class _RecoverReversed(Recovering):
    def __call__(self, momentum, seen, share):
        return super().__call__(_reversed(momentum), seen, share)


def _newest_first(self, momentum, n):
    return Predicting.weights(self, momentum, n)[::-1]


def _start_forgotten(self, momentum, n):
    weights = Predicting.weights(self, momentum, n)
    return weights / weights.sum() if weights.sum() else weights


class _SettledBefore(Predicting):
    """Takes the running mean to be at `before` when the shift comes."""

    def __call__(self, momentum, seen, steps, before, after, noise):
        expected, spread = super().__call__(momentum, seen, steps, before, after, noise)
        if momentum is not None:
            expected = expected + (1 - momentum) ** (seen + steps) * before
        return expected, spread


class _OneStepMore(Predicting):
    def __call__(self, momentum, seen, steps, before, after, noise):
        return super().__call__(momentum, seen, steps + 1, before, after, noise)


class _NoneIsDefault(Predicting):
    def average(self, n):
        return self.weights(0.1, n)


class _NoneForgets(Predicting):
    """The average over the shifted batches alone."""

    def __call__(self, momentum, seen, steps, before, after, noise):
        if momentum is None and steps:
            return float(after), noise / math.sqrt(steps)
        return super().__call__(momentum, seen, steps, before, after, noise)


def _steady(self, weights, seen, steps, noise):
    """√(momentum/(2 − momentum)), which is where it ends."""
    if len(weights) and not np.allclose(weights, weights[0]):
        m = weights[-1]
        return float(noise * np.sqrt(m / (2 - m)))
    return Predicting.spread(self, weights, seen, steps, noise)


def _steps_of(rounded):
    def solved(self, momentum, share):
        if momentum == 1:
            return 1
        return rounded(math.log(share) / math.log(1 - momentum))

    return solved


def _strict(self, momentum, share):
    left, steps = 1.0, 0
    while left >= share:
        left, steps = left * (1 - momentum), steps + 1
    return steps


def _average_strict(self, seen, share):
    steps = 0
    while seen / (seen + steps) >= share:
        steps += 1
    return steps


def _of_the_new(self, momentum, share):
    """Until the shifted batches weigh `share`."""
    return Recovering.solved(self, momentum, 1 - share)


def _average_of_the_new(self, seen, share):
    return Recovering.average(self, seen, 1 - share)


MISTAKES = (
    Mistake(
        "momentum reversed in predict",
        "In `predict`, `momentum` is taken for the weight of the old value. In PyTorch it is the "
        "weight of the new batch.",
        (_PredictReversed(), RIGHT[1]),
    ),
    Mistake(
        "momentum reversed",
        "`momentum` is taken for the weight of the old value. In PyTorch it is the weight of the "
        "new batch: 0.1 keeps 0.9.",
        (_PredictReversed(), _RecoverReversed()),
    ),
    Mistake(
        "oldest batch weighs most",
        "The weights run the wrong way: the newest batch has weight `momentum`, and each older one "
        "a factor (1 − momentum) less.",
        predicts(weights=_newest_first),
    ),
    Mistake(
        "start left out",
        "The weights of the batches are scaled to sum 1. A layer starts with running mean 0, and "
        "the start keeps the weight (1 − momentum)ⁿ.",
        predicts(weights=_start_forgotten),
    ),
    Mistake(
        "settled before the shift",
        "The running mean is taken to be `before` when the shift comes. After `seen` batches it is "
        "on its way there from 0.",
        (_SettledBefore(), RIGHT[1]),
    ),
    Mistake(
        "one step too many",
        "The prediction is that after one more shifted batch.",
        (_OneStepMore(), RIGHT[1]),
    ),
    Mistake(
        "momentum None taken for 0.1",
        "`momentum=None` is taken for the default 0.1. It is the plain average over all batches: "
        "each weighs 1/n.",
        (_NoneIsDefault(), RIGHT[1]),
    ),
    Mistake(
        "average of the shifted batches alone",
        "With `momentum=None` only the shifted batches are averaged. The average goes on from the "
        "batches before the shift, unless someone resets it.",
        (_NoneForgets(), RIGHT[1]),
    ),
    Mistake(
        "weights not squared",
        "The noise is multiplied by the sum of the weights. Independent noise adds up in squares: "
        "√(Σ weight²).",
        predicts(spread=lambda self, weights, seen, steps, noise: float(noise * np.sum(weights))),
    ),
    Mistake(
        "variance for deviation",
        "The variance of the running mean is returned, or the root is forgotten.",
        predicts(
            spread=lambda self, weights, seen, steps, noise: float(noise**2 * np.sum(weights**2))
        ),
    ),
    Mistake(
        "noise not squared under the root",
        "√(noise · Σ weight²): the noise has to be squared, too, or stand before the root.",
        predicts(
            spread=lambda self, weights, seen, steps, noise: float(
                np.sqrt(noise * np.sum(weights**2))
            )
        ),
    ),
    Mistake(
        "noise of the shifted batches alone",
        "Only the noise of the shifted batches counts. Those before the shift have left theirs in "
        "the running mean, too.",
        predicts(
            spread=lambda self, weights, seen, steps, noise: float(
                noise * np.sqrt(np.sum(weights[seen:] ** 2))
            )
        ),
    ),
    Mistake(
        "noise of the last batch",
        "The noise is momentum · noise, what the newest batch brings. All batches before it bring "
        "some.",
        predicts(spread=lambda self, weights, seen, steps, noise: float(noise * weights[-1])),
    ),
    Mistake(
        "noise in the long run",
        "The noise is √(momentum/(2 − momentum)), as after very many batches. After few batches it "
        "is smaller.",
        predicts(spread=_steady),
    ),
    Mistake(
        "rounded down",
        "The number of steps is rounded down, so the share is not reached yet. Round up.",
        recovers(solved=_steps_of(math.floor)),
    ),
    Mistake(
        "rounded to the nearest",
        "The number of steps is rounded to the nearest. Round up: the first whole step at which "
        "the share is reached.",
        recovers(solved=_steps_of(round)),
    ),
    Mistake(
        "below in place of at most",
        "The steps are counted until what is left is *below* the share. At most the share is "
        "enough.",
        recovers(solved=_strict, average=_average_strict),
    ),
    Mistake(
        "share of the new batches",
        "The steps are counted until the shifted batches weigh `share`. It is what is left of all "
        "before the shift that has to come down to it.",
        recovers(solved=_of_the_new, average=_average_of_the_new),
    ),
    Mistake(
        "average recovers like 0.1",
        "With `momentum=None` the steps are those of momentum 0.1. An average over `seen` batches "
        "forgets them slowly: seen/(seen + k) is left after k.",
        recovers(average=lambda self, seen, share: Recovering.solved(self, 0.1, share)),
    ),
    Mistake(
        "average recovers at once",
        "With `momentum=None` the answer does not depend on `seen`. The longer a layer has been "
        "trained, the longer an average takes: seen/(seen + k) is left after k.",
        recovers(average=lambda self, seen, share: math.ceil((1 - share) / share)),
    ),
    Mistake(
        "momentum 0 recovers",
        "With `momentum` 0 a number of steps is returned. The statistics are frozen and never "
        "recover: math.inf.",
        recovers(never=lambda self: 0),
    ),
)
