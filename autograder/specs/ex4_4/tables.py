"""4.4 The sweep: results with traps, and what follows from results."""

from __future__ import annotations

from statistics import median

import numpy as np

NAN = float("nan")
POINTS = 0.02

# Per norm a list of (rate, validation accuracies, test accuracies), a number per seed.
TRAPS = {
    "the best rate on the test images is another": [
        [
            (0.1, [0.90, 0.905, 0.90], [0.95, 0.955, 0.96]),
            (0.3, [0.935, 0.93, 0.94], [0.91, 0.905, 0.915]),
            (1.0, [0.88, 0.88, 0.885], [0.86, 0.865, 0.86]),
        ],
        [
            (0.1, [0.80, 0.805, 0.80], [0.85, 0.85, 0.845]),
            (0.3, [0.845, 0.85, 0.84], [0.795, 0.80, 0.79]),
            (1.0, [0.83, 0.82, 0.81], [0.88, 0.87, 0.865]),
        ],
    ],
    "lucky and unlucky seeds": [
        [
            (0.01, [0.97, 0.70, 0.71, 0.72, 0.70], [0.96, 0.71, 0.70, 0.72, 0.71]),
            (0.1, [0.90, 0.89, 0.91, 0.905, 0.90], [0.885, 0.90, 0.91, 0.895, 0.89]),
            (1.0, [0.93, 0.935, 0.93, 0.925, 0.40], [0.935, 0.92, 0.93, 0.915, 0.41]),
        ],
        [
            (0.01, [0.80, 0.88, 0.87, 0.86, 0.89], [0.81, 0.88, 0.865, 0.86, 0.87]),
            (0.1, [0.85, 0.84, 0.86, 0.83, 0.835], [0.85, 0.83, 0.84, 0.86, 0.84]),
            (1.0, [0.60, 0.62, 0.61, 0.63, 0.93], [0.61, 0.60, 0.64, 0.62, 0.94]),
        ],
    ],
    "runs that diverged": [
        [
            (3.0, [NAN, NAN, 0.95], [NAN, NAN, 0.955]),
            (0.03, [0.90, 0.91, 0.92], [0.89, 0.90, 0.925]),
            (0.3, [0.94, NAN, 0.955], [0.93, NAN, 0.95]),
        ],
        [
            (3.0, [NAN, NAN, NAN], [NAN, NAN, NAN]),
            (0.03, [0.70, 0.71, 0.72], [0.70, 0.69, 0.73]),
            (0.3, [0.66, 0.65, 0.67], [0.66, 0.64, 0.68]),
        ],
    ],
    "two rates with the same median": [
        [
            (0.3, [0.89, 0.90, 0.91], [0.885, 0.89, 0.905]),
            (1.0, [0.90, 0.87, 0.93], [0.86, 0.895, 0.92]),
            (0.1, [0.80, 0.90, 0.905], [0.815, 0.875, 0.90]),
            (0.03, [0.75, 0.76, 0.74], [0.74, 0.75, 0.76]),
        ],
        [
            (0.3, [0.60, 0.62, 0.61], [0.62, 0.63, 0.60]),
            (1.0, [0.50, 0.51, 0.52], [0.53, 0.52, 0.50]),
            (0.1, [0.63, 0.61, 0.60], [0.61, 0.60, 0.59]),
            (0.03, [0.40, 0.41, 0.42], [0.43, 0.42, 0.40]),
        ],
    ],
    "no difference between three norms": [
        [
            (0.1, [0.95, 0.955, 0.96, 0.95], [0.945, 0.955, 0.96, 0.95]),
            (1.0, [0.90, 0.91, 0.905, 0.91], [0.90, 0.91, 0.92, 0.905]),
            (10.0, [0.945, 0.95, 0.945, 0.94], [0.94, 0.95, 0.945, 0.935]),
        ],
        [
            (0.1, [0.58, 0.585, 0.59, 0.59], [0.59, 0.58, 0.57, 0.585]),
            (1.0, [0.565, 0.57, 0.575, 0.575], [0.57, 0.56, 0.57, 0.575]),
            (10.0, [0.20, 0.21, 0.20, 0.22], [0.20, 0.20, 0.21, 0.22]),
        ],
        [
            (0.1, [0.60, 0.61, 0.60, 0.62], [0.60, 0.60, 0.61, 0.62]),
            (1.0, [0.96, 0.96, 0.965, 0.97], [0.965, 0.95, 0.975, 0.97]),
            (10.0, [0.70, 0.71, 0.72, 0.70], [0.70, 0.72, 0.71, 0.73]),
        ],
    ],
    "one norm ahead": [
        [
            (0.3, [0.84, 0.85], [0.80, 0.825]),
            (0.1, [0.88, 0.89], [0.83, 0.875]),
        ],
        [
            (0.3, [0.86, 0.875], [0.89, 0.92]),
            (0.1, [0.82, 0.815], [0.84, 0.81]),
        ],
        [
            (0.3, [0.70, 0.71], [0.88, 0.885]),
            (0.1, [0.80, 0.81], [0.70, 0.68]),
        ],
    ],
    "one seed": [
        [(0.1, [0.81], [0.80]), (0.5, [0.84], [0.83])],
        [(0.1, [0.87], [0.86]), (0.5, [0.84], [0.90])],
    ],
}


def table(rng: np.random.Generator, rows: list) -> dict:
    """A trap as results of a sweep, with other names and rates, a little higher or lower."""
    names = [str(n) for n in rng.permutation(["bn", "ln", "gn", "none"])[: len(rows)]]
    factor = float(rng.choice([1.0, 0.5, 2.0]))
    shift = 0.005 * int(rng.integers(-6, 5))
    valid, test = (
        np.array([[cell[part] for cell in norm] for norm in rows]) + shift for part in (1, 2)
    )
    rates = [cell[0] * factor for cell in rows[0]]
    return dict(norms=names, rates=rates, valid=valid.round(3), test=test.round(3))


def conclusions(norms, rates, valid, test) -> dict:
    """What the task asks to conclude, in plain Python."""
    found, runs = {}, {}
    for norm, of_valid, of_test in zip(norms, valid, test, strict=True):
        middle = [median(0 if np.isnan(v) else v for v in row) for row in of_valid]
        best = min(r for r, m in zip(rates, middle, strict=True) if m == max(middle))
        runs[norm] = [0 if np.isnan(v) else v for v in of_test[list(rates).index(best)]]
        found[norm] = {
            "rate": best,
            "test": median(runs[norm]),
            "good": sorted(
                r for r, m in zip(rates, middle, strict=True) if m >= max(middle) - POINTS
            ),
        }
    ahead = [a for a in norms if all(min(runs[a]) > max(runs[b]) for b in norms if b != a)]
    return found | {"winner": ahead[0] if ahead else None}
