"""7.3 Results of two arms with traps, and what they say, in plain Python."""

from __future__ import annotations

from math import sqrt
from statistics import median

import numpy as np

ARMS = ("plain", "bn")
NAN = float("nan")

# Test images, rates, and per arm a row (validation, test accuracies of the seeds) for each rate.
TABLES = {
    "batch norm ahead, many test images": (
        10_000,
        (0.03, 0.1, 0.3),
        {
            "plain": [
                ([0.80, 0.81, 0.82], [0.79, 0.80, 0.83]),
                ([0.90, 0.91, 0.90], [0.89, 0.905, 0.915]),
                ([0.85, 0.86, 0.87], [0.93, 0.86, 0.87]),
            ],
            "bn": [
                ([0.90, 0.89, 0.91], [0.90, 0.91, 0.89]),
                ([0.94, 0.93, 0.95], [0.94, 0.945, 0.935]),
                ([0.95, 0.96, 0.97], [0.955, 0.95, 0.97]),
            ],
        },
    ),
    "the same difference, few test images": (
        100,
        (0.03, 0.1, 0.3),
        {
            "plain": [
                ([0.80, 0.81, 0.82], [0.79, 0.80, 0.83]),
                ([0.90, 0.91, 0.90], [0.89, 0.91, 0.92]),
                ([0.85, 0.86, 0.87], [0.86, 0.86, 0.87]),
            ],
            "bn": [
                ([0.90, 0.89, 0.91], [0.90, 0.91, 0.89]),
                ([0.94, 0.93, 0.95], [0.97, 0.98, 0.96]),
                ([0.95, 0.96, 0.97], [0.97, 0.95, 0.98]),
            ],
        },
    ),
    "the seeds overlap": (
        10_000,
        (1.0, 0.1),
        {
            "plain": [
                ([0.70, 0.71, 0.72, 0.70], [0.71, 0.72, 0.70, 0.73]),
                ([0.85, 0.86, 0.84, 0.87], [0.84, 0.85, 0.95, 0.86]),
            ],
            "bn": [
                ([0.88, 0.93, 0.92, 0.94], [0.83, 0.93, 0.92, 0.94]),
                ([0.91, 0.89, 0.90, 0.92], [0.90, 0.91, 0.89, 0.93]),
            ],
        },
    ),
    "the plain arm ahead": (
        5_000,
        (0.5, 0.25, 0.125),
        {
            "plain": [
                ([0.60, NAN, NAN], [0.61, NAN, NAN]),
                ([0.92, 0.93, 0.91], [0.93, 0.92, 0.94]),
                ([0.90, 0.93, 0.89], [0.95, 0.90, 0.91]),
            ],
            "bn": [
                ([0.86, 0.87, 0.85], [0.87, 0.86, 0.88]),
                ([0.84, 0.88, 0.83], [0.90, 0.91, 0.89]),
                ([0.80, 0.79, 0.81], [0.80, 0.82, 0.78]),
            ],
        },
    ),
    "runs that diverged": (
        4_000,
        (3.0, 0.3, 0.03),
        {
            "plain": [
                ([NAN, 0.97, NAN], [NAN, 0.98, NAN]),
                ([0.88, NAN, 0.90], [0.87, NAN, 0.91]),
                ([0.70, 0.72, 0.71], [0.73, 0.69, 0.72]),
            ],
            "bn": [
                ([NAN, NAN, NAN], [NAN, NAN, NAN]),
                ([0.93, 0.92, 0.94], [0.93, 0.95, 0.92]),
                ([0.75, 0.77, 0.76], [0.74, 0.78, 0.77]),
            ],
        },
    ),
    "two rates with the same median": (
        2_000,
        (1.0, 0.2, 0.4),
        {
            "plain": [
                ([0.90, 0.91, 0.92], [0.88, 0.91, 0.90]),
                ([0.85, 0.91, 0.95], [0.86, 0.90, 0.92]),
                ([0.80, 0.82, 0.81], [0.83, 0.80, 0.82]),
            ],
            "bn": [
                ([0.87, 0.86, 0.88], [0.86, 0.88, 0.87]),
                ([0.95, 0.96, 0.94], [0.955, 0.945, 0.965]),
                ([0.96, 0.95, 0.93], [0.97, 0.94, 0.93]),
            ],
        },
    ),
    "a lucky seed": (
        8_000,
        (0.1, 0.01),
        {
            "plain": [
                ([0.80, 0.81, 0.79, 0.98, 0.80], [0.81, 0.80, 0.79, 0.97, 0.80]),
                ([0.84, 0.83, 0.85, 0.82, 0.84], [0.83, 0.85, 0.84, 0.82, 0.83]),
            ],
            "bn": [
                ([0.88, 0.87, 0.89, 0.86, 0.88], [0.87, 0.88, 0.89, 0.86, 0.90]),
                ([0.90, 0.91, 0.92, 0.30, 0.91], [0.90, 0.92, 0.91, 0.31, 0.93]),
            ],
        },
    ),
    "between one and two standard errors": (
        1_000,
        (0.1, 0.3),
        {
            "plain": [([0.93, 0.94], [0.930, 0.934]), ([0.90, 0.91], [0.90, 0.92])],
            "bn": [([0.95, 0.96], [0.945, 0.951]), ([0.92, 0.93], [0.92, 0.94])],
        },
    ),
    "more than one arm's error, less than both": (
        1_000,
        (0.1, 0.3),
        {
            "plain": [([0.93, 0.94], [0.880, 0.884]), ([0.90, 0.91], [0.85, 0.86])],
            "bn": [([0.95, 0.96], [0.905, 0.909]), ([0.92, 0.93], [0.88, 0.89])],
        },
    ),
    "less than one standard error": (
        100,
        (0.1, 0.2),
        {
            "plain": [([0.90, 0.91, 0.92], [0.89, 0.90, 0.90]), ([0.88, 0.89, 0.87], [0.93] * 3)],
            "bn": [([0.91, 0.92, 0.93], [0.92, 0.92, 0.93]), ([0.90, 0.89, 0.91], [0.90] * 3)],
        },
    ),
    "no mistakes in either arm": (
        100,
        (0.1,),
        {"plain": [([0.99, 1.0, 1.0], [1.0, 1.0, 1.0])], "bn": [([1.0, 1.0, 1.0], [1.0] * 3)]},
    ),
}


def drawn(rng: np.random.Generator, images: int, rates: tuple, arms: dict) -> dict:
    """A table as results: seeds in another order, rates by another factor."""
    seeds = rng.permutation(len(arms["bn"][0][0]))
    order = rng.permutation(len(rates))
    factor = float(rng.choice([1.0, 0.5, 2.0]))
    results = dict(images=images, rates=[rates[k] * factor for k in order])
    for k, part in enumerate(("valid", "test")):
        results[part] = {
            arm: np.array([rows[r][k] for r in order])[:, seeds] for arm, rows in arms.items()
        }
    return results


def verdict(results: dict) -> dict:
    """What the task asks for."""
    found, rates, n = {}, results["rates"], results["images"]
    for arm in ARMS:
        best = (-1.0, 0.0, [])
        for rate, valid, test in zip(
            rates, results["valid"][arm], results["test"][arm], strict=True
        ):
            middle = median(0 if v != v else float(v) for v in valid)
            if (middle, -rate) > (best[0], -best[1]):
                best = middle, rate, [0 if t != t else float(t) for t in test]
        _, rate, runs = best
        found[arm] = dict(rate=rate, median=median(runs), low=min(runs), high=max(runs))
    p, q = (found[arm]["median"] for arm in ARMS)
    error = sqrt((p * (1 - p) + q * (1 - q)) / n)
    ahead, behind = ("bn", "plain") if q > p else ("plain", "bn")
    apart = found[ahead]["low"] > found[behind]["high"] and abs(q - p) > 2 * error
    answer = ahead if apart else "cannot tell"
    return found | dict(difference=q - p, standard_error=error, answer=answer)
