"""Six ways to compute a variance, each in the precision of its input.

All take x of shape (C, m), a row per channel, contiguous, and return (C,) biased
variances in the dtype of x. They are equal in exact arithmetic.

Source: Chan, Golub & LeVeque, "Algorithms for Computing the Sample Variance:
Analysis and Recommendations", The American Statistician 37(3), 1983.
"""

from __future__ import annotations

import numpy as np


def naive(x: np.ndarray) -> np.ndarray:
    """E[x²] − E[x]²: one pass, and a difference of two large numbers."""
    return (x * x).mean(axis=1) - x.mean(axis=1) ** 2


def shifted(x: np.ndarray) -> np.ndarray:
    """The naive formula after the first value of each row is subtracted."""
    return naive(x - x[:, :1])


def two_pass(x: np.ndarray) -> np.ndarray:
    """The mean first, then the mean squared deviation from it."""
    centred = x - x.mean(axis=1, keepdims=True)
    return (centred * centred).mean(axis=1)


def corrected(x: np.ndarray) -> np.ndarray:
    """Two passes, less the square of what the rounded mean left over."""
    centred = x - x.mean(axis=1, keepdims=True)
    return (centred * centred).mean(axis=1) - centred.mean(axis=1) ** 2


def welford(x: np.ndarray) -> np.ndarray:
    """One value after the other, with a running mean.

    Source: Welford, "Note on a Method for Calculating Corrected Sums of Squares
    and Products", Technometrics 4(3), 1962.
    """
    mean = np.zeros(len(x), dtype=x.dtype)
    squares = np.zeros(len(x), dtype=x.dtype)
    for n, value in enumerate(np.ascontiguousarray(x.T), start=1):
        delta = value - mean
        mean += delta / x.dtype.type(n)
        squares += delta * (value - mean)
    return squares / x.dtype.type(x.shape[1])


def pairwise(x: np.ndarray) -> np.ndarray:
    """Neighbours merged two by two, then the pairs, up to the whole row.

    m must be a power of two, so that the halves are always equal.

    Raises:
        ValueError: it is not.
    """
    m = x.shape[1]
    if m & (m - 1):
        raise ValueError(f"x has {m} columns; expected a power of two.")
    half = x.dtype.type(0.5)
    mean, squares, count = x, np.zeros_like(x), x.dtype.type(1)
    while mean.shape[1] > 1:
        left, right = mean[:, 0::2], mean[:, 1::2]
        delta = right - left
        squares = squares[:, 0::2] + squares[:, 1::2] + delta * delta * (count * half)
        mean, count = left + delta * half, count + count
    return squares[:, 0] / count


METHODS = {
    "naive": naive,
    "Welford": welford,
    "pairwise merge": pairwise,
    "two-pass": two_pass,
    "corrected two-pass": corrected,
    "shifted": shifted,
}


def condition(x: np.ndarray) -> np.ndarray:
    """κ = √(1 + μ²/σ²) of each row, computed in double precision."""
    x = np.asarray(x, dtype=np.float64)
    return np.sqrt(1 + x.mean(axis=1) ** 2 / x.var(axis=1))


def relative_error(method, x: np.ndarray) -> np.ndarray:
    """Error of a method on each row, relative to the double-precision variance of the same numbers.

    The sign is that of the error; −1 and below means a variance of 0 and below.
    """
    exact = x.astype(np.float64).var(axis=1)
    return (method(x).astype(np.float64) - exact) / exact
