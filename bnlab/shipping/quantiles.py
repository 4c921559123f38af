"""Quantiles of measured times, with an interval that says how sure they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Quantile:
    """A quantile and its interval; an end that the measurements cannot give is infinite."""

    value: float
    low: float
    high: float


def quantile(times: np.ndarray, q: float, confidence: float = CONFIDENCE) -> Quantile:
    """The smallest measured time that a share `q` of all times does not exceed.

    The interval assumes nothing of the shape of the times, only that they are independent: of n
    times, the number below the true quantile is binomial with n and q, so two of the sorted times
    enclose it with the asked confidence. For p99 that takes 368 times or more, since with n
    times the largest one lies above the true p99 with probability 1 - 0.99ⁿ.

    Args:
        times: (n,), n of 1 or more.
        q: between 0 and 1: 0.5 for the median, 0.99 for p99.
        confidence: of the interval, half of the rest at either end.

    Raises:
        ValueError: no times, or q is not between 0 and 1.
    """
    n = len(times)
    if not n or not 0 < q < 1:
        raise ValueError(f"expected times and 0 < q < 1, got {n} times and q = {q}.")
    ranked = np.sort(np.asarray(times, dtype=float))
    outside = (1 - confidence) / 2
    # The k-th smallest (from 1) is at most the true quantile if at least k times are.
    below = int(binom.ppf(outside, n, q))
    above = int(binom.ppf(1 - outside, n, q)) + 1
    return Quantile(
        value=float(ranked[math.ceil(q * n) - 1]),
        low=float(ranked[below - 1]) if below >= 1 else -math.inf,
        high=float(ranked[above - 1]) if above <= n else math.inf,
    )


def ratio(
    times: np.ndarray,
    unit: np.ndarray,
    q: float = 0.5,
    confidence: float = CONFIDENCE,
    resamples: int = 1000,
    seed: int = 0,
) -> Quantile:
    """Quantile of `times` over the same quantile of `unit`, with a bootstrap interval.

    Args:
        times, unit: (rounds,), measured in the same rounds. Whole rounds are drawn again, so
            what slowed a whole round down slows both.
    """
    times, unit = np.asarray(times, dtype=float), np.asarray(unit, dtype=float)
    drawn = np.random.default_rng(seed).integers(len(times), size=(resamples, len(times)))

    def of(values):
        return np.quantile(values, q, axis=-1, method="inverted_cdf")

    ratios = of(times[drawn]) / of(unit[drawn])
    outside = (1 - confidence) / 2
    low, high = np.quantile(ratios, [outside, 1 - outside])
    return Quantile(float(of(times) / of(unit)), float(low), float(high))
