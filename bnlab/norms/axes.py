"""Batch, layer, instance and group norm as one function of a set of axes."""

from __future__ import annotations

import torch


def normalize(
    x: torch.Tensor,
    axes: tuple[int, ...],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> torch.Tensor:
    """Standardises x with one mean and one biased variance over `axes`, then scales and shifts.

    Args:
        x: any shape, float32 or float64.
        axes: the axes whose values share a statistic. Every index of the other axes has its own.
        weight, bias: γ and β in a shape that broadcasts against x: (C, 1, 1) for one number per
            channel of images, (C, H, W) for one per value of a sample. None: 1 and 0.
        eps: inside the root.

    Returns:
        Like x.

    Raises:
        ValueError: `axes` is empty, or γ or β has more axes or other sizes than x.

    Source: Wu & He, "Group Normalization", ECCV 2018, the general formulation in section 3.
    """
    if not axes:
        raise ValueError("axes is empty; name at least one axis whose values share a statistic.")
    var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    y = (x - mean) * torch.rsqrt(var + eps)
    if weight is not None:
        y = y * _broadcasts(weight, "weight", x)
    if bias is not None:
        y = y + _broadcasts(bias, "bias", x)
    return y


def _broadcasts(parameter: torch.Tensor, name: str, x: torch.Tensor) -> torch.Tensor:
    try:
        fits = torch.broadcast_shapes(parameter.shape, x.shape) == x.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} has shape {tuple(parameter.shape)} and x {tuple(x.shape)}: they do not line "
            "up from the right. For one number per channel use per_channel(...)."
        )
    return parameter


def per_channel(parameter: torch.Tensor, ndim: int) -> torch.Tensor:
    """A parameter (C,) in the shape (C, 1, …, 1), for x with channels on axis 1 of `ndim` axes."""
    return parameter.reshape(-1, *[1] * (ndim - 2))


def other_axes(x: torch.Tensor) -> tuple[int, ...]:
    """Every axis of x: (N, C, *spatial) but the channel axis: those of batch norm's statistics."""
    return (0, *range(2, x.ndim))


def wide(x: torch.Tensor) -> torch.Tensor:
    """float16 and bfloat16 as float32; float32 and float64 as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def group_norm(
    x: torch.Tensor,
    groups: int,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> torch.Tensor:
    """Group norm: the channels are split into neighbours, and `normalize` does the rest.

    Args:
        x: (N, C, *spatial), float32 or float64.
        groups: how many; channels 0 … C/groups − 1 are the first.
        weight, bias: as in `normalize`, against x.

    Raises:
        ValueError: C is no multiple of `groups`.

    Source: Wu & He, "Group Normalization", ECCV 2018, section 3.
    """
    if x.shape[1] % groups:
        raise ValueError(
            f"{x.shape[1]} channels cannot be split into {groups} groups of equal size. "
            "Choose a divisor of the number of channels."
        )
    parts = x.reshape(x.shape[0], groups, -1, *x.shape[2:])
    x_hat = normalize(parts, tuple(range(2, parts.ndim)), eps=eps).reshape(x.shape)
    y = x_hat if weight is None else x_hat * _broadcasts(weight, "weight", x)
    return y if bias is None else y + _broadcasts(bias, "bias", x)
