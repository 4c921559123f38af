"""7.1 One network, two arms: right answers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Builder:
    """Right in every decision; a mistake replaces one."""

    padding = 1

    def __call__(self, arm, seed, widths=(16, 32, 32), strides=(1, 2, 2), channels=1):
        self.before(seed)
        normed, layers = self.normed(arm), []
        for k, (width, stride) in enumerate(zip(widths, strides, strict=True)):
            conv = nn.Conv2d(
                channels, width, 3, self.stride(stride), self.padding, bias=self.bias(normed)
            )
            layers += self.unit(conv, self.norms(width, normed, k), k == len(widths) - 1)
            channels = width
        model = nn.Sequential(*layers, *self.head(channels, normed))
        self.start(model, seed)
        return model

    def before(self, seed):
        """Before any layer is made."""

    def normed(self, arm):
        return arm == "bn"

    def stride(self, stride):
        return stride

    def bias(self, normed):
        return not normed

    def norms(self, width, normed, number):
        return [nn.BatchNorm2d(width)] if normed else []

    def unit(self, conv, norms, last):
        return [conv, *norms, nn.ReLU()]

    def head(self, width, normed):
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]

    def start(self, model, seed):
        generator = self.generator(seed)
        for layer in self.weighted(model):
            self.weight(layer, generator)
            self.zero(layer)

    def generator(self, seed):
        return torch.Generator().manual_seed(seed)

    def weighted(self, model):
        return [m for m in model if isinstance(m, (nn.Conv2d, nn.Linear))]

    def weight(self, layer, generator):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)

    def zero(self, layer):
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def variant(**methods):
    """An answer with some decisions replaced."""
    return (type("Variant", (Builder,), methods)(),)


class _Net(nn.Module):
    """Own class; the head is registered first, ReLU and mean are functions."""

    def __init__(self, arm, widths, strides, channels):
        super().__init__()
        self.head = nn.Linear(widths[-1], 10)
        ends = [channels, *widths]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, (3, 3), (s, s), (1, 1), bias=arm == "plain")
            for a, b, s in zip(ends, widths, strides, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in widths) if arm == "bn" else None

    def forward(self, x):
        for k, conv in enumerate(self.convs):
            x = conv(x)
            x = F.relu(x if self.norms is None else self.norms[k](x), inplace=True)
        return self.head(x.mean(dim=(-2, -1)))


def _own_class(arm, seed, widths=(16, 32, 32), strides=(1, 2, 2), channels=1):
    net, generator = _Net(arm, widths, strides, channels), torch.Generator()
    generator.manual_seed(seed)
    with torch.no_grad():
        for layer in (*net.convs, net.head):
            fan_in = layer.weight[0].numel()
            draw = torch.randn(layer.weight.shape, generator=generator)
            layer.weight.copy_(draw * (2 / fan_in) ** 0.5)
            if layer.bias is not None:
                layer.bias.zero_()
    return net


def _copied(arm, seed, widths=(16, 32, 32), strides=(1, 2, 2), channels=1):
    """Builds the plain arm in nested blocks, and takes its weights over into the other."""
    plain = Builder()("plain", seed, widths, strides, channels)
    if arm == "plain":
        return plain
    blocks = []
    for layer in plain:
        if isinstance(layer, nn.Conv2d):
            conv = nn.Conv2d(layer.in_channels, layer.out_channels, 3, layer.stride, 1)
            conv.weight, conv.bias = layer.weight, None
            blocks.append(nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU()))
    return nn.Sequential(nn.Sequential(*blocks), plain[-3:])


def _global_but_even(arm, seed, widths=(16, 32, 32), strides=(1, 2, 2), channels=1):
    """PyTorch's own generator, seeded after all layers are made."""
    [answer] = variant(
        weight=lambda self, layer, generator: nn.init.kaiming_normal_(
            layer.weight, a=0, mode="fan_in"
        ),
        generator=lambda self, seed: torch.manual_seed(seed),
    )
    return answer(arm, seed, widths, strides, channels)


RIGHT_WAYS = {
    "own class, the head first, weights by formula": (_own_class,),
    "the bn arm made of the plain one": (_copied,),
    "PyTorch's generator, seeded before the weights are drawn": (_global_but_even,),
}
