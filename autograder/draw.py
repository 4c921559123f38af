"""Draws the numbers of a case: random, but never degenerate by chance."""

from __future__ import annotations

import numpy as np


def signed(rng: np.random.Generator, low: float, high: float) -> float:
    """A number whose size lies between `low` and `high`, of either sign, with three decimals.

    For γ and β of one feature: away from 0, where leaving them out would not show.
    """
    return round(float(rng.choice([-1, 1]) * rng.uniform(low, high)), 3)


def batch(rng: np.random.Generator, m: int, scale: float = 1.0, offset: float = 0.0) -> np.ndarray:
    """m values of one feature, shape (m,), float64.

    The standard deviation lies between 0.7 and 1.4 times `scale`, and the mean
    between 0.3 and 1 times `scale` away from `offset`. Plain normal numbers would
    now and then make a batch of two with no spread, or a mean of nearly 0.
    """
    z = rng.normal(size=m)
    z = (z - z.mean()) / z.std()
    return offset + scale * (rng.uniform(0.7, 1.4) * z + signed(rng, 0.3, 1.0))
