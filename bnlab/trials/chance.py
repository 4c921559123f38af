"""What a difference between two accuracies is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# Quantiles of the normal distribution: two-sided 5 %, and 80 % power.
Z_LEVEL, Z_POWER = 1.9600, 0.8416


def standard_error(p: float, images: int) -> float:
    """Standard deviation of the measured accuracy of ONE network whose true accuracy is p."""
    return math.sqrt(p * (1 - p) / images)


def images_needed(p: float, gain: float) -> int:
    """Test images with which a gain from p is found in four of five experiments.

    Two networks on separate test images, a two-sided test at 5 %, normal approximation:
    n = (z₁ + z₂)² (p(1 − p) + q(1 − q)) / gain², with q = p + gain.

    Raises:
        ValueError: p or p + gain is not in 0…1, or there is no gain.
    """
    q = p + gain
    if not 0 <= p <= 1 or not 0 <= q <= 1 or gain == 0:
        raise ValueError(f"p is {p} and p + gain is {q}; expected both in 0…1 and a gain.")
    return math.ceil((Z_LEVEL + Z_POWER) ** 2 * (p * (1 - p) + q * (1 - q)) / gain**2)


def pairs_apart(accuracies: Sequence[float], by: float) -> float:
    """Share of all pairs of runs whose accuracies differ by at least `by`.

    Raises:
        ValueError: fewer than two runs.
    """
    if len(accuracies) < 2:
        raise ValueError("A pair needs two runs.")
    values = np.asarray(accuracies, dtype=float)
    gaps = np.abs(values[:, None] - values)[np.triu_indices(len(values), 1)]
    return float((gaps >= by - 1e-9).mean())
