"""6.4 A drift alarm: right answers."""

from __future__ import annotations

import math

import numpy as np
import torch


class Drift:
    """Right in every step; mistakes replace one."""

    def score(self, x, running_mean, running_var, eps=1e-5):
        rows = self.rows(x)
        m = self.count(x)
        v, s = self.variances(running_var, self.variance(rows), eps)
        of_mean = self.of_mean(rows.mean(1), running_mean, v, s, m)
        of_var = self.of_var(s, v, m)
        return self.together(of_mean, of_var)

    def rows(self, x):
        """(C, m)."""
        return np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)

    def count(self, x):
        return x.size // x.shape[1]

    def variance(self, rows):
        return rows.var(1, ddof=1)

    def variances(self, running, batch, eps):
        return running + eps, batch + eps

    def of_mean(self, b, r, v, s, m):
        return np.abs(b - r) / self.error_of_mean(v, m)

    def error_of_mean(self, v, m):
        return np.sqrt(v / m)

    def of_var(self, s, v, m):
        return np.abs(s / v - 1) / self.error_of_var(m)

    def error_of_var(self, m):
        return math.sqrt(2 / (m - 1))

    def together(self, of_mean, of_var):
        return max(of_mean.max(), of_var.max())

    def threshold(self, scores, rate):
        n = len(scores)
        k = self.rank(n, rate)
        if k > n:
            return self.too_few(scores, rate)
        return self.at(scores, k)

    def rank(self, n, rate):
        return math.ceil((n + 1) * (1 - rate))

    def too_few(self, scores, rate):
        raise ValueError(f"{len(scores)} scores are too few for a rate of {rate}")

    def at(self, scores, k):
        return np.sort(scores)[k - 1]

    @property
    def pair(self):
        return self.score, self.threshold


def loops(x, running_mean, running_var, eps=1e-5):
    """One channel after the other, sums by hand."""
    worst = 0.0
    for c in range(x.shape[1]):
        values = [float(v) for v in x[:, c].ravel()]
        m = len(values)
        mean = sum(values) / m
        var = sum((v - mean) ** 2 for v in values) / (m - 1) + eps
        v = running_var[c] + eps
        worst = max(worst, abs(mean - running_mean[c]) / math.sqrt(v) * math.sqrt(m))
        worst = max(worst, abs(var / v - 1) * math.sqrt((m - 1) / 2))
    return worst


def by_the_number_above(scores, rate):
    """How many scores may lie above."""
    above = math.floor((len(scores) + 1) * rate)
    if above == 0:
        raise ValueError("collect more clean batches")
    return sorted(scores, reverse=True)[above - 1]


def single_precision(x, running_mean, running_var, eps=1e-5):
    x, r, v = (torch.as_tensor(a, dtype=torch.float32) for a in (x, running_mean, running_var))
    axes = [0, *range(2, x.ndim)]
    m = x.numel() / x.shape[1]
    z1 = (x.mean(axes) - r).abs() / ((v + eps) / m) ** 0.5
    z2 = ((x.var(axes) + eps) / (v + eps) - 1).abs() / (2 / (m - 1)) ** 0.5
    return torch.maximum(z1, z2).max()


def by_quantile(scores, rate):
    """NumPy's quantile, at the right place and without interpolation."""
    n = len(scores)
    k = int(np.ceil((n + 1) * (1 - rate)))
    if k > n:
        raise ValueError("too few scores")
    return np.quantile(scores, k / n, method="inverted_cdf")


def standardised(x, running_mean, running_var, eps=1e-5):
    """x in running standard deviations first; its mean should be 0 and its square 1."""
    column = (1, -1) + (1,) * (x.ndim - 2)
    std = np.sqrt(running_var + eps).reshape(column)
    z = (x - running_mean.reshape(column)) / std
    axes = tuple(a for a in range(x.ndim) if a != 1)
    m = z.size / z.shape[1]
    mean = z.mean(axes)
    var = ((z - mean.reshape(column)) ** 2).sum(axes) / (m - 1) + eps / (running_var + eps)
    return float(np.max([np.abs(mean) * m**0.5, np.abs(var - 1) * ((m - 1) / 2) ** 0.5]))


def by_partition(scores, rate):
    n = len(scores)
    if (n + 1) * rate < 1:
        raise ValueError(f"{n} scores cannot hold a rate of {rate}")
    k = math.ceil((n + 1) * (1 - rate))
    return np.partition(np.asarray(scores), k - 1)[k - 1]


RIGHT_WAYS = {
    "step by step": Drift().pair,
    "loops, and the number above": (loops, by_the_number_above),
    "single precision in PyTorch, and a quantile": (single_precision, by_quantile),
    "standardised first, and a partition": (standardised, by_partition),
}
