"""8.1 The models to be shipped: nested nn.Sequential, float64, with statistics as after training."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

MODELS = {
    "plain": "convolutions without bias, each with its batch norm",
    "nested": "blocks inside blocks; a batch norm begins a block, its convolution ends the one before",
    "settings": "groups, stride, dilation, padding, biases, a batch norm without γ and β, a large eps",
    "rows": "linear layers with batch norm and dropout",
    "twice": "two batch norms behind one convolution",
    "misplaced": "batch norms at the front, behind a ReLU, and in front of a padded convolution",
    "blind": "a batch norm without running statistics",
}


def layers_of(model: nn.Module) -> Iterator[nn.Module]:
    """The layers of nested nn.Sequential, in the order in which they run."""
    if isinstance(model, nn.Sequential):
        for part in model:
            yield from layers_of(part)
    else:
        yield model


SINGLE = ("plain",)  # in float32, as most models are; the others show smaller errors


def make(kind: str, seed: int) -> tuple[nn.Sequential, torch.Tensor]:
    """A model, float64, and images for it (8, …); leaves PyTorch's generator alone.

    Those of kinds in SINGLE hold numbers that float32 has, too.
    """
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        model, x = _MADE[kind](), torch.randn(8, 2, 7, 6, dtype=torch.float64)
        for layer in layers_of(model):
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                _as_trained(layer)
        if kind in SINGLE:
            model, x = model.float(), x.float().double()
        return model.double(), x.flatten(1) if kind == "rows" else x
    finally:
        torch.set_rng_state(before)


@torch.no_grad()
def _as_trained(norm):
    if norm.weight is not None:
        norm.weight.normal_(0.5, 1.0)
        norm.bias.normal_()
    if norm.running_mean is not None:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.01, 2.0)
        norm.num_batches_tracked.fill_(100)


def _head(width):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]


def _conv(a, b, **settings):
    return nn.Conv2d(a, b, 3, **({"padding": 1, "bias": False} | settings))


def _plain():
    body = [_conv(2, 5), nn.BatchNorm2d(5), nn.ReLU(), _conv(5, 4), nn.BatchNorm2d(4), nn.ReLU()]
    return nn.Sequential(*body, *_head(4))


def _nested():
    stem = nn.Sequential(_conv(2, 4), nn.BatchNorm2d(4), nn.ReLU())
    first = nn.Sequential(stem, nn.Sequential(_conv(4, 6, bias=True)))
    second = nn.Sequential(nn.BatchNorm2d(6), nn.ReLU(), nn.Sequential(_conv(6, 3)))
    head = nn.Sequential(nn.Sequential(nn.BatchNorm2d(3)), nn.ReLU(), *_head(3))
    return nn.Sequential(first, second, head)


def _settings():
    grouped = _conv(2, 6, groups=2, stride=2, bias=True)
    dilated = _conv(6, 6, groups=3, dilation=2, padding=(2, 1))
    body = [grouped, nn.BatchNorm2d(6, eps=0.1), nn.ReLU()]
    return nn.Sequential(*body, dilated, nn.BatchNorm2d(6, affine=False), nn.ReLU(), *_head(6))


def _rows():
    first = [nn.Linear(84, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*first, nn.Linear(7, 5, bias=False), nn.BatchNorm1d(5), nn.Linear(5, 10))


def _twice():
    body = [_conv(2, 4), nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.ReLU()]
    return nn.Sequential(*body, *_head(4))


def _misplaced():
    body = [nn.BatchNorm2d(2), _conv(2, 4), nn.ReLU(), nn.BatchNorm2d(4)]
    return nn.Sequential(*body, _conv(4, 3), nn.BatchNorm2d(3), nn.ReLU(), *_head(3))


def _blind():
    body = [_conv(2, 4), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU()]
    return nn.Sequential(*body, _conv(4, 3), nn.BatchNorm2d(3), nn.ReLU(), *_head(3))


_MADE = dict(
    plain=_plain,
    nested=_nested,
    settings=_settings,
    rows=_rows,
    twice=_twice,
    misplaced=_misplaced,
    blind=_blind,
)
