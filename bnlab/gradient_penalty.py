"""Training with the gradient in the loss: what needs second derivatives, on the digits."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.training import Run, accuracy, load

Normalise = Callable[[Tensor, Tensor, Tensor], Tensor]


class NormalisedBy(nn.BatchNorm1d):
    """Batch norm that computes y in training with a function of x, gamma and beta."""

    normalise: Normalise

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, D). Returns the same shape."""
        y = super().forward(x)  # in training, for the running statistics
        return self.normalise(x, self.weight, self.bias) if self.training else y


def normalised_by(model: nn.Module, function: Normalise) -> nn.Module:
    """A copy of a network whose batch norms compute y in training with `function`."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.__class__, layer.normalise = NormalisedBy, function
    return model


def loss_and_penalty(model: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy, and the mean squared length of its gradient by an image.

    Both with a graph, so that the penalty can be part of a loss.

    Source: Drucker & Le Cun, "Improving generalization performance using double
    backpropagation", IEEE Trans. Neural Networks 3(6), 1992.
    """
    x = x.detach().clone().requires_grad_()
    loss = F.cross_entropy(model(x), y)
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    return loss, (gradient * len(x)).square().flatten(1).sum(1).mean()


def gradient_of_penalty(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The penalty's gradient by all parameters, as one vector; 0 for those it has no path to."""
    _, penalty = loss_and_penalty(model, x, y)
    model.zero_grad()
    penalty.backward()
    parameters = model.parameters()
    grads = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]
    model.zero_grad()
    return torch.cat([grad.flatten() for grad in grads])


def train_with_penalty(
    model: nn.Module, strength: float, lr: float = 0.1, epochs: int = 5, seed: int = 0
) -> Run:
    """Trains on the digits with SGD, batches of 64 and the loss + strength · penalty.

    Args:
        seed: of the order of the batches.
    """
    data, run = load("digits").flat(), Run(model.train())
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    order = torch.Generator().manual_seed(1000 + seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(data.x_train), generator=order).split(64)[:-1]:
            loss, penalty = loss_and_penalty(model, data.x_train[rows], data.y_train[rows])
            optimiser.zero_grad()
            (loss + strength * penalty).backward()
            optimiser.step()
            run.losses.append(loss.item())
    run.accuracy = accuracy(model, data)
    return run
