"""Digits as another camera would see them."""

from __future__ import annotations

import torch
from torch import Tensor


def _gain(x: Tensor) -> Tensor:
    rng = torch.Generator().manual_seed(5)
    return x * (0.2 + 1.6 * torch.rand(x[0].shape, generator=rng))


def noise(x: Tensor) -> Tensor:
    """Normal noise of standard deviation 0.3, the same at every call with as many images."""
    return x + 0.3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(5))


# Name to function of images (N, …), float32; labels stay right.
SHIFTS = {
    "brighter, 2x + 1": lambda x: 2 * x + 1,
    "less contrast, 0.3x": lambda x: 0.3 * x,
    "gain per pixel": _gain,
    "noise, sd 0.3": noise,
    "inverted, 1 − x": lambda x: 1 - x,
}
