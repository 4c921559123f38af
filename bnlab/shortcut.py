"""The shortcut of contrastive learning: a batch's statistics as a signature, in a game that has no other clue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def encoder(norm: Callable[[int], nn.Module], seed: int = 0, width: int = 128) -> nn.Sequential:
    """Two hidden layers with `norm(width)` for rows of 64, and 32 outputs."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs in (64, width):
        layers += [nn.Linear(inputs, width), norm(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 32))


def view(x: Tensor, rng: torch.Generator, noise: float, hidden: float) -> Tensor:
    """A random view of each row: a share of the pixels set to 0, then noise on all."""
    seen = torch.rand(x.shape, generator=rng) > hidden
    return x * seen + noise * torch.randn(x.shape, generator=rng)


@dataclass(frozen=True)
class Game:
    """Find the partner: which of the keys belongs to each query?

    Query and key number i lie in two batches, in the same group of each; sample k of a batch is
    in group k mod groups, as `GhostBatchNorm` deals them.

    Args:
        cards: True: queries and keys are grey cards, all alike, one in each group. The rest of a
            group are views of the same images in both batches. False: every sample is a query,
            and its key is another view of the same image.
        shuffled: deal the key batch out to the groups anew, so that partners have other company.
        groups, size: of a batch.
    """

    cards: bool
    shuffled: bool
    groups: int = 16
    size: int = 8
    noise: float = 0.1
    hidden: float = 0.2

    def turn(self, model: nn.Module, x: Tensor, rng: torch.Generator) -> Tensor:
        """Cosine of each query with each key, (N, N); partners on the diagonal."""
        images = self.groups * (self.size - self.cards)
        rows = torch.randperm(len(x), generator=rng)[:images]
        first, second = (view(x[rows], rng, self.noise, self.hidden) for _ in range(2))
        order = torch.randperm(images, generator=rng) if self.shuffled else torch.arange(images)
        if self.cards:
            cards = torch.full((self.groups, x.shape[1]), 0.5)
            queries = model(torch.cat([cards, first]))[: self.groups]
            keys = model(torch.cat([cards, second[order]]))[: self.groups]
        else:
            queries, keys = model(first), model(second[order])[torch.argsort(order)]
        return F.normalize(queries) @ F.normalize(keys).T


def play(
    game: Game, model: nn.Module, x: Tensor, steps: int, lr: float = 0.1, seed: int = 0
) -> list[float]:
    """Trains a model in place to find the partners; returns its share of right answers by step.

    The loss is InfoNCE with temperature 0.1.
    """
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    right = []
    for _ in range(steps):
        logits = game.turn(model.train(), x, rng) / 0.1
        partners = torch.arange(len(logits))
        loss = F.cross_entropy(logits, partners)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        right.append((logits.argmax(1) == partners).float().mean().item())
    return right


@torch.no_grad()
def neighbours_agree(
    model: nn.Sequential, x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor, k: int = 5
) -> float:
    """Accuracy of the k nearest training samples in what the last hidden layer says, eval mode."""
    hidden = model[:-1].eval()
    near = F.normalize(hidden(x_test)) @ F.normalize(hidden(x)).T
    votes = y[near.topk(k).indices].mode(1).values
    return (votes == y_test).float().mean().item()
