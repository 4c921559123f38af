"""6.6 Folding: right answers."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils.fusion import fuse_conv_bn_weights


class Folding:
    """Right in every step; mistakes replace one."""

    def __call__(self, conv, bn):
        self.refuse(conv, bn)
        with torch.no_grad():
            a = self.gamma(bn) / self.std(bn)
            layer = self.layer(conv)
            self.fill(layer, self.weight(conv, a), self.bias(conv, bn, a))
        return layer

    def refuse(self, conv, bn):
        if bn.training or bn.running_mean is None:
            raise ValueError("fold in eval mode, with running statistics")

    def gamma(self, bn):
        return torch.ones_like(bn.running_mean) if bn.weight is None else bn.weight

    def beta(self, bn):
        return torch.zeros_like(bn.running_mean) if bn.bias is None else bn.bias

    def std(self, bn):
        return torch.sqrt(bn.running_var + bn.eps)

    def layer(self, conv):
        layer = copy.deepcopy(conv)
        layer.bias = nn.Parameter(layer.weight.new_empty(conv.out_channels))
        return layer

    def fill(self, layer, weight, bias):
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)

    def weight(self, conv, a):
        if isinstance(conv, _ConvTransposeNd):
            return self.transposed(conv, a)
        return conv.weight * a.reshape(-1, *[1] * (conv.weight.ndim - 1))

    def transposed(self, conv, a):
        """Weight (C_in, C_out / groups, …): a block of rows per group."""
        blocks = conv.weight.unflatten(0, (conv.groups, -1))
        a = a.reshape(conv.groups, 1, -1, *[1] * (conv.weight.ndim - 2))
        return (blocks * a).flatten(0, 1)

    def start(self, conv, bn):
        """The bias of the convolution, or zeros."""
        return torch.zeros_like(bn.running_mean) if conv.bias is None else conv.bias

    def bias(self, conv, bn, a):
        return self.beta(bn) + a * (self.start(conv, bn) - bn.running_mean)


def _by_groups(conv, bn):
    """One slice of channels per group, in double precision."""
    if bn.training or not bn.track_running_stats:
        raise ValueError("not now")
    transposed = "Transpose" in type(conv).__name__
    var, eps = bn.running_var.double(), bn.eps
    a = torch.rsqrt(var + eps)
    if bn.weight is not None:
        a = a * bn.weight.detach().double()
    shift = -bn.running_mean.double() * a
    if bn.bias is not None:
        shift = shift + bn.bias.detach().double()
    if conv.bias is not None:
        shift = shift + a * conv.bias.detach().double()
    parts = []
    for w, scale in zip(
        conv.weight.detach().double().chunk(conv.groups), a.chunk(conv.groups), strict=True
    ):
        ahead = 1 if transposed else 0
        column = [1] * w.ndim
        column[ahead] = -1
        parts.append(w * scale.reshape(column))
    layer = copy.deepcopy(conv)
    layer.weight = nn.Parameter(torch.cat(parts).to(conv.weight.dtype))
    layer.bias = nn.Parameter(shift.to(conv.weight.dtype))
    return layer


def _made_anew(conv, bn):
    """A layer from the constructor, every setting passed on."""
    if bn.training:
        raise ValueError("training mode")
    if bn.running_var is None:
        raise ValueError("no statistics")
    names = ["in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation"]
    settings = {name: getattr(conv, name) for name in [*names, "groups", "padding_mode"]}
    if conv.transposed:
        settings["output_padding"] = conv.output_padding
    layer = type(conv)(**settings, bias=True, dtype=conv.weight.dtype)
    one, zero = torch.ones(()), torch.zeros(())
    a = (one if bn.weight is None else bn.weight) / (bn.running_var + bn.eps) ** 0.5
    rest = conv.weight.shape[2:].numel()
    if conv.transposed:
        c_in, per_group = conv.weight.shape[:2]
        rows = a.reshape(conv.groups, per_group).repeat_interleave(c_in // conv.groups, 0)
        scales = rows.reshape(c_in, per_group, 1)
    else:
        scales = a.reshape(-1, 1, 1)
    flat = conv.weight.reshape(*conv.weight.shape[:2], rest) * scales
    layer.weight.data = flat.reshape(conv.weight.shape).detach().clone()
    bias = (zero if bn.bias is None else bn.bias) - bn.running_mean * a
    bias = bias if conv.bias is None else bias + conv.bias * a
    layer.bias.data = bias.detach().clone()
    return layer


def _by_probing(conv, bn):
    """Asks the pair itself: BN(0) is the shift, BN(1) − BN(0) the scale."""
    if bn.training or bn.running_mean is None:
        raise ValueError("it would normalise with the batch")
    with torch.no_grad():
        probe = torch.eye(2, dtype=conv.weight.dtype)[1].reshape(2, 1).repeat(1, bn.num_features)
        shape = 2, bn.num_features, *[1] * (conv.weight.ndim - 2)
        at_0, at_1 = bn(probe.reshape(shape)).reshape(2, -1)
        a = at_1 - at_0
        right = Folding()
        layer = copy.deepcopy(conv)
        layer.weight = nn.Parameter(right.weight(conv, a))
        layer.bias = nn.Parameter(at_0 + a * right.start(conv, bn))
    return layer


def _with_pytorchs(conv, bn):
    """PyTorch's own helper, once per group: it has no groups for transposed weights."""
    if bn.training or bn.running_mean is None:
        raise ValueError("in eval mode only")
    groups, layer = conv.groups, copy.deepcopy(conv)

    def parts(t):
        return [None] * groups if t is None else t.chunk(groups)

    pairs = [
        fuse_conv_bn_weights(w, b, mean, var, bn.eps, gamma, beta, transpose=conv.transposed)
        for w, b, mean, var, gamma, beta in zip(
            *map(parts, (conv.weight, conv.bias, bn.running_mean, bn.running_var)),
            *map(parts, (bn.weight, bn.bias)),
            strict=True,
        )
    ]
    weights, biases = zip(*pairs, strict=True)
    layer.weight = nn.Parameter(torch.cat(weights).detach())
    layer.bias = nn.Parameter(torch.cat(biases).detach())
    return layer


RIGHT_WAYS = {
    "step by step": (Folding(),),
    "group by group, in float64": (_by_groups,),
    "a layer made anew": (_made_anew,),
    "scale and shift read off the batch norm": (_by_probing,),
    "PyTorch's helper per group": (_with_pytorchs,),
}
