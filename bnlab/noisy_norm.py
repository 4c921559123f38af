"""Batch norm with noise on its output, and what the experiments on noise need."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from bnlab.training import accuracy, tensors


class NoisyBatchNorm(nn.BatchNorm1d):
    """Batch norm, then fresh random shifts and scales per unit, drawn at every training step.

    Undoes the stability that batch norm gives its outputs. Evaluation is plain batch norm.

    Args:
        width: number of units.
        shift: each unit's shift is uniform in −shift…shift.
        scale: each unit's scale is uniform in 1…1 + scale.
        jitter: standard deviation of a further shift and scale per value.

    Source: Santurkar et al., "How Does Batch Normalization Help Optimization?", NeurIPS 2018;
    the sizes of the noise are this course's own.
    """

    def __init__(self, width: int, shift: float = 0.5, scale: float = 0.25, jitter: float = 0.1):
        super().__init__(width)
        self.shift, self.scale, self.jitter = shift, scale, jitter

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, D). Returns the same shape."""
        y = super().forward(x)
        if not self.training:
            return y
        shift = self.shift * (2 * torch.rand(y.shape[1]) - 1)
        scale = 1 + self.scale * torch.rand(y.shape[1])
        shift, scale = (part + self.jitter * torch.randn(y.shape) for part in (shift, scale))
        return y * scale + shift


def replace_batch_norm(model: nn.Sequential, make: Callable[[int], nn.Module]) -> nn.Sequential:
    """The same network with `make(width)` in place of each `BatchNorm1d`; weights are shared."""
    return nn.Sequential(
        *(make(m.num_features) if isinstance(m, nn.BatchNorm1d) else m for m in model)
    )


@torch.no_grad()
def input_means(model: nn.Sequential, activation: int, x: torch.Tensor) -> torch.Tensor:
    """Mean over the batch x: (N, 64) of each unit that enters an activation, in training mode.

    Args:
        activation: its number, counted from 1.

    Returns (D,). The model stays as it is, running statistics included.
    """
    at = [k for k, module in enumerate(model) if isinstance(module, nn.ReLU)][activation - 1]
    return copy.deepcopy(model[:at])(x).mean(0)


def train_on_few(
    model: nn.Module, images: int = 150, lr: float = 0.1, steps: int = 100, seed: int = 0
) -> float:
    """Trains on the first `images` of a shuffled training set, all of them in every batch.

    They come in another order at each step. Returns the test accuracy, in eval mode.
    """
    x, y, _, _ = tensors()
    order = torch.Generator().manual_seed(seed)
    few = torch.randperm(len(x), generator=order)[:images]
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    for _ in range(steps):
        rows = few[torch.randperm(images, generator=order)]
        optimiser.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimiser.step()
    return accuracy(model)
