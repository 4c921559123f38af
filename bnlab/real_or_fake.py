"""A judge that tells real images from fake ones, trained and tested in batches of either make-up."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.training import mlp

BATCH = 32
MAKEUPS = ("separate", "mixed")


def judge(norm: str, seed: int = 0) -> nn.Sequential:
    """Two hidden layers with a norm, and one output: above 0 means real."""
    model = mlp(2, norm=norm, init="he", seed=seed)
    model[-1] = nn.Linear(model[-1].in_features, 1)
    return model


def verdicts(model: nn.Module, real: Tensor, fake: Tensor, makeup: str) -> tuple[Tensor, Tensor]:
    """The judge's outputs for some real and some fake images.

    Args:
        makeup: of the batches: "separate", a batch of all real and one of all fake; or "mixed",
            one batch of both.

    Raises:
        ValueError: another make-up.
    """
    if makeup not in MAKEUPS:
        raise ValueError(f"makeup is {makeup!r}; expected one of {', '.join(MAKEUPS)}.")
    if makeup == "separate":
        return model(real).flatten(), model(fake).flatten()
    both = model(torch.cat([real, fake])).flatten()
    return both[: len(real)], both[len(real) :]


def train_judge(
    model: nn.Module,
    real: Tensor,
    fake: Tensor,
    makeup: str,
    epochs: int = 3,
    lr: float = 0.1,
    seed: int = 0,
) -> nn.Module:
    """Trains a judge in place, in steps of 32 real and 32 fake images; returns it."""
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(model.parameters(), lr)
    model.train()
    for _ in range(epochs):
        orders = [torch.randperm(len(real), generator=rng).split(BATCH) for _ in range(2)]
        for a, b in zip(*orders, strict=True):
            if len(a) < BATCH:
                continue
            says = verdicts(model, real[a], fake[b], makeup)
            truth = torch.ones(BATCH), torch.zeros(BATCH)
            losses = [
                F.binary_cross_entropy_with_logits(*pair) for pair in zip(says, truth, strict=True)
            ]
            optimiser.zero_grad()
            sum(losses).backward()
            optimiser.step()
    return model


@torch.no_grad()
def judged_rightly(model: nn.Module, real: Tensor, fake: Tensor, makeup: str) -> float:
    """Share of right verdicts, in batches of this make-up, in the model's mode."""
    right = 0
    for a, b in zip(real.split(BATCH), fake.split(BATCH), strict=True):
        says_real, says_fake = verdicts(model, a, b, makeup)
        right += (says_real > 0).sum().item() + (says_fake < 0).sum().item()
    return right / (len(real) + len(fake))
