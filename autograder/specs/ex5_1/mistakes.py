"""5.1 One function for four norms: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from autograder.spec import Mistake
from autograder.specs.ex5_1.answers import axes_of, lined_up, moments, one, spatial, split


def _interleaved(x, groups):
    parts = x.reshape(len(x), -1, groups, *x.shape[2:])
    axes = (1, *range(3, parts.ndim))
    return parts, axes, lambda y: y.reshape(x.shape)


def _size_of_a_group(x, groups):
    parts = x.reshape(len(x), -1, groups, *x.shape[2:])
    return parts, tuple(range(2, parts.ndim)), lambda y: y.reshape(x.shape)


def _over_the_batch(x, groups):
    parts = x.reshape(groups, -1)
    return parts, (1,), lambda y: y.reshape(x.shape)


def _batch_included(x, groups):
    parts, axes, back = split(x, groups)
    return parts, (0, *axes), back


def _no_spatial_axes(x, groups):
    parts, _, back = split(x, groups)
    return parts, (2,), back


def _groups_ignored(x, groups):
    return x, (1, *spatial(x)), lambda y: y


def _in(kind_of_mistake, axes):
    """The right axes, but for one kind."""

    def chosen(x, kind, weight):
        return axes(x, weight) if kind == kind_of_mistake else axes_of(x, kind, weight)

    return chosen


def _four_axes(x, kind, weight):
    image = {"batch": (0, 2, 3), "instance": (2, 3)}
    return image[kind] if kind in image else axes_of(x, kind, weight)


def _per_channel_always(parameter, x, kind):
    return lined_up(parameter, x, "batch")


def _per_group(x, kind, weight, bias, groups=1, eps=1e-5):
    if kind == "group":
        size = x.shape[1] // groups
        weight, bias = (p[:groups].repeat_interleave(size) for p in (weight, bias))
    return one()[0](x, kind, weight, bias, groups, eps)


def _without_instance(x_hat, weight, bias, kind):
    return x_hat if kind == "instance" else x_hat * weight + bias


def _no_mean(parts, axes):
    return torch.zeros(()), moments(parts, axes)[1]


def _mean_square(parts, axes):
    return parts.mean(axes, keepdim=True), parts.square().mean(axes, keepdim=True)


def _naive(parts, axes):
    mean = parts.mean(axes, keepdim=True)
    return mean, (parts**2).mean(axes, keepdim=True) - mean**2


def _detached(parts, axes):
    with torch.no_grad():
        return moments(parts, axes)


def _without_x(x, kind, weight, bias, groups=1, eps=1e-5):
    return one()[0](x.detach(), kind, weight, bias, groups, eps)


def _variance_detached(parts, axes):
    mean, var = moments(parts, axes)
    return mean, var.detach()


def _subtracted_in_place(parts, axes):
    parts -= parts.mean(axes, keepdim=True)  # a reshaped x is still x's memory
    return torch.zeros(()), moments(parts, axes)[1]


def _pytorchs(x, kind, weight, bias, groups=1, eps=1e-5):
    if kind == "layer":
        return F.layer_norm(x, weight.shape, weight, bias, eps)
    if kind == "batch":
        return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    return F.group_norm(x, x.shape[1] if kind == "instance" else groups, weight, bias, eps)


MISTAKES = (
    Mistake(
        "groups interleaved",
        "Group norm takes every groups-th channel (0, 2, 4 with two groups). A group is a block of neighbours: "
        "channels 0 … C/groups − 1 are the first. Reshape to (N, groups, C/groups, …), in this order.",
        one(split=_interleaved),
    ),
    Mistake(
        "groups taken for the size of a group",
        "`groups` is used as the number of channels in a group. It is the number of groups: each has C/groups channels.",
        one(split=_size_of_a_group),
    ),
    Mistake(
        "groups cut across the batch",
        "The reshape for group norm puts values of several samples into one group: it has no axis for the samples. "
        "Keep it: reshape to (N, groups, …).",
        one(split=_over_the_batch),
    ),
    Mistake(
        "batch axis in group norm",
        "Group norm averages over the samples too. Each sample has its own statistics: leave axis 0 out.",
        one(split=_batch_included),
    ),
    Mistake(
        "spatial axes forgotten in group norm",
        "Group norm averages over the channels of a group only, so every pixel has its own statistics. "
        "All positions of a group share one mean and one variance.",
        one(split=_no_spatial_axes),
    ),
    Mistake(
        "groups ignored",
        "Group norm takes all channels of a sample together, whatever `groups` is.",
        one(split=_groups_ignored),
    ),
    Mistake(
        "spatial axes forgotten in batch norm",
        "Batch norm averages over axis 0 alone, so every pixel has its own statistics. "
        "All positions of a channel share one mean and one variance.",
        one(_in("batch", lambda x, weight: (0,))),
    ),
    Mistake(
        "instance norm as batch norm",
        "Instance norm averages over the samples too: that is batch norm. Each sample and channel has its own statistics.",
        one(_in("instance", lambda x, weight: (0, *spatial(x)))),
    ),
    Mistake(
        "instance norm as layer norm",
        "Instance norm averages over the channels too. Each sample and channel has its own statistics, over the positions.",
        one(_in("instance", lambda x, weight: (1, *spatial(x)))),
    ),
    Mistake(
        "batch norm as instance norm",
        "Batch norm averages over the positions of each sample by itself: that is instance norm. "
        "The samples of a batch share one mean and one variance per channel.",
        one(_in("batch", lambda x, weight: spatial(x) or (0,))),
    ),
    Mistake(
        "batch axis in layer norm",
        "Layer norm averages over the samples too, so there is one mean for the whole batch. Each sample has its own.",
        one(_in("layer", lambda x, weight: tuple(range(x.ndim)))),
    ),
    Mistake(
        "layer norm as batch norm",
        "Layer norm averages over the samples and keeps the channels: that is batch norm. "
        "Its axes are the last ones, those of `weight`.",
        one(_in("layer", lambda x, weight: (0, *spatial(x)))),
    ),
    Mistake(
        "layer norm over the last axis only",
        "Layer norm averages over the last axis, whatever the shape of `weight`. A weight of shape (C, H, W) asks for "
        "the last three axes.",
        one(_in("layer", lambda x, weight: (-1,))),
    ),
    Mistake(
        "layer norm over all but the batch",
        "Layer norm averages over every axis but 0. The shape of `weight` says which: for a sequence (N, T, D) with a "
        "weight of shape (D,), it is the last axis, and every position has its own statistics.",
        one(_in("layer", lambda x, weight: tuple(range(1, x.ndim)))),
    ),
    Mistake(
        "four axes only",
        "The axes are written out for images, (0, 2, 3) and (2, 3). There may be any number of spatial axes, also none: "
        "work them out from x.ndim.",
        one(_four_axes),
    ),
    Mistake(
        "γ and β on the last axis",
        "γ and β of shape (C,) are broadcast along the last axis. The channels are on axis 1: give γ and β one axis of "
        "length 1 for every spatial axis.",
        one(lined_up=lambda parameter, x, kind: parameter),
    ),
    Mistake(
        "γ and β of layer norm per channel",
        "Layer norm reshapes γ and β to one number per channel. They have the shape of the last axes of x, and fit as they are.",
        one(lined_up=_per_channel_always),
    ),
    Mistake(
        "γ and β per group",
        "Group norm applies one γ and one β to a whole group. A group shares its mean and its variance, nothing else: every "
        "channel has its own pair.",
        (_per_group,),
    ),
    Mistake(
        "γ and β missing in instance norm",
        "Instance norm returns x̂: γ and β are not applied. Here it has them, one pair per channel.",
        one(affine=_without_instance),
    ),
    Mistake(
        "γ and β missing",
        "γ and β are not applied: the result is x̂.",
        one(affine=lambda x_hat, weight, bias, kind: x_hat),
    ),
    Mistake(
        "β missing",
        "β is not added: y = γ·x̂ + β.",
        one(affine=lambda x_hat, weight, bias, kind: x_hat * weight),
    ),
    Mistake(
        "γ and β swapped",
        "γ and β are swapped: `weight` multiplies, `bias` is added.",
        one(affine=lambda x_hat, weight, bias, kind: x_hat * bias + weight),
    ),
    Mistake(
        "unbiased variance",
        "The variance is divided by m − 1. Every one of these norms uses the biased variance, divided by m: "
        "torch's var needs correction=0.",
        one(
            moments=lambda parts, axes: (
                parts.mean(axes, keepdim=True),
                parts.var(axes, keepdim=True),
            )
        ),
    ),
    Mistake(
        "eps outside the root",
        "eps is added outside the square root. It belongs inside: √(σ² + eps).",
        one(root=lambda var, eps: torch.sqrt(var) + eps),
    ),
    Mistake(
        "eps missing",
        "eps is missing from the square root: it must be √(σ² + eps).",
        one(root=lambda var, eps: torch.sqrt(var)),
    ),
    Mistake(
        "eps hard-coded",
        "eps = 1e-5 is written into the function. Use the argument.",
        one(root=lambda var, eps: torch.sqrt(var + 1e-5)),
    ),
    Mistake(
        "divided by the variance",
        "The centred values are divided by the variance. Divide by the standard deviation, the root of σ² + eps.",
        one(root=lambda var, eps: var + eps),
    ),
    Mistake(
        "mean not subtracted",
        "The mean is not subtracted from x. Centre first, then divide.",
        one(moments=_no_mean),
    ),
    Mistake(
        "mean square for the variance",
        "The centred values are divided by the root of the mean of x². The variance is the mean squared distance from the mean.",
        one(moments=_mean_square),
    ),
    Mistake(
        "variance as E[x²] − E[x]²",
        "The variance is computed as E[x²] − E[x]². In float32, far from 0, that is a difference of two large numbers with "
        "few digits left: chapter 2.3. Centre first, then square.",
        one(moments=_naive),
    ),
    Mistake(
        "statistics without gradient",
        "y is right, but dx is not: mean and variance are cut off from the graph. They depend on x, and gradients go through them.",
        one(moments=_detached),
    ),
    Mistake(
        "variance without gradient",
        "y is right, but dx is not: the variance is cut off from the graph (.detach() or no_grad). It depends on x.",
        one(moments=_variance_detached),
    ),
    Mistake(
        "x cut off from the graph",
        "y is right, but dx is 0: x was taken out of the graph (.detach(), .data, torch.tensor). Work with x itself.",
        (_without_x,),
    ),
    Mistake(
        "input changed in place",
        "x itself was changed (x -= … works in place). The caller still needs its input: build a new tensor.",
        one(moments=_subtracted_in_place),
    ),
    Mistake(
        "PyTorch's own norm",
        "It calls a normaliser of PyTorch. The four norms are three or four tensor operations: write them yourself.",
        (_pytorchs,),
    ),
)
