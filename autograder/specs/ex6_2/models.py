"""6.2 Frozen batch norms: the models, and the reference, a layer that has no modes at all."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class Own(nn.BatchNorm2d):
    """A batch norm that someone derived from PyTorch's."""


class Twice(nn.Module):
    """One batch norm that is used twice, under two names."""

    def __init__(self):
        super().__init__()
        self.first = nn.BatchNorm1d(4)
        self.body = nn.Sequential(nn.Linear(4, 4), self.first, nn.Dropout(0.4))

    def forward(self, x):
        return self.body(self.first(x))


class Backbone(nn.Module):
    """Batch norms on three levels, dropout beside them."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.4))
        inner = nn.Sequential(nn.BatchNorm1d(5), nn.ReLU())
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(5, 5), inner)])
        self.norm = nn.BatchNorm1d(5)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.norm(x)


def _images():
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 3, 1), Own(3, eps=0.1), nn.Dropout2d(0.4)),
    )


MODELS = {
    "rows": lambda: nn.Sequential(
        nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.4), nn.Linear(5, 2)
    ),
    "blocks": Backbone,
    "images": _images,
    "volumes": lambda: nn.Sequential(nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3), nn.Dropout3d(0.4)),
    "SyncBatchNorm": lambda: nn.Sequential(
        nn.Linear(4, 3), nn.SyncBatchNorm(3), nn.Dropout(0.4), nn.BatchNorm1d(3)
    ),
    "other normalisers": lambda: nn.Sequential(
        nn.Linear(4, 4),
        nn.LayerNorm(4),
        nn.Unflatten(1, (2, 2)),
        nn.InstanceNorm1d(2, affine=True, track_running_stats=True),
        nn.GroupNorm(1, 2),
        nn.BatchNorm1d(2),
    ),
    "no γ and β": lambda: nn.Sequential(
        nn.Linear(4, 3), nn.BatchNorm1d(3, affine=False), nn.Linear(3, 3), nn.BatchNorm1d(3)
    ),
    "a layer under two names": Twice,
    "one layer": lambda: nn.BatchNorm1d(4),
}
SHAPES = {"images": (3, 2, 4, 4), "volumes": (2, 2, 3, 3, 3)}


def made(name: str, seed: int) -> nn.Module:
    """A model with parameters and statistics drawn from `seed`, float64, in training mode."""
    model = MODELS[name]().double()
    rng = np.random.default_rng(seed)
    for key, tensor in (*model.named_parameters(), *model.named_buffers()):
        tensor = tensor.detach()
        if tensor.is_floating_point():
            low, high = (0.5, 2) if key.endswith("running_var") else (-1, 1)
            tensor.copy_(torch.from_numpy(rng.uniform(low, high, tuple(tensor.shape))))
        else:
            tensor.fill_(int(rng.integers(2, 50)))
    return model


class Fixed(nn.Module):
    """A batch norm layer's formula with the statistics that it had; no mode changes it."""

    def __init__(self, layer: _BatchNorm):
        super().__init__()
        self.eps = layer.eps
        self.weight, self.bias = layer.weight, layer.bias
        for name, buffer in layer.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, x):
        c = (-1, *[1] * (x.ndim - 2))
        x_hat = (x - self.running_mean.view(c)) * (self.running_var + self.eps).rsqrt().view(c)
        return x_hat if self.weight is None else self.weight.view(c) * x_hat + self.bias.view(c)


def with_fixed(model: nn.Module, affine: bool = True) -> nn.Module:
    """The model with a `Fixed` for each batch norm: the reference."""
    fixed = {m: Fixed(m) for m in model.modules() if isinstance(m, _BatchNorm)}
    for parent in list(model.modules()):
        for name, child in parent._modules.items():
            parent._modules[name] = fixed.get(child, child)
    if affine:
        for layer in fixed.values():
            layer.requires_grad_(False)
    return fixed.get(model, model)
