"""9.1 Does it reach batch norm?: networks and streams to try it on."""

from __future__ import annotations

import copy
from functools import lru_cache

import numpy as np
import torch
from torch import nn


class _Block(nn.Module):
    """x + branch(x), with dropout at the end of the branch."""

    def __init__(self, width, dropout):
        super().__init__()
        layers = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.branch = nn.Sequential(*layers, nn.Dropout2d(dropout))

    def forward(self, x):
        return torch.relu(x + self.branch(x))


def build(kind: str, seed: int, dropout: float) -> nn.Module:
    """A network in the modes that a study would meet it in."""
    return copy.deepcopy(_built(kind, seed, dropout))


@lru_cache(maxsize=64)
def _built(kind: str, seed: int, dropout: float) -> nn.Module:
    generator = torch.get_rng_state()
    torch.manual_seed(seed)
    model = _made(kind, dropout)
    for layer in model.modules():
        if getattr(layer, "running_mean", None) is not None:
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    torch.set_rng_state(generator)
    return model


def _made(kind: str, dropout: float) -> nn.Module:
    if kind == "rows":
        return nn.Sequential(
            nn.Linear(6, 8),
            nn.BatchNorm1d(8, eps=0.05),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(8, 5),
            nn.BatchNorm1d(5, momentum=0.3),
            nn.ReLU(),
            nn.Linear(5, 4),
        ).eval()
    if kind == "images":
        stem = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU())
        head = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 4))
        return nn.Sequential(stem, _Block(4, dropout), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    model = nn.Sequential(
        nn.Linear(6, 8),
        nn.GroupNorm(2, 8),
        nn.BatchNorm1d(8, track_running_stats=False),
        nn.ReLU(),
        nn.Linear(8, 8),
        nn.BatchNorm1d(8, momentum=None),
        nn.ReLU(),
        nn.Linear(8, 4),
        nn.BatchNorm1d(4, eps=0.1),
    )
    model[5].eval()  # frozen, as for fine-tuning
    return model.requires_grad_(False)


def batches(rng: np.random.Generator, kind: str, steps: int, size: int) -> list[tuple]:
    """A stream: pairs of inputs (size, …), float32, and labels (size,), int64, by class."""
    shape = (1, 7, 7) if kind == "images" else (6,)
    prototypes = rng.normal(size=(4, *shape))
    stream = []
    for _ in range(steps):
        y = rng.permutation(np.arange(size) % 4)
        x = 0.5 + prototypes[y] + 0.5 * rng.normal(size=(size, *shape))
        stream.append((x.astype("f4"), y.astype("i8")))
    return stream


def label_swap(rng, stream):
    a, b = rng.permutation(4)[:2]
    swapped = np.arange(4)
    swapped[[a, b]] = b, a
    return [(x, swapped[y]) for x, y in stream]


def affine(rng, stream):
    factor, offset = rng.uniform(1.5, 2.5), rng.uniform(0.5, 1.0)
    return [((factor * x + offset).astype("f4"), y) for x, y in stream]


def brighter(rng, stream):
    return _plus(rng.uniform(1.5, 2.5), stream)


def darker(rng, stream):
    return _plus(-rng.uniform(1.5, 2.5), stream)


def _plus(offset, stream):
    return [((x + offset).astype("f4"), y) for x, y in stream]


def contrast_about_the_mean(rng, stream):
    """The mean of every input value over the batch stays; its spread does not."""
    factor = rng.uniform(1.6, 2.4)
    return [((x.mean(0) + factor * (x - x.mean(0))).astype("f4"), y) for x, y in stream]


def noise(rng, stream):
    return [((x + rng.normal(size=x.shape)).astype("f4"), y) for x, y in stream]


def one_class(rng, stream):
    """Each batch again, of images of one class alone."""
    size, pool = len(stream[0][1]), [np.concatenate(part) for part in zip(*stream, strict=True)]
    rows = np.flatnonzero(pool[1] == rng.integers(4))
    chosen = [rng.choice(rows, size) for _ in stream]
    return [(pool[0][some], pool[1][some]) for some in chosen]


def other_batches(rng, stream):
    """The same batches in reverse."""
    return stream[::-1]
