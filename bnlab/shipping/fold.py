"""Folds batch norms into the layers in front of them."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

FOLDS = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


def scale_and_shift(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """a and b, each (C,), of a batch norm in eval mode: y = a·z + b.

    Computed in float64, so that what is rounded is the result alone.

    Raises:
        ValueError: in training mode, or without running statistics, there are no such numbers.
    """
    if norm.training:
        raise ValueError(
            "This batch norm is in training mode, where it normalises with each batch. Call "
            "eval() on the model before folding."
        )
    if norm.running_mean is None:
        raise ValueError(
            "This batch norm keeps no running statistics (track_running_stats=False), so it "
            "normalises with each batch in eval mode, too. It cannot be folded."
        )
    mean, var = norm.running_mean.double(), norm.running_var.double()
    a = (var + norm.eps).rsqrt()
    if norm.weight is not None:
        a = a * norm.weight.detach().double()
    return a, -mean * a if norm.bias is None else norm.bias.detach().double() - mean * a


def fold(layer: nn.Module, norm: _BatchNorm) -> nn.Module:
    """One new layer that gives norm(layer(x)); both stay as they are.

    Args:
        layer: linear, or a convolution, transposed or not, with any of its settings.
        norm: reads what `layer` writes; in eval mode.

    Returns:
        A layer of the same class and dtype, with a bias.

    Raises:
        TypeError: `layer` is of another kind.
        ValueError: `norm` cannot be folded (see `scale_and_shift`), or has another width.
    """
    if not isinstance(layer, FOLDS):
        raise TypeError(f"A batch norm cannot be folded into {type(layer).__name__}.")
    a, b = scale_and_shift(norm)
    owners = _channel_of_each_row(layer).to(a.device)
    if owners.max() + 1 != len(a):
        raise ValueError(
            f"The layer writes {owners.max() + 1} channels, the batch norm reads {len(a)}."
        )
    weight = layer.weight.detach()
    scale = a[owners].reshape(*owners.shape, *[1] * (weight.ndim - owners.ndim))
    start = 0 if layer.bias is None else layer.bias.detach().double()
    folded = copy.deepcopy(layer)
    folded.weight = nn.Parameter((weight.double() * scale).to(weight.dtype))
    folded.bias = nn.Parameter((a * start + b).to(weight.dtype))
    return folded


def _channel_of_each_row(layer: nn.Module) -> Tensor:
    """Which output channel a place of the weight feeds, by its first axis or its first two."""
    if not getattr(layer, "transposed", False):
        return torch.arange(len(layer.weight))
    rows, per_group = layer.weight.shape[:2]
    group = torch.arange(rows) // (rows // layer.groups)
    return group[:, None] * per_group + torch.arange(per_group)


def fold_all(model: nn.Module) -> nn.Module:
    """A copy of the model with every batch norm folded that directly follows its layer in an
    `nn.Sequential`; the batch norm's place is left out. Others stay.

    Which layer a batch norm reads is in the code of `forward`, so only in an `nn.Sequential` can
    it be told from the modules.

    Raises:
        ValueError: a batch norm that would be folded is in training mode, or keeps no statistics.
    """
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        if isinstance(parent, nn.Sequential):
            _fold_in(parent)
    return model


def _fold_in(parent: nn.Sequential) -> None:
    children = list(parent.named_children())
    for (name, layer), (behind, norm) in pairwise(children):
        if isinstance(layer, FOLDS) and isinstance(norm, _BatchNorm):
            setattr(parent, name, fold(layer, norm))
            delattr(parent, behind)
