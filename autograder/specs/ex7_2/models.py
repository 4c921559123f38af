"""7.2 The networks that a learner's loop trains: small, float64, of several kinds."""

from __future__ import annotations

import torch
from torch import nn

MODELS = {
    "bn": "two convolutions with batch norm, in blocks, and a linear layer",
    "plain": "two convolutions and a linear layer, no norm",
    "dropout": "a convolution with batch norm, dropout, and two linear layers",
    "listed": "linear layers and a batch norm in an nn.ModuleList",
}


class _Listed(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))  # belongs to no layer
        self.layers = nn.ModuleList([nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.Linear(8, 10)])

    def forward(self, x):
        first, norm, last = self.layers
        return self.scale * last(norm(first(x.flatten(1))).relu())


def make(kind: str, channels: int, seed: int) -> nn.Module:
    """A new network for images (N, channels, 5, 6), float64; leaves PyTorch's generator alone."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        return _made(kind, channels).double()
    finally:
        torch.set_rng_state(before)


def _made(kind, channels):
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten()]
    if kind == "bn":
        first = nn.Sequential(nn.Conv2d(channels, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        second = nn.Sequential(nn.Conv2d(4, 3, 2, bias=False), nn.BatchNorm2d(3), nn.ReLU())
        return nn.Sequential(nn.Sequential(first, second), *head, nn.Linear(12, 10))
    if kind == "plain":
        body = [nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 2), nn.ReLU()]
        return nn.Sequential(*body, *head, nn.Linear(12, 10))
    if kind == "dropout":
        body = [nn.Conv2d(channels, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU()]
        tail = [nn.Linear(12, 7), nn.ReLU(), nn.Dropout(0.3), nn.Linear(7, 10)]
        return nn.Sequential(*body, *head, *tail)
    return _Listed(30 * channels)
