"""Small PyTorch networks on digits, trained the same way in every chapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.digits import digits

# Batches of 64 keep two threads busier waiting than working.
torch.set_num_threads(1)

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "identity": nn.Identity}


def tensors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Digits as tensors: x_train (1437, 64), y_train, x_test (360, 64), y_test."""
    return tuple(torch.from_numpy(part) for part in digits())


def norm_layer(norm: str, width: int) -> nn.Module:
    """A normaliser of `width` features: "bn", "ln", "gn" (8 groups) or "none".

    Raises:
        ValueError: another name.
    """
    if norm == "bn":
        return nn.BatchNorm1d(width)
    if norm == "ln":
        return nn.LayerNorm(width)
    if norm == "gn":
        return nn.GroupNorm(8, width)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"norm is {norm!r}; expected 'bn', 'ln', 'gn' or 'none'.")


def mlp(
    depth: int,
    width: int = 128,
    norm: str = "bn",
    init: str = "default",
    activation: str = "relu",
    seed: int = 0,
) -> nn.Sequential:
    """`depth` times Linear – norm – activation, then Linear(width, 10), for 64 inputs.

    Args:
        init: "default" is PyTorch's Linear init (gain 1/√3); "he" is He et al.'s
            normal init with zero bias.
        seed: of the weights.

    Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, eq. 10.
    """
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    inputs = 64
    for _ in range(depth):
        layers += [nn.Linear(inputs, width), norm_layer(norm, width), ACTIVATIONS[activation]()]
        inputs = width
    model = nn.Sequential(*layers, nn.Linear(inputs, 10))
    if init == "he":
        for layer in linear_layers(model):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    elif init != "default":
        raise ValueError(f"init is {init!r}; expected 'default' or 'he'.")
    return model


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """The linear layers of a model, from input to output."""
    return [m for m in model.modules() if isinstance(m, nn.Linear)]


@dataclass
class Run:
    """A finished training run."""

    model: nn.Module
    losses: list[float] = field(default_factory=list)  # per step
    accuracy: float = 0.0  # on the test set, in eval mode, after the last step
    diverged: bool = False  # the loss stopped being finite


def train(
    model: nn.Module,
    lr: float,
    epochs: int = 10,
    batch_size: int = 64,
    seed: int = 0,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    each_step: Callable[[int, nn.Module], None] | None = None,
) -> Run:
    """Trains with SGD on the digits and tests at the end.

    Args:
        seed: of the order of the batches. The last, smaller batch is dropped.
        each_step: called as `each_step(step, model)` after each step, from 1.

    A run whose loss is not finite stops; its accuracy counts as 0.1, a guess.
    """
    x, y, _, _ = tensors()
    order = torch.Generator().manual_seed(1000 + seed)
    optimiser = torch.optim.SGD(
        model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay
    )
    run = Run(model)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=order).split(batch_size):
            if len(rows) < batch_size:
                continue
            loss = F.cross_entropy(model(x[rows]), y[rows])
            if not torch.isfinite(loss):
                run.diverged, run.accuracy = True, 0.1
                return run
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            run.losses.append(loss.item())
            if each_step:
                each_step(len(run.losses), model)
    run.accuracy = accuracy(model)
    return run


@torch.no_grad()
def accuracy(model: nn.Module) -> float:
    """Share of the 360 test images classified rightly, in eval mode; restores every mode."""
    _, _, x, y = tensors()
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    right = (model(x).argmax(1) == y).float().mean().item()
    for module, mode in modes:
        module.training = mode
    return right


def accuracy_map(norm: str, scales: list[float], rates: list[float]) -> np.ndarray:
    """Test accuracy of a small network over initial scale and learning rate.

    Five hidden layers of 64, He initialisation with the hidden weights times
    `scale`, three epochs, one seed.

    Returns:
        (len(scales), len(rates)), a row per scale.
    """
    values = np.empty((len(scales), len(rates)))
    for i, scale in enumerate(scales):
        for j, lr in enumerate(rates):
            model = mlp(depth=5, width=64, norm=norm, init="he")
            with torch.no_grad():
                for layer in linear_layers(model)[:-1]:
                    layer.weight *= scale
            values[i, j] = train(model, lr, epochs=3).accuracy
    return values
