"""Batches to try a model on: random draws, and a stream that shifts and is then sorted."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnlab.training import Data, accuracy


def draws(count: int, of: int, size: int = 32, seed: int = 0) -> list[Tensor]:
    """`count` random batches of `size` different indices below `of`, int64."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randperm(of, generator=rng)[:size] for _ in range(count)]


def following(
    model: nn.Module,
    momentum: float,
    data: Data,
    shift: Callable[[Tensor], Tensor],
    mixed: int = 60,
    zeros: int = 30,
    every: int = 3,
    seed: int = 0,
) -> list[float]:
    """Accuracy of a copy whose statistics follow a stream of shifted training images.

    Args:
        momentum: of every batch norm.
        data: digits, as rows or images.
        shift: of the stream and of the test images that accuracy is measured on.
        mixed, zeros: batches of 32 of all classes, then of zeros only.
        every: steps between two measurements; the first is before any step.

    Returns `(mixed + zeros) / every + 1` accuracies on test images of all classes.
    """
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = momentum
    x, y = data.part("train")
    seen = replace(data, x_test=shift(data.x_test))
    rng = torch.Generator().manual_seed(seed)
    only_zeros, scores = (y == 0).nonzero().flatten(), []
    for step in range(mixed + zeros + 1):
        if step % every == 0:
            scores.append(accuracy(model, seen))
        pool = torch.arange(len(x)) if step < mixed else only_zeros
        rows = pool[torch.randint(len(pool), (32,), generator=rng)]
        with torch.no_grad():
            model.train()(shift(x[rows]))
    return scores
