"""Training where the ordinary loop does not reach: other optimisers, spoilt batches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from bnlab.training import Data, accuracy


def fit(
    model: nn.Module,
    data: Data,
    optimiser: Callable[[nn.Module], torch.optim.Optimizer],
    epochs: int,
    batch_size: int = 64,
    seed: int = 0,
    spoil: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> float:
    """Trains a model in place and returns its test accuracy.

    Sees the same batches as `bnlab.training.train` with the same seed.

    Args:
        optimiser: makes one for the model.
        spoil: what happens to the images of each batch, shape (batch_size, …), before the model
            sees them; it must return a new tensor of the same shape.
    """
    x, y = data.part("train")
    order = torch.Generator().manual_seed(1000 + seed)
    steps = optimiser(model.train())
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=order).split(batch_size):
            if len(rows) < batch_size:
                continue
            images = x[rows] if spoil is None else spoil(x[rows])
            steps.zero_grad()
            F.cross_entropy(model(images), y[rows]).backward()
            steps.step()
    return accuracy(model, data)


def adam(lr: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Adam with PyTorch's defaults but the learning rate."""
    return lambda model: torch.optim.Adam(model.parameters(), lr)


def sgd(
    lr: float, weight_decay: float = 0.0, of_all: bool = True
) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Plain SGD.

    Args:
        of_all: False: the decay is left out for vectors, that is for γ, β and biases.
    """

    def make(model: nn.Module) -> torch.optim.Optimizer:
        vectors = [p for p in model.parameters() if p.ndim == 1]
        matrices = [p for p in model.parameters() if p.ndim > 1]
        groups = [
            {"params": matrices, "weight_decay": weight_decay},
            {"params": vectors, "weight_decay": weight_decay if of_all else 0.0},
        ]
        return torch.optim.SGD(groups, lr)

    return make


def first_times(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """For `fit`: the first image of each batch is multiplied by `factor`."""

    def spoil(images: torch.Tensor) -> torch.Tensor:
        spoilt = images.clone()
        spoilt[0] *= factor
        return spoilt

    return spoil
