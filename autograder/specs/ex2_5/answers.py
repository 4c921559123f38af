"""2.5 Statistics of a stream: right answers."""

from __future__ import annotations

import numpy as np


def welford(count, mean, m2, value):
    delta = value - mean
    mean = mean + delta / (count + 1)
    return count + 1, mean, m2 + delta * (value - mean)


def chan(a, b):
    (na, mean_a, m2_a), (nb, mean_b, m2_b) = a, b
    n, delta = na + nb, mean_b - mean_a
    if n == 0:
        return a
    return n, mean_a + delta * nb / n, m2_a + m2_b + delta**2 * na * nb / n


def _old_deviations(count, mean, m2, value):
    """The form with the old mean alone: delta²·count/(count + 1)."""
    n = count + 1
    delta = value - mean
    return n, (count / n) * mean + value / n, m2 + delta * delta * (count / n)


def _weighted_means(a, b):
    (na, ma, sa), (nb, mb, sb) = a, b
    n = na + nb
    if not n:
        return 0, ma * 0, sa * 0
    mean = (na * ma + nb * mb) / n
    return n, mean, sa + na * (ma - mean) ** 2 + sb + nb * (mb - mean) ** 2


def _update_by_merge(count, mean, m2, value):
    return chan((count, mean, m2), (1, value, value * 0))


def _scratch_update(count, mean, m2, value):
    mean, m2 = np.array(mean, dtype=np.float64), np.array(m2, dtype=np.float64)
    delta = value - mean
    mean += delta / (count + 1)
    m2 += delta * (value - mean)
    return [np.int64(count + 1), mean, m2]


def _skips_empty(a, b):
    if a[0] == 0:
        return b
    if b[0] == 0:
        return a
    n = a[0] + b[0]
    weight = 1 / (1 / a[0] + 1 / b[0])
    return n, a[1] * (a[0] / n) + b[1] * (b[0] / n), a[2] + b[2] + weight * (a[1] - b[1]) ** 2


def _bare_zeros(a, b):
    """Two empty shards give the triple of the task, not arrays."""
    return chan(a, b) if a[0] + b[0] else (0, 0, 0)


def _kept_single(count, mean, m2, value):
    """Computes in the precision of the values, whatever it is."""
    kind = np.asarray(value).dtype.type
    delta = np.subtract(value, mean, dtype=kind)
    mean = np.add(mean, delta / kind(count + 1), dtype=kind)
    return count + 1, mean, np.add(m2, delta * (value - mean), dtype=kind)


RIGHT_WAYS = {
    "(0, 0, 0) for two empty shards": (welford, _bare_zeros),
    "weighted means": (_old_deviations, _weighted_means),
    "an update is a merge with one value": (_update_by_merge, chan),
    "scratch arrays, empty shards returned early": (_scratch_update, _skips_empty),
    "float32 where the values are": (_kept_single, _weighted_means),
}
