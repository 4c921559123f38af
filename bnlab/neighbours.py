"""What an answer owes to the other samples of its batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def answers_among(
    model: nn.Module, x: Tensor, others: Tensor, size: int, rounds: int, seed: int = 0
) -> Tensor:
    """Asks for the class of each sample several times, each time in other company.

    Args:
        model: in the mode that is to be looked at; its statistics move if that is training mode.
        x: (N, …), the samples asked about.
        others: (M, …), where their neighbours are drawn from, without replacement.
        size: of a batch: the sample and size − 1 neighbours.
        rounds: batches per sample.
        seed: of the draws.

    Returns (rounds, N) int64, the predicted classes.
    """
    rng = torch.Generator().manual_seed(seed)
    classes = torch.empty(rounds, len(x), dtype=torch.int64)
    for k in range(rounds):
        for i, sample in enumerate(x):
            company = others[torch.randperm(len(others), generator=rng)[: size - 1]]
            classes[k, i] = model(torch.cat([sample[None], company]))[0].argmax()
    return classes


def undecided(classes: Tensor) -> float:
    """Share of samples that did not get the same class in every round; (rounds, N)."""
    return (classes != classes[0]).any(0).float().mean().item()
