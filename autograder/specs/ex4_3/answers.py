"""4.3 Blocks: right answers."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class Sum(nn.Module):
    """shortcut(x) + branch(x), and what comes after."""

    def __init__(self, branch, shortcut, after):
        super().__init__()
        self.branch, self.shortcut, self.after = branch, shortcut, after

    def forward(self, x):
        return self.after(self.branch(x) + self.shortcut(x))


class Builder:
    """Right in every decision; a mistake replaces one.

    `last` says whether a convolution is the last of its branch or chain.
    """

    padding = 1

    def chain(self, widths, stride=1, order="post", norm=True):
        return self.contain(self.layers(widths, stride, order, norm))

    def residual(self, widths, stride=1, order="post", norm=True, zero_init=True):
        branch = self.layers(widths, stride, order, norm)
        if order == "post":
            branch = self.unfinished(branch)
        shortcut = self.shortcut(widths[0], widths[-1], stride, order, norm)
        block = Sum(nn.Sequential(*branch), shortcut, self.after(order))
        if zero_init:
            self.start(branch, order, norm, block)
        return block

    def contain(self, layers):
        return nn.Sequential(*layers)

    def layers(self, widths, stride, order, norm):
        layers = []
        for number, (c_in, c_out) in enumerate(pairwise(widths)):
            last = number == len(widths) - 2
            conv = nn.Conv2d(
                c_in,
                c_out,
                3,
                stride=stride if self.strides(number, last) else 1,
                padding=self.padding,
                bias=self.bias(order, norm, last),
            )
            layers += self.unit(conv, order, norm, last)
        return layers

    def strides(self, number, last):
        """Whether a convolution takes the stride."""
        return number == 0

    def bias(self, order, norm, last):
        return not norm or (order == "pre" and last)

    def unit(self, conv, order, norm, last):
        if order == "post":
            return [conv, *self.norms(conv.out_channels, norm), nn.ReLU()]
        return [*self.norms(conv.in_channels, norm), nn.ReLU(), conv]

    def norms(self, width, norm):
        return [nn.BatchNorm2d(width)] if norm else []

    def unfinished(self, branch):
        """The branch of the post-activation form, up to the addition."""
        return branch[:-1]

    def shortcut(self, c_in, c_out, stride, order, norm):
        if not self.projects(c_in, c_out, stride):
            return nn.Identity()
        return nn.Sequential(*self.projection(c_in, c_out, stride, norm and order == "post"))

    def projects(self, c_in, c_out, stride):
        return stride != 1 or c_in != c_out

    def projection(self, c_in, c_out, stride, norm):
        conv = nn.Conv2d(c_in, c_out, 1, stride=stride, bias=not norm)
        return [conv, *self.norms(c_out, norm)]

    def after(self, order):
        return nn.ReLU() if order == "post" else nn.Identity()

    def start(self, branch, order, norm, block):
        """Lets the branch begin as zero."""
        for parameter in branch[-1].parameters():
            nn.init.zeros_(parameter)

    @property
    def answers(self):
        return self.chain, self.residual


def variant(**methods):
    """Answers with some decisions replaced."""
    return type("Variant", (Builder,), methods)().answers


class _Unit(nn.Module):
    """One convolution with what belongs to it; ReLU is a function."""

    def __init__(self, c_in, c_out, stride, order, norm, last, activate=True):
        super().__init__()
        self.order, self.activate = order, activate
        self.norm = nn.BatchNorm2d(c_out if order == "post" else c_in) if norm else None
        bias = not norm or (order == "pre" and last)
        self.conv = nn.Conv2d(c_in, c_out, (3, 3), (stride, stride), (1, 1), bias=bias)

    def forward(self, x):
        if self.order == "pre":
            return self.conv(torch.relu(x if self.norm is None else self.norm(x)))
        x = self.conv(x)
        x = x if self.norm is None else self.norm(x)
        return F.relu(x, inplace=True) if self.activate else x


class _Block(nn.Module):
    """Own classes, the shortcut first, functional and in-place ReLU."""

    def __init__(self, widths, stride=1, order="post", norm=True, zero_init=True):
        super().__init__()
        ends = len(widths) - 2
        post = order == "post"
        self.units = nn.ModuleList(
            _Unit(a, b, stride if i == 0 else 1, order, norm, i == ends, i < ends)
            for i, (a, b) in enumerate(pairwise(widths))
        )
        if stride > 1 or widths[0] != widths[-1]:
            bare = not (norm and post)
            self.down = nn.Conv2d(widths[0], widths[-1], 1, stride, bias=bare)
            self.down_norm = nn.Identity() if bare else nn.BatchNorm2d(widths[-1])
        self.post = post
        if zero_init:
            unit = self.units[-1]
            last = unit.norm if norm and post else unit.conv
            last.weight.data.zero_()
            last.bias.data.zero_()

    def forward(self, x):
        y = self.down_norm(self.down(x)) if hasattr(self, "down") else x
        for unit in self.units:
            x = unit(x)
        y = y + x
        return y.relu_() if self.post else y


def _own_chain(widths, stride=1, order="post", norm=True):
    ends = len(widths) - 2
    return nn.Sequential(
        *(
            _Unit(a, b, stride if i == 0 else 1, order, norm, i == ends)
            for i, (a, b) in enumerate(pairwise(widths))
        )
    )


def _named_chain(widths, stride=1, order="post", norm=True):
    """Layers by name; a flat list decided by what comes next."""
    layers = OrderedDict()
    for i in range(1, len(widths)):
        if norm and order == "pre":
            layers[f"norm{i}"] = nn.BatchNorm2d(widths[i - 1], eps=1e-5, momentum=0.1)
        if order == "pre":
            layers[f"act{i}"] = nn.ReLU()
        layers[f"conv{i}"] = nn.Conv2d(
            widths[i - 1], widths[i], kernel_size=3, stride=stride, padding=1, bias=False
        )
        if norm and order == "post":
            layers[f"norm{i}"] = nn.BatchNorm2d(widths[i])
        if order == "post":
            layers[f"act{i}"] = nn.ReLU(inplace=True)
        stride = 1
    names = list(layers)
    for name, after in zip(names, [*names[1:], ""], strict=True):
        conv = layers[name]
        if isinstance(conv, nn.Conv2d) and not after.startswith("norm"):
            conv.bias = nn.Parameter(torch.randn(conv.out_channels) / 10)
    return nn.Sequential(layers)


class _Adds(nn.Module):
    """A chain without its last ReLU; clamp in its place, after the addition."""

    def __init__(self, chain, skip, clamps):
        super().__init__()
        self.body = chain[:-1] if clamps else chain
        self.skip, self.clamps = skip, clamps

    def forward(self, x):
        y = torch.add(self.body(x), x if self.skip is None else self.skip(x))
        return y.clamp(min=0) if self.clamps else y


def _sliced_residual(widths, stride=1, order="post", norm=True, zero_init=True):
    chain, post, skip = _named_chain(widths, stride, order, norm), order == "post", None
    if (widths[0], 1) != (widths[-1], stride):
        skip = nn.Conv2d(widths[0], widths[-1], 1, stride, bias=not (norm and post))
        if norm and post:
            skip = nn.Sequential(skip, nn.BatchNorm2d(widths[-1]))
    block = _Adds(chain, skip, post)
    if zero_init:
        with torch.no_grad():
            block.body[-1].weight *= 0
            block.body[-1].bias *= 0
    return block


class _Around(nn.Module):
    """Another class around the block."""

    def __init__(self, *arguments, **options):
        super().__init__()
        self.inner = Builder().residual(*arguments, **options)

    def forward(self, x):
        return self.inner.after(self.inner.shortcut(x) + self.inner.branch(x.clone()))


class _MyNorm(nn.BatchNorm2d):
    """A subclass of the layer."""


class _Subclassed(Builder):
    def norms(self, width, norm):
        return [_MyNorm(width)] if norm else []


RIGHT_WAYS = {
    "own classes, functional and in-place ReLU, shortcut first": (_own_chain, _Block),
    "layers by name, the chain sliced, clamp for ReLU": (_named_chain, _sliced_residual),
    "a class around it, shortcut before branch": (Builder().chain, _Around),
    "a subclass of BatchNorm2d": _Subclassed().answers,
}
