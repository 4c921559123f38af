"""5.1 One function for four norms: right answers."""

from __future__ import annotations

import torch


def spatial(x):
    return tuple(range(2, x.ndim))


def axes_of(x, kind, weight):
    """Axes of x that share a statistic; "group" is split before."""
    return {
        "batch": (0, *spatial(x)),
        "layer": tuple(range(-weight.ndim, 0)),
        "instance": spatial(x),
    }[kind]


def split(x, groups):
    """x with a group's values apart, the axes over them, and the way back."""
    parts = x.reshape(len(x), groups, -1, *x.shape[2:])
    return parts, tuple(range(2, parts.ndim)), lambda y: y.reshape(x.shape)


def lined_up(parameter, x, kind):
    """γ or β in a shape that broadcasts against x."""
    return parameter if kind == "layer" else parameter.reshape(-1, *[1] * (x.ndim - 2))


def moments(parts, axes):
    return parts.mean(axes, keepdim=True), parts.var(axes, correction=0, keepdim=True)


def one(
    axes=axes_of,
    split=split,
    lined_up=lined_up,
    moments=moments,
    root=lambda var, eps: torch.sqrt(var + eps),
    affine=lambda x_hat, weight, bias, kind: x_hat * weight + bias,
):
    """`normalize` with one step replaced, as a tuple of answers."""

    def normalize(x, kind, weight, bias, groups=1, eps=1e-5):
        if kind == "group":
            parts, over, back = split(x, groups)
        else:
            parts, over, back = x, axes(x, kind, weight), lambda y: y
        mean, var = moments(parts, over)
        x_hat = back((parts - mean) / root(var, eps))
        return affine(x_hat, lined_up(weight, x, kind), lined_up(bias, x, kind), kind)

    return (normalize,)


def _rows(x, kind, weight, bias, groups=1, eps=1e-5):
    """Everything as a table with a row per statistic; γ and β multiplied out to the size of x."""
    if kind == "layer":
        table, expanded = x.reshape(-1, weight.numel()), (weight.expand_as(x), bias.expand_as(x))
    else:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        expanded = weight.view(shape).expand_as(x), bias.view(shape).expand_as(x)
        table = {
            "batch": lambda: x.transpose(0, 1).flatten(1),
            "instance": lambda: x.flatten(2).flatten(0, 1),
            "group": lambda: x.reshape(x.shape[0] * groups, -1),
        }[kind]()
    std, mean = torch.std_mean(table, 1, correction=0, keepdim=True)
    table = (table - mean) / (std**2 + eps) ** 0.5
    if kind == "batch":
        x_hat = table.reshape(x.shape[1], x.shape[0], *x.shape[2:]).transpose(0, 1)
    else:
        x_hat = table.reshape(x.shape)
    return torch.addcmul(expanded[1], x_hat, expanded[0])


def _loops(x, kind, weight, bias, groups=1, eps=1e-5):
    """A loop over the sets, each standardised by itself and written into its place."""

    def standard(part):
        centred = part - part.mean()
        return centred * torch.rsqrt(centred.square().mean() + eps)

    y = torch.empty_like(x)
    n, c = x.shape[:2]
    if kind == "layer":
        flat, out = x.reshape(-1, weight.numel()), y.view(-1, weight.numel())
        for i in range(len(flat)):
            out[i] = standard(flat[i])
        return y * weight + bias
    if kind == "batch":
        for k in range(c):
            y[:, k] = standard(x[:, k])
    else:
        size = 1 if kind == "instance" else c // groups
        for i in range(n):
            for first in range(0, c, size):
                y[i, first : first + size] = standard(x[i, first : first + size])
    return torch.stack([weight[k] * y[:, k] + bias[k] for k in range(c)], dim=1)


def _all_are_groups(x, kind, weight, bias, groups=1, eps=1e-5):
    """Every norm as group norm of another view, with einsum; float32 throughout."""
    x, weight, bias = x.float(), weight.float(), bias.float()
    if kind == "batch":
        swapped = x.transpose(0, 1).reshape(1, x.shape[1], -1)
        view = _all_are_groups(swapped, "group", weight, bias, x.shape[1], eps)
        return view.reshape(x.shape[1], x.shape[0], *x.shape[2:]).transpose(0, 1)
    if kind == "layer":
        sets = x.reshape(-1, 1, weight.numel())
    else:
        sets = x.reshape(len(x), x.shape[1] if kind == "instance" else groups, -1)
    m = sets.shape[2]
    sets = sets - torch.einsum("ngm->ng", sets)[..., None] / m
    var = torch.einsum("ngm,ngm->ng", sets, sets) / m
    x_hat = (sets * (var + eps).pow(-0.5).unsqueeze(2)).reshape(x.shape)
    if kind == "layer":
        return x_hat * weight + bias
    return torch.einsum("nc...,c->nc...", x_hat, weight) + lined_up(bias, x, kind)


RIGHT_WAYS = {
    "one step after the other": one(),
    "a table of rows": (_rows,),
    "loops over the sets": (_loops,),
    "all as group norm, einsum, float32": (_all_are_groups,),
}
