"""Normalisers of padded sentences x: (N, T, D), called with x and `real`, (N, T) bool."""

from __future__ import annotations

import torch
from torch import nn

from bnlab.norms.layers import DyT, RMSNorm


class PaddedBatchNorm(nn.BatchNorm1d):
    """Batch norm of x: (N, T, D) as it is usually written: a position is a sample, padding too."""

    def forward(self, x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(0, 1)).view_as(x)


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch norm of the real words of x: (N, T, D); padding takes no part and becomes 0."""

    def forward(self, x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        y = torch.zeros_like(x)
        y[real] = super().forward(x[real])
        return y


class GroupNormOverTime(nn.GroupNorm):
    """PyTorch's group norm of a sentence: a group holds its features at every position."""

    def forward(self, x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class EachToken(nn.Module):
    """A layer that treats every position by itself, so that it needs no mask."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


NORMS = {
    "bn": PaddedBatchNorm,
    "masked bn": MaskedBatchNorm,
    "gn": lambda width: GroupNormOverTime(4, width),
    "ln": lambda width: EachToken(nn.LayerNorm(width)),
    "rms": lambda width: EachToken(RMSNorm(width)),
    "dyt": lambda width: EachToken(DyT(width)),
    "none": lambda width: EachToken(nn.Identity()),
}


def token_norm(norm: str, width: int) -> nn.Module:
    """A normaliser for x: (N, T, width), called with x and with `real`, (N, T) bool.

    Raises:
        ValueError: another name than those of NORMS.
    """
    if norm not in NORMS:
        raise ValueError(f"norm is {norm!r}; expected one of {', '.join(map(repr, NORMS))}.")
    return NORMS[norm](width)
