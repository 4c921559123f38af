"""9.2 What momentum predicts: right answers."""

from __future__ import annotations

import math

import numpy as np


class Predicting:
    """Right in every step; mistakes replace one."""

    def __call__(self, momentum, seen, steps, before, after, noise):
        weights = self.weights(momentum, seen + steps)
        means = self.means(seen, steps, before, after)
        expected = float(weights @ means)
        return expected, self.spread(weights, seen, steps, noise)

    def weights(self, momentum, n):
        """Of each batch, the oldest first; what is missing to 1 is the start's, which is 0."""
        if momentum is None:
            return self.average(n)
        return momentum * (1 - momentum) ** np.arange(n)[::-1]

    def average(self, n):
        return np.full(n, 1 / n)

    def means(self, seen, steps, before, after):
        return np.repeat([before, after], [seen, steps])

    def spread(self, weights, seen, steps, noise):
        return float(noise * np.sqrt(np.sum(weights**2)))


class Recovering:
    """Right in every step; mistakes replace one."""

    def __call__(self, momentum, seen, share):
        if momentum is None:
            return self.average(seen, share)
        if momentum == 0:
            return self.never()
        return self.solved(momentum, share)

    def average(self, seen, share):
        steps = 0
        while seen / (seen + steps) > share:
            steps += 1
        return steps

    def never(self):
        return math.inf

    def solved(self, momentum, share):
        """By going there: logarithms round where a power hits the share exactly."""
        left, steps = 1.0, 0
        while left > share:
            left, steps = left * (1 - momentum), steps + 1
        return steps


def _by_closed_form(momentum, seen, steps, before, after, noise):
    if momentum is None:
        n = seen + steps
        return (seen * before + steps * after) / n, noise / n**0.5
    keep, n = 1 - momentum, seen + steps
    expected = keep**steps * (1 - keep**seen) * before + (1 - keep**steps) * after
    if momentum == 0:
        return expected, 0.0
    return expected, noise * math.sqrt(momentum / (2 - momentum) * (1 - keep ** (2 * n)))


def _by_steps(momentum, seen, steps, before, after, noise):
    mean, variance = 0.0, 0.0
    for k in range(1, seen + steps + 1):
        share = momentum if momentum is not None else 1 / k
        mean = mean + share * ((before if k <= seen else after) - mean)
        variance = (1 - share) ** 2 * variance + (share * noise) ** 2
    return np.float64(mean), np.sqrt(variance)


def _by_logarithm(momentum, seen, share):
    if momentum is None:
        return max(0, math.ceil(seen * (1 - share) / share - 1e-9))
    if momentum in (0, 1):
        return 1 if momentum else float("inf")
    return math.ceil(math.log(share) / math.log(1 - momentum) - 1e-9)


def _by_search(momentum, seen, share):
    if momentum == 0:
        return np.inf

    def left(k):
        return seen / (seen + k) if momentum is None else (1 - momentum) ** k

    high = 1
    while left(high) > share:
        high *= 2
    low = 0
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) <= share else (middle + 1, high)
    return low


RIGHT = Predicting(), Recovering()
RIGHT_WAYS = {
    "step by step": RIGHT,
    "closed forms": (_by_closed_form, _by_logarithm),
    "going through the batches": (_by_steps, _by_search),
}


def predicts(**methods):
    return type("predict", (Predicting,), methods)(), RIGHT[1]


def recovers(**methods):
    return RIGHT[0], type("steps_to_recover", (Recovering,), methods)()
