"""The gradient of one batch, in one piece and added up over several."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def gradient(model: nn.Module, x: Tensor, y: Tensor, pieces: int = 1) -> Tensor:
    """The gradient of the mean loss of a batch by all parameters, as one row.

    Args:
        model: left as it is; a copy runs, in the model's mode.
        x, y: (N, …) and (N,) int64.
        pieces: of N / pieces samples each, whose gradients add up.

    Raises:
        ValueError: N is no multiple of `pieces`.
    """
    if len(x) % pieces:
        raise ValueError(f"{len(x)} samples make no {pieces} pieces of equal size.")
    model = copy.deepcopy(model)
    model.zero_grad()
    for part, labels in zip(x.chunk(pieces), y.chunk(pieces), strict=True):
        (F.cross_entropy(model(part), labels) / pieces).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def relative_difference(model: nn.Module, x: Tensor, y: Tensor, pieces: int) -> float:
    """Length of the difference that accumulation makes, in lengths of the batch's gradient."""
    whole = gradient(model, x, y)
    return ((gradient(model, x, y, pieces) - whole).norm() / whole.norm()).item()
