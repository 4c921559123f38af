"""6.4 A drift alarm: scores by PyTorch's statistics, thresholds by counting gaps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch


def score(x, running_mean, running_var, eps) -> float:
    rows = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, 1, 0))).flatten(1)
    var, mean = torch.var_mean(rows, dim=1)
    r, v = torch.from_numpy(running_mean), torch.from_numpy(running_var) + eps
    m = rows.shape[1]
    of_mean = (mean - r).square() * m / v
    of_var = ((var + eps) / v - 1).square() * (m - 1) / 2
    return float(torch.cat([of_mean, of_var]).max().sqrt())


def threshold(scores, rate) -> float | None:
    """The least score that one of n + 1 equally likely gaps lies above often enough; or None."""
    gaps = len(scores) + 1
    allowed = Fraction(str(rate))
    for k, candidate in enumerate(np.sort(scores), 1):
        if Fraction(gaps - k, gaps) <= allowed:
            return float(candidate)
    return None
