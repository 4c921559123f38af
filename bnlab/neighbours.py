"""What an answer owes to the other samples of its batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F


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


@torch.no_grad()
def overhear(
    model: nn.Module, own: Tensor, victims: Tensor, strangers: Tensor, k: int, seed: int = 0
) -> Tensor:
    """The answers to your own samples, in a batch with one victim and some strangers.

    Args:
        model: in the mode that is to be looked at.
        own: (A, …), the same in every batch.
        victims: (V, …), one a batch.
        strangers: (M, …), where k more samples are drawn from, anew for each batch.
        seed: of the draws.

    Returns (V, A · outputs): a row per batch, all that its sender gets back.
    """
    rng = torch.Generator().manual_seed(seed)
    heard = []
    for victim in victims:
        company = strangers[torch.randperm(len(strangers), generator=rng)[:k]]
        heard.append(model(torch.cat([own, victim[None], company]))[: len(own)].flatten())
    return torch.stack(heard)


def disturbing(
    model: nn.Module, x: Tensor, y: Tensor, steps: int = 25, size: float = 0.5, seed: int = 0
) -> Tensor:
    """A sample in 0…1 that, added to a batch, makes the answers to the others wrong.

    Climbs the loss of the others by the sign of its gradient, with steps that shrink to 0.

    Args:
        model: left as it is, but for the statistics that a forward pass moves.
        x, y: (N, D) and (N,), the others and their classes.
        steps, size: of the ascent; size is the first step, in grey values.
        seed: of the noise that it starts from.

    Returns (1, D).

    Source: the attack of Wu et al., "Uncovering Adversarial Risks of Test-Time Adaptation",
    ICML 2023, with one sample.
    """
    sample = torch.rand(1, x.shape[1], generator=torch.Generator().manual_seed(seed))
    for step in range(steps):
        sample.requires_grad_()
        loss = F.cross_entropy(model(torch.cat([x, sample]))[:-1], y)
        [slope] = torch.autograd.grad(loss, sample)
        move = size * (1 - step / steps) * slope.sign()
        sample = (sample.detach() + move).clamp(0, 1)
    return sample


def right_beside(model: nn.Module, x: Tensor, y: Tensor, sample: Tensor) -> float:
    """Share of right answers to x when `sample`, (1, …), is in the same batch."""
    with torch.no_grad():
        return (model(torch.cat([x, sample]))[:-1].argmax(1) == y).float().mean().item()


def sample_gradients(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of each sample's own loss, all samples in one batch.

    Returns (N, parameters). With batch norm in training mode a row depends on the other samples.
    """
    losses = F.cross_entropy(model(x), y, reduction="none")
    parameters = list(model.parameters())
    rows = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in losses]
    return torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])


def gradients_alone(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of each sample's loss in a batch of its own, by `vmap` of `grad`.

    Returns (N, parameters).

    Raises:
        RuntimeError: of `vmap`, if the model writes running statistics.
    """
    buffers = dict(model.named_buffers())

    def loss(parameters, sample, label):
        logits = functional_call(model, (parameters, buffers), (sample[None],))
        return F.cross_entropy(logits, label[None])

    parameters = {name: value.detach() for name, value in model.named_parameters()}
    rows = vmap(grad(loss), (None, 0, 0))(parameters, x, y)
    return torch.cat([rows[name].flatten(1) for name in parameters], 1)


def clipped_sum(gradients: Tensor, limit: float) -> Tensor:
    """Sum of the rows of (N, P), each scaled down to a norm of `limit` where it is longer.

    Source: Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1,
    before the noise.
    """
    norms = gradients.norm(dim=1, keepdim=True)
    return (gradients * (limit / norms).clamp(max=1)).sum(0)
