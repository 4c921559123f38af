"""Batch norm and its gradient as formulas on PyTorch tensors.

Everywhere x and what has its shape are (N, C, *spatial); gamma, beta, mean, inv_std and what
else belongs to a channel are (C,). Nothing here knows of autograd: `autograd` and `operator`
do the bookkeeping.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bnlab.norms.axes import other_axes, per_channel


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel, over every other axis."""
    var, mean = torch.var_mean(x, dim=other_axes(x), correction=0)
    return mean, var


def forward(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, inv_std: Tensor) -> Tensor:
    """y = gamma · x_hat + beta."""
    # Centred before it is scaled: the folded form a · x + b loses digits where |mean| is large.
    return _channel(gamma * inv_std, x) * (x - _channel(mean, x)) + _channel(beta, x)


def backward(
    dy: Tensor,
    x: Tensor,
    gamma: Tensor,
    mean: Tensor,
    inv_std: Tensor,
    training: bool = True,
    needs_dx: bool = True,
) -> tuple[Tensor | None, Tensor, Tensor]:
    """dx, dgamma, dbeta: chapter 1.3's closed form, and its gradient of evaluation.

    Args:
        training: the statistics are those of x, so that all samples of a batch are coupled.
        needs_dx: if not, dx is None. The two sums are computed in any case.
    """
    x_hat = (x - _channel(mean, x)) * _channel(inv_std, x)
    dgamma, dbeta = (dy * x_hat).sum(other_axes(x)), dy.sum(other_axes(x))
    if not needs_dx:
        return None, dgamma, dbeta
    if training:
        m = x.numel() // gamma.numel()
        dy = dy - _channel(dbeta / m, x) - x_hat * _channel(dgamma / m, x)
    return _channel(gamma * inv_std, x) * dy, dgamma, dbeta


def statistics_backward(dmean: Tensor, dvar: Tensor, x: Tensor, mean: Tensor) -> Tensor:
    """dx of a loss that looks at mean and var themselves."""
    m = x.numel() // mean.numel()
    return _channel(dmean / m, x) + _channel(2 * dvar / m, x) * (x - _channel(mean, x))


def check_values_per_channel(x: Tensor) -> None:
    """
    Raises:
        ValueError: a channel of x has one value.
    """
    if x.numel() <= x.shape[1]:
        raise ValueError(
            f"x of shape {tuple(x.shape)} has one value per channel, and no variance. Use a "
            "larger batch, or statistics that were stored."
        )


def _channel(v: Tensor, x: Tensor) -> Tensor:
    """(C,) as (C, 1, …), which broadcasts against x."""
    return per_channel(v, x.ndim)
