"""A network whose hidden weights have no length that matters, trained with exact bookkeeping."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.training import accuracy, linear_layers, tensors


def scale_free_net(seed: int = 0, width: int = 64, eps: float = 1e-30) -> nn.Sequential:
    """Twice Linear – BN – ReLU, then Linear(width, 10), in float64.

    The hidden linear layers have no bias, since the mean takes it away again. With the tiny
    eps the loss is the same for W and α·W up to rounding; PyTorch refuses eps = 0 in training.
    """
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs in (64, width):
        layers += [nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width, eps), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10)).double()


def hidden_weights(model: nn.Sequential) -> list[nn.Parameter]:
    """The weight matrices that a BN layer follows."""
    return [layer.weight for layer in linear_layers(model)[:-1]]


class Path(NamedTuple):
    """What a run leaves, a row per step; L hidden layers."""

    losses: np.ndarray  # (steps,)
    lengths: np.ndarray  # (steps, L), |W| before the step
    gradients: np.ndarray  # (steps, L), |∂loss/∂W|
    rates: np.ndarray  # (steps,), the hidden weights' learning rate
    accuracy: float  # on the test set, in eval mode, after the last step

    @property
    def effective(self) -> np.ndarray:
        """(steps, L): the effective learning rate lr/|W|² of each hidden layer."""
        return self.rates[:, None] / self.lengths**2


def follow(
    lr: float = 0.1,
    scale: float = 1.0,
    decay: float = 0.0,
    growth: float = 1.0,
    copy_lengths: np.ndarray | None = None,
    steps: int = 200,
    seed: int = 0,
) -> Path:
    """Trains `scale_free_net` with SGD; the arguments concern its hidden weights alone.

    γ, β and the last layer always train at learning rate 0.1 without weight decay.

    Args:
        lr: learning rate of the first step.
        scale: the hidden weights start this many times longer.
        decay: L2 penalty λ: each step is W ← W − lr·(G + λ·W).
        growth: the learning rate is lr · growth**(2t + 1) at step t = 0, 1, ….
        copy_lengths: (steps, L); after each step W is rescaled to the next row.
    """
    x, y, _, _ = tensors()
    x = x.double()
    model = scale_free_net(seed)
    hidden = hidden_weights(model)
    with torch.no_grad():
        for w in hidden:
            w *= scale
    rest = [p for p in model.parameters() if not any(p is w for w in hidden)]
    groups = [{"params": hidden, "lr": lr, "weight_decay": decay}, {"params": rest}]
    optimiser = torch.optim.SGD(groups, lr=0.1)
    order = torch.Generator().manual_seed(seed)
    losses, lengths, gradients, rates = [], [], [], []
    for t in range(steps):
        rows = torch.randint(len(x), (64,), generator=order)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        rate = lr * growth ** (2 * t + 1)
        optimiser.param_groups[0]["lr"] = rate
        losses.append(loss.item())
        lengths.append([w.norm().item() for w in hidden])
        gradients.append([w.grad.norm().item() for w in hidden])
        rates.append(rate)
        optimiser.step()
        if copy_lengths is not None and t + 1 < steps:
            with torch.no_grad():
                for w, length in zip(hidden, copy_lengths[t + 1], strict=True):
                    w *= length / w.norm()
    right = accuracy(model.float())
    return Path(*map(np.array, (losses, lengths, gradients, rates)), right)
