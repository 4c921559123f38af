"""What goes through a deep network: signals forward, gradients backward, inputs that move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Signals(NamedTuple):
    """One value per hidden layer, from input to output."""

    spread: np.ndarray  # standard deviation over the samples, root mean square over units
    likeness: np.ndarray  # mean cosine between the activations of two different samples
    gradient: np.ndarray  # norm of the loss gradient at the output of the linear layer


def by_depth(model: nn.Sequential, x: torch.Tensor, y: torch.Tensor) -> Signals:
    """Sends one batch forward and backward through a fresh `bnlab.training.mlp`.

    Spread and likeness are measured after the activation, the gradient before the
    normaliser. Running statistics and stored gradients of the model change.

    Args:
        x: (N, 64) inputs; y: (N,) labels.
    """
    linear, hidden = [], []
    h = x
    for module in model:
        if isinstance(module, nn.Linear):
            hidden.append(h.detach())
            h = module(h)
            h.retain_grad()
            linear.append(h)
        else:
            h = module(h)
    F.cross_entropy(h, y).backward()
    return Signals(
        spread=np.array([h.var(0, unbiased=False).mean().sqrt().item() for h in hidden[1:]]),
        likeness=np.array([_likeness(h) for h in hidden[1:]]),
        gradient=np.array([z.grad.norm().item() for z in linear[:-1]]),
    )


def _likeness(h: torch.Tensor) -> float:
    """Mean cosine of all pairs of different rows. h: (N, D)."""
    h = F.normalize(h, dim=1)
    n = len(h)
    return ((h.sum(0).square().sum() - n) / (n * (n - 1))).item()


def growth(values: np.ndarray, skip: int = 1) -> float:
    """Mean factor per layer from the last value back to the value after `skip` layers."""
    return (values[skip] / values[-1]) ** (1 / (len(values) - 1 - skip))


class InputProbe:
    """Watches what one layer's activation receives while the network trains.

    Use it as `each_step` of `bnlab.training.train`. BN layers are evaluated with the
    probe batch's own statistics, as in training; their running statistics stay as they are.

    Attributes:
        seen: a list of (N, D) arrays, the first one before training.
    """

    def __init__(self, model: nn.Sequential, layer: int, x: torch.Tensor):
        """Watches the activation number `layer` (from 1) on the batch x: (N, 64)."""
        inside = (nn.Linear, nn.BatchNorm1d, nn.LayerNorm, nn.GroupNorm, nn.Identity)
        at = [k for k, module in enumerate(model) if not isinstance(module, inside)][layer - 1]
        self.below, self.x = model[:at], x
        self.seen: list[np.ndarray] = []
        self(0, model)

    @torch.no_grad()
    def __call__(self, step: int, model: nn.Module) -> None:
        h = self.x
        for module in self.below:
            if isinstance(module, nn.BatchNorm1d):
                h = F.batch_norm(
                    h, None, None, module.weight, module.bias, training=True, eps=module.eps
                )
            else:
                h = module(h)
        self.seen.append(h.numpy().copy())
