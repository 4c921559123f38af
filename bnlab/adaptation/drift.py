"""How far a batch is from the running statistics, and from where on that is an alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def layer_score(layer: _BatchNorm, x: Tensor) -> float:
    """The largest deviation of a channel's mean or variance, in standard errors.

    For a channel with running mean r and variance v, and m values in the batch with mean b and
    unbiased variance s: |b − r| / √(v/m) and |s/v − 1| / √(2/(m − 1)), with the layer's eps added
    to v and s. The second standard error is that of normal values.

    Args:
        layer: with running statistics of C channels.
        x: (N, C, *spatial), the layer's input, two values per channel or more.
    """
    rows = x.transpose(0, 1).flatten(1)
    m = rows.shape[1]
    v, s = layer.running_var + layer.eps, rows.var(1) + layer.eps
    of_mean = (rows.mean(1) - layer.running_mean).abs() * (m / v).sqrt()
    of_var = (s / v - 1).abs() * math.sqrt((m - 1) / 2)
    return torch.maximum(of_mean, of_var).max().item()


@torch.no_grad()
def drift_score(model: nn.Module, x: Tensor) -> float:
    """The largest `layer_score` of a model's batch norms, on the way through eval mode.

    Modes, statistics and hooks are afterwards as they were.

    Raises:
        ValueError: the model has no batch norm with running statistics.
    """
    layers = [
        m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None
    ]
    if not layers:
        raise ValueError("There is no batch norm with running statistics in this model.")
    scores: list[float] = []
    hooks = [
        m.register_forward_pre_hook(lambda m, args: scores.append(layer_score(m, args[0])))
        for m in layers
    ]
    modes = [(m, m.training) for m in model.modules()]
    try:
        model.eval()(x)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return float(np.max(scores))  # nan if one is; Python's max would depend on the order


def threshold(scores: Sequence[float], rate: float) -> float:
    """A score that a further clean batch exceeds with probability `rate` at most.

    Of n scores the k-th smallest, k = ⌈(n + 1)(1 − rate)⌉: among n + 1 exchangeable scores, each
    is equally likely to be the last, so it is one of the n + 1 − k largest with probability
    (n + 1 − k)/(n + 1) ≤ rate.

    Args:
        scores: of clean batches, as large as those to come, not those that set the statistics.
        rate: of false alarms, between 0 and 1.

    Raises:
        ValueError: there are too few scores for this rate, or it is not between 0 and 1.
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate is {rate}; expected a number between 0 and 1.")
    above = math.floor((len(scores) + 1) * rate)
    if above < 1:
        raise ValueError(
            f"{len(scores)} scores are too few for a rate of {rate}: "
            f"take {math.ceil(1 / rate) - 1} or more."
        )
    return sorted(scores)[len(scores) - above]
