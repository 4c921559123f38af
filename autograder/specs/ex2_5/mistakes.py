"""2.5 Statistics of a stream: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex2_5.answers import chan, welford


def _update(m2=None, mean=None):
    """Welford's update with another m2(m2, old, new, value, n) or mean(mean, value, count)."""

    def welford_update(count, mean_, m2_, value):
        n, new, right = welford(count, mean_, m2_, value)
        new = mean(mean_, value, count) if mean else new
        return n, new, m2(m2_, mean_, new, value, n) if m2 else right

    return welford_update, chan


def _merge(mean=None, m2=None):
    """Chan's merge with another mean(a, b, n) or m2(a, b, n, delta)."""

    def merge(a, b):
        n, *right = chan(a, b)
        if n == 0:
            return a
        return (
            n,
            mean(a, b, n) if mean else right[0],
            m2(a, b, n, b[1] - a[1]) if m2 else right[1],
        )

    return welford, merge


def _naive_update(count, mean, m2, value):
    total, squares = count * mean + value, m2 + count * mean**2 + value**2
    n = count + 1
    return n, total / n, squares - total**2 / n


def _naive_merge(a, b):
    n = a[0] + b[0]
    if n == 0:
        return a
    mean = (a[0] * a[1] + b[0] * b[1]) / n
    squares = a[2] + a[0] * a[1] ** 2 + b[2] + b[0] * b[1] ** 2
    return n, mean, squares - n * mean**2


def _variance_update(count, mean, variance, value):
    n, new, _ = welford(count, mean, 0, value)
    return n, new, variance + ((value - mean) * (value - new) - variance) / n


def _variance_merge(a, b):
    n, mean, _ = chan(a, b)
    if n == 0:
        return a
    delta = b[1] - a[1]
    return n, mean, (a[0] * a[2] + b[0] * b[2]) / n + delta**2 * a[0] * b[0] / n**2


def _count_kept(count, mean, m2, value):
    return count, *welford(count, mean, m2, value)[1:]


def _single(function):
    """The same in single precision."""

    def to32(value):
        return tuple(map(to32, value)) if isinstance(value, tuple) else np.float32(value)

    def in_single(*arguments):
        n, mean, m2 = function(*map(to32, arguments))
        return int(n), np.float32(mean), np.float32(m2)

    return in_single


def _update_in_place(count, mean, m2, value):
    delta = value - mean
    mean += delta / (count + 1)
    m2 += delta * (value - mean)
    return count + 1, mean, m2


def _merge_in_place(a, b):
    n, (_, mean, m2) = a[0] + b[0], a
    if n == 0:
        return a
    delta = b[1] - mean
    mean += delta * b[0] / n
    m2 += b[2] + delta**2 * a[0] * b[0] / n
    return n, mean, m2


def _always_divided(a, b):
    (na, mean_a, m2_a), (nb, mean_b, m2_b) = a, b
    n, delta = na + nb, mean_b - mean_a
    return n, mean_a + delta * nb / n, m2_a + m2_b + delta**2 * na * nb / n


MISTAKES = (
    Mistake(
        "naive variance",
        "m2 is the difference of two large numbers, Σx² − n·mean², and they cancel: at mean/std = 1e6 hardly a digit is left. "
        "Add products of deviations from the mean instead.",
        (_naive_update, _naive_merge),
    ),
    Mistake(
        "naive variance in welford_update",
        "`welford_update` goes through Σx² − n·mean², two large numbers that cancel. Add (value − old mean)·(value − new mean).",
        (_naive_update, chan),
    ),
    Mistake(
        "naive variance in merge",
        "`merge` goes through Σx² − n·mean², two large numbers that cancel. Add the square of the difference of the means, "
        "times na·nb/n.",
        (welford, _naive_merge),
    ),
    Mistake(
        "single precision",
        "The state is kept in float32. Its 24 bits cannot hold a mean of 1e6 and deviations of 1 at once: "
        "keep the precision of the values.",
        (_single(welford), _single(chan)),
    ),
    Mistake(
        "sum of squares",
        "m2 grows by value². It is the sum of squared deviations: subtract the mean, the old one in one factor and "
        "the new one in the other.",
        _update(m2=lambda m2, old, new, value, n: m2 + value**2),
    ),
    Mistake(
        "old mean twice",
        "m2 grows by (value − old mean)². That is too much: one factor takes the old mean, the other the new one.",
        _update(m2=lambda m2, old, new, value, n: m2 + (value - old) ** 2),
    ),
    Mistake(
        "new mean twice",
        "m2 grows by (value − new mean)². That is too little: one factor takes the old mean, the other the new one.",
        _update(m2=lambda m2, old, new, value, n: m2 + (value - new) ** 2),
    ),
    Mistake(
        "divided by the old count",
        "The mean moves by delta/count with the count from before this value, which is 0 at first. Divide by the new count.",
        _update(mean=lambda mean, value, count: mean + (value - mean) / count),
    ),
    Mistake(
        "count not increased",
        "`welford_update` returns the count that it was given. One more value is in: return count + 1.",
        (_count_kept, chan),
    ),
    Mistake(
        "m2 treated as variance",
        "The third number is a variance. m2 is the sum of squared deviations, not divided by the count.",
        (_variance_update, _variance_merge),
    ),
    Mistake(
        "variance in welford_update",
        "`welford_update` divides by the count: its third number is a variance. m2 is the sum of squared deviations.",
        (_variance_update, chan),
    ),
    Mistake(
        "variances averaged in merge",
        "`merge` averages the third numbers, weighted by their counts, as if they were variances. "
        "m2 is a sum of squared deviations: add the two, and the term between the means.",
        (welford, _variance_merge),
    ),
    Mistake(
        "plain average of the means",
        "The merged mean is (mean_a + mean_b)/2. A shard with more values weighs more: use the counts.",
        _merge(mean=lambda a, b, n: (a[1] + b[1]) / 2),
    ),
    Mistake(
        "counts exchanged",
        "Each mean is weighted with the other shard's count. From mean_a, the merged mean moves towards mean_b by nb/n.",
        _merge(mean=lambda a, b, n: a[1] + (b[1] - a[1]) * a[0] / n),
    ),
    Mistake(
        "between-means term missing",
        "m2 is the sum of both m2. The shards have different means, and their distance adds (mean_b − mean_a)²·na·nb/n.",
        _merge(m2=lambda a, b, n, delta: a[2] + b[2]),
    ),
    Mistake(
        "counts ignored in the between-means term",
        "The term between the means has a weight without the counts of both. It is (mean_b − mean_a)²·na·nb/n; "
        "n/4 in place of na·nb/n holds for equal counts only.",
        _merge(m2=lambda a, b, n, delta: a[2] + b[2] + delta**2 * n / 4),
    ),
    Mistake(
        "between-means term divided twice",
        "The term between the means is divided by n². That is its share of a variance; m2 takes (mean_b − mean_a)²·na·nb/n.",
        _merge(m2=lambda a, b, n, delta: a[2] + b[2] + delta**2 * a[0] * b[0] / n**2),
    ),
    Mistake(
        "between-means term not divided by n",
        "The term between the means is n times too large: it is (mean_b − mean_a)²·na·nb/n.",
        _merge(m2=lambda a, b, n, delta: a[2] + b[2] + delta**2 * a[0] * b[0]),
    ),
    Mistake(
        "between-means term with all counts",
        "The squared distance of the means is multiplied by n. Neither mean is that far from the common one: "
        "the weight is na·nb/n.",
        _merge(m2=lambda a, b, n, delta: a[2] + b[2] + delta**2 * n),
    ),
    Mistake(
        "between-means term without counts",
        "The term between the means is their squared distance alone. It stands for many values: multiply it by na·nb/n.",
        _merge(m2=lambda a, b, n, delta: a[2] + b[2] + delta**2),
    ),
    Mistake(
        "difference of the means not squared",
        "The term between the means has mean_b − mean_a where its square belongs.",
        _merge(m2=lambda a, b, n, delta: a[2] + b[2] + delta * a[0] * b[0] / n),
    ),
    Mistake(
        "measured from the first mean",
        "The deviations of b are measured from the mean of a: (mean_b − mean_a)²·nb. The result depends on the order of the shards; "
        "measured from the common mean it is (mean_b − mean_a)²·na·nb/n.",
        _merge(m2=lambda a, b, n, delta: a[2] + b[2] + delta**2 * b[0]),
    ),
    Mistake(
        "counts not added",
        "`merge` returns the count of the first shard. The values of both are in: na + nb.",
        (welford, lambda a, b: (a[0], *chan(a, b)[1:])),
    ),
    Mistake(
        "the empty shard returned",
        "With one shard empty, `merge` returns the empty one. The result is the other shard.",
        (welford, lambda a, b: min(a, b, key=lambda t: t[0]) if 0 in (a[0], b[0]) else chan(a, b)),
    ),
    Mistake(
        "two empty shards divide by 0",
        "Two empty shards give 0/0. Their merge is empty as well: return (0, 0, 0) of the same shape.",
        (welford, _always_divided),
    ),
    Mistake(
        "state changed in place",
        "`welford_update` works in place (`mean += …`) on arrays that belong to the caller. Compute new ones: mean + delta/n.",
        (_update_in_place, chan),
    ),
    Mistake(
        "shards changed in place",
        "`merge` works in place (`m2 += …`) on a shard. Compute new arrays.",
        (welford, _merge_in_place),
    ),
)
