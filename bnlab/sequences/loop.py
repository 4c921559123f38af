"""Training a Reader, and what it reaches on the test sentences."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional as F

from bnlab.sequences.reader import Reader
from bnlab.sequences.sentences import PADDING, pad, text


def batches(
    lengths: torch.Tensor, batch_size: int, by_length: bool, order: torch.Generator
) -> Iterator[torch.Tensor]:
    """Yields rows without end. `by_length`: sentences of similar length together (bucketing)."""
    while True:
        rows = torch.randperm(len(lengths), generator=order)
        if by_length:
            rows = rows[lengths[rows].argsort(stable=True)]
        full = [part for part in rows.split(batch_size) if len(part) == batch_size]
        for k in torch.randperm(len(full), generator=order):
            yield full[k]


def fit(
    model: Reader,
    lr: float,
    steps: int,
    batch_size: int = 32,
    seed: int = 0,
    warmup: int = 0,
    by_length: bool = False,
) -> np.ndarray:
    """Trains with Adam, on the digits or, if the model is causal, on the next words.

    Args:
        warmup: steps in which the learning rate rises from lr/warmup to lr.
        by_length: batches of sentences of similar length.
        seed: of the order of the batches.

    Returns:
        (steps,) the losses, in nats per sentence or per word.
    """
    data = text(framed=model.causal)
    order = torch.Generator().manual_seed(1000 + seed)
    rows = batches(torch.tensor([len(s) for s in data.train]), batch_size, by_length, order)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    losses = np.empty(steps)
    for step in range(steps):
        chosen = next(rows)
        tokens = pad([data.train[k] for k in chosen])
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1, (step + 1) / max(warmup, 1))
        if model.causal:
            loss = next_word_loss(model, tokens)
        else:
            loss = F.cross_entropy(model(tokens), data.train_digits[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses[step] = loss.item()
    return losses


def next_word_loss(model: Reader, tokens: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """Cross-entropy of each word of (N, T) given those before it, in nats, padding left out."""
    logits = model(tokens[:, :-1]).flatten(0, 1)
    return F.cross_entropy(
        logits, tokens[:, 1:].flatten(), ignore_index=PADDING, reduction=reduction
    )


@torch.no_grad()
def remeasured(model: Reader, length: int, batch_size: int = 32) -> Reader:
    """A copy whose running statistics are those of training sentences padded to `length`."""
    model, sentences = copy.deepcopy(model).train(), text(framed=model.causal).train
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.reset_running_stats()
            layer.momentum = None  # a plain average over the batches
    for k in range(0, len(sentences) - batch_size + 1, batch_size):
        model(pad(sentences[k : k + batch_size], length))
    return model


@torch.no_grad()
def digit_accuracy(model: Reader) -> float:
    """Share of the 360 test sentences whose digit is named rightly, in eval mode."""
    data = text()
    right = copy.deepcopy(model).eval()(pad(data.test)).argmax(1) == data.test_digits
    return right.float().mean().item()


@torch.no_grad()
def loss_per_word(model: Reader, batch_size: int = 360, training: bool = False) -> float:
    """Nats per word on the test sentences of a causal model.

    Args:
        batch_size: sentences evaluated at once.
        training: leave the model in training mode. Its running statistics stay as they were.
    """
    model, sentences = copy.deepcopy(model).train(training), text(framed=True).test
    parts = [pad(sentences[k : k + batch_size]) for k in range(0, len(sentences), batch_size)]
    total = sum(next_word_loss(model, part, "sum").item() for part in parts)
    return total / sum((part[:, 1:] != PADDING).sum().item() for part in parts)
