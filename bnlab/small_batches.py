"""What the chapter on small batches measures with: batches of one class, answers in small batches."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from bnlab.norms.blend import BlendedBatchNorm
from bnlab.training import Data, linear_layers


def class_batches(
    labels: torch.Tensor, size: int, epochs: int, seed: int = 0
) -> list[torch.Tensor]:
    """Batches of one class each, in random order.

    Args:
        labels: (N,) int64.
        size: rows per batch; what is left of a class is dropped in that epoch.
        seed: of the order of the samples and of the batches.

    Returns a list of (size,) indices.
    """
    rng = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(epochs):
        epoch = []
        for label in labels.unique():
            rows = (labels == label).nonzero().flatten()
            rows = rows[torch.randperm(len(rows), generator=rng)]
            epoch += rows[: len(rows) // size * size].split(size)
        batches += [epoch[k] for k in torch.randperm(len(epoch), generator=rng)]
    return batches


def train_on(model: nn.Module, batches: Iterable[torch.Tensor], lr: float, data: Data) -> None:
    """Trains a model in place with SGD on the given rows of the training part, one batch a step."""
    optimiser = torch.optim.SGD(model.parameters(), lr)
    model.train()
    for rows in batches:
        optimiser.zero_grad()
        F.cross_entropy(model(data.x_train[rows]), data.y_train[rows]).backward()
        optimiser.step()


def only_the_top_trained(model: nn.Sequential) -> nn.Sequential:
    """Freezes all but the last normaliser's γ and β and the last layer; in place, and returned."""
    top = [m for m in model if list(m.parameters())][-2:]
    for module in model:
        module.requires_grad_(module in top)
    return model


def moved(model: nn.Module, start: nn.Module) -> float:
    """How far the weights of the first linear layer are from their start, in lengths of the start."""
    now, then = (linear_layers(m)[0].weight.detach() for m in (model, start))
    return ((now - then).norm() / then.norm()).item()


def blended(model: nn.Sequential, **options: Any) -> nn.Sequential:
    """A copy in eval mode with `BlendedBatchNorm(width, **options)` for each batch norm."""
    layers = []
    for module in copy.deepcopy(model):
        if isinstance(module, _BatchNorm):
            blend = BlendedBatchNorm(module.num_features, eps=module.eps, **options)
            blend.load_state_dict(module.state_dict())
            module = blend
        layers.append(module)
    return nn.Sequential(*layers).eval()


@torch.no_grad()
def accuracy_in_batches(
    model: nn.Module, x: torch.Tensor, y: torch.Tensor, size: int, ordered: bool = False
) -> float:
    """Share of right answers of a model in eval mode that sees `size` samples at a time.

    Args:
        x, y: (N, …) and (N,).
        ordered: sort the samples by class; default: in a random order, the same for every call.
    """
    rng = torch.Generator().manual_seed(0)
    order = torch.argsort(y, stable=True) if ordered else torch.randperm(len(y), generator=rng)
    pairs = zip(x[order].split(size), y[order].split(size), strict=True)
    return sum((model.eval()(a).argmax(1) == b).sum().item() for a, b in pairs) / len(y)
