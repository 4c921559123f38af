"""5.2 LayerNorm and RMSNorm with their gradients: wrong answers that learners write."""

from __future__ import annotations

from torch.nn import functional as F

from autograder.spec import Mistake
from autograder.specs.ex5_2.answers import (
    average,
    biased,
    both,
    inverse_root,
    leading,
    mean_of_squares,
)

RIGHT = layer_norm, layer_norm_backward, rms_norm, rms_norm_backward = both()
_kept = {}


def _keeping(x, gamma, beta, eps=1e-5):
    y, _kept["cache"] = layer_norm(x, gamma, beta, eps)
    return y, ()


def _std_plus_eps(x, gamma, beta, eps=1e-5):
    inv = 1 / (x.std(-1, keepdim=True) + eps)
    x_hat = (x - x.mean(-1, keepdim=True)) * inv
    return gamma * x_hat + beta, (x_hat, inv, gamma, x)


def _centred_in_place(x, gamma, beta, eps=1e-5):
    x -= x.mean(-1, keepdim=True)
    return layer_norm(x, gamma, beta, eps)


def _scaled_in_place(dy, cache):
    dx, _, dbeta = layer_norm_backward(dy, cache)
    dy *= cache[0]
    return dx, dy.sum(leading(dy)), dbeta


def _pytorchs_layer(x, gamma, beta, eps=1e-5):
    return F.layer_norm(x, gamma.shape, gamma, beta, eps), layer_norm(x, gamma, beta, eps)[1]


MISTAKES = (
    Mistake(
        "statistics over the batch",
        "Mean and variance run over the first axis: that is batch norm. Here each row has its own, over the last axis.",
        both(axes=lambda x: (0,)),
    ),
    Mistake(
        "statistics over everything but the batch",
        "Mean and variance run over every axis but 0, so the positions of a sequence share them. "
        "Here each position has its own, over the last axis alone.",
        both(axes=lambda x: tuple(range(1, x.ndim))),
    ),
    Mistake(
        "statistics over everything",
        "One mean and variance for the whole tensor. Each row has its own: give the axis, −1, and keepdim=True.",
        both(axes=lambda x: tuple(range(x.ndim))),
    ),
    Mistake(
        "mean subtracted in RMSNorm",
        "RMSNorm subtracts the mean. It does not: x is divided by the root of the mean of x², and that is all.",
        both(centre=(True, True)),
    ),
    Mistake(
        "variance in RMSNorm",
        "RMSNorm divides by the standard deviation. It divides by the root of the mean of x², measured from 0.",
        both(mean_square=biased),
    ),
    Mistake(
        "RMSNorm is LayerNorm",
        "RMSNorm subtracts the mean and divides by the standard deviation: that is LayerNorm without β.",
        both(centre=(True, True), mean_square=biased, paths=(1, 1, 1)),
    ),
    Mistake(
        "mean not subtracted in LayerNorm",
        "LayerNorm does not subtract the mean. Centre each row first.",
        both(centre=(False, False)),
    ),
    Mistake(
        "LayerNorm is RMSNorm",
        "LayerNorm divides x by the root of the mean of x², without subtracting the mean: that is RMSNorm.",
        both(centre=(False, False), var=mean_of_squares, paths=(0, 0, 1)),
    ),
    Mistake(
        "sum of squares in RMSNorm",
        "RMSNorm divides by the length of x, the root of the sum of x². Divide by the root of the mean of x².",
        both(mean_square=lambda x, axes: x.square().sum(axes, keepdim=True)),
    ),
    Mistake(
        "unbiased variance",
        "The variance is divided by D − 1. LayerNorm uses the biased one, divided by D: torch's var needs correction=0.",
        both(var=lambda x, axes: x.var(axes, keepdim=True)),
    ),
    Mistake(
        "eps outside the root",
        "eps is added outside the square root. It belongs inside: 1/√(… + eps).",
        both(inv_root=lambda value, eps: 1 / (value.sqrt() + eps)),
    ),
    Mistake(
        "torch's std plus eps",
        "x is divided by std(…) + eps. torch's std is the unbiased one, divided by D − 1, and eps belongs inside the root: "
        "√(σ² + eps) with the biased variance.",
        (_std_plus_eps, *RIGHT[1:]),
    ),
    Mistake(
        "eps missing",
        "eps is missing from the square root: it must be 1/√(… + eps).",
        both(inv_root=lambda value, eps: value.rsqrt()),
    ),
    Mistake(
        "eps hard-coded",
        "eps = 1e-5 is written into the function. Use the argument.",
        both(inv_root=lambda value, eps: inverse_root(value, 1e-5)),
    ),
    Mistake(
        "divided by the square",
        "x is divided by the variance, or by the mean of x². Divide by its root.",
        both(inv_root=lambda value, eps: 1 / (value + eps)),
    ),
    Mistake(
        "mean term missing in LayerNorm",
        "dx of LayerNorm lacks the path through the mean: the mean of γ·dy over the row is subtracted. "
        "Without it you have the gradient of RMSNorm.",
        both(paths=(0, 0, 1)),
    ),
    Mistake(
        "mean term kept in RMSNorm",
        "dx of RMSNorm subtracts the mean of γ·dy over the row. RMSNorm has no mean, so nothing flows through one: "
        "only the part along x̂ is taken out.",
        both(paths=(1, 1, 1)),
    ),
    Mistake(
        "x̂ term missing",
        "dx lacks the path through the size of the row: x̂ times the mean of γ·dy·x̂ is subtracted, in both norms.",
        both(paths=(1, 0, 0)),
    ),
    Mistake(
        "features uncoupled",
        "dx = γ·dy/√(… + eps) treats the statistics as constants. They depend on every feature of the row.",
        both(paths=(0, 0, 0)),
    ),
    Mistake(
        "wrong sign of the x̂ term",
        "dx adds x̂ times the mean of γ·dy·x̂. It is subtracted: the part along x̂ is taken out.",
        both(paths=(1, 0, -1)),
    ),
    Mistake(
        "γ after the projection",
        "dx multiplies by γ at the end, as batch norm may. There γ is one number for all values behind a statistic. "
        "Here every feature of the row has its own γ: multiply dy by γ first, then take the means.",
        both(before=lambda dy, gamma: dy, after=lambda dx, gamma: gamma * dx),
    ),
    Mistake(
        "gamma missing in dx",
        "dx lacks the factor γ: the gradient reaches x̂ as γ·dy.",
        both(before=lambda dy, gamma: dy),
    ),
    Mistake(
        "x for x̂ in dx",
        "dx takes out the part along x, not along x̂: it uses the input where the normalised values belong.",
        both(along=lambda x_hat, x, inv: x),
    ),
    Mistake(
        "means over the batch in dx",
        "The means in dx run over the first axis, as in batch norm. They run over the axis of the statistics, the last.",
        both(mean=lambda value, axes: value.mean(0, keepdim=True)),
    ),
    Mistake(
        "batch norm's closed form",
        "dx is that of batch norm: its means run over all rows, as dγ and dβ do. The statistics belong to one row, so the "
        "means in dx run over the D features of that row.",
        both(mean=lambda value, axes: value.mean(leading(value), keepdim=True)),
    ),
    Mistake(
        "divided by the number of rows",
        "The sums in dx are divided by the number of rows. Behind each statistic are D values: divide by D.",
        both(mean=lambda value, axes: average(value, axes) * value.shape[-1] ** 2 / value.numel()),
    ),
    Mistake(
        "divided by D − 1 in dx",
        "dx divides by D − 1. The forward pass divides by D, so its gradient does too.",
        both(mean=lambda value, axes: value.sum(axes, keepdim=True) / max(value.shape[-1] - 1, 1)),
    ),
    Mistake(
        "sums not divided in dx",
        "dx subtracts sums where means belong: divide both by D.",
        both(mean=lambda value, axes: value.sum(axes, keepdim=True)),
    ),
    Mistake(
        "dgamma and dbeta over the features",
        "dγ and dβ are summed over the last axis. γ has one number per feature, used in every row: sum over all other axes.",
        both(param_axes=lambda dy: (-1,)),
    ),
    Mistake(
        "dgamma and dbeta over axis 0 only",
        "dγ and dβ are summed over axis 0 alone. γ is used at every position of the sequence too: sum over every axis "
        "but the last, to shape (D,).",
        both(param_axes=lambda dy: (0,)),
    ),
    Mistake(
        "axes kept in dgamma and dbeta",
        "dγ and dβ still have axes of length 1. They have the shape of γ and β, (D,).",
        both(total=lambda value, axes: value.sum(axes, keepdim=True)),
    ),
    Mistake(
        "means for dgamma and dbeta",
        "dγ and dβ are means. γ and β serve every row, and their effects add up: take sums.",
        both(total=lambda value, axes: value.mean(axes)),
    ),
    Mistake(
        "x for x̂ in dgamma",
        "dγ is the sum of dy·x. γ multiplies x̂, so it is the sum of dy·x̂.",
        both(factor=lambda x_hat, x: x),
    ),
    Mistake(
        "dgamma and dbeta swapped",
        "dγ and dβ of LayerNorm are swapped. Return dx, dγ = Σ dy·x̂, dβ = Σ dy.",
        both(order=lambda dx, dgamma, dbeta: (dx, dbeta, dgamma)),
    ),
    Mistake(
        "state kept outside the cache",
        "The backward pass uses what the latest forward pass left in a global variable. Another batch may come by in between: "
        "everything that backward needs goes into the cache.",
        (_keeping, lambda dy, cache: layer_norm_backward(dy, _kept["cache"]), *RIGHT[2:]),
    ),
    Mistake(
        "input changed in place",
        "x itself was changed (x -= … works in place). The caller still needs its input: build a new tensor.",
        (_centred_in_place, *RIGHT[1:]),
    ),
    Mistake(
        "dy changed in place",
        "dy itself was changed (dy *= … works in place). It belongs to the caller: build a new tensor.",
        (layer_norm, _scaled_in_place, *RIGHT[2:]),
    ),
    Mistake(
        "PyTorch's own functions",
        "It calls a normaliser of PyTorch, or lets autograd find the gradient. Both passes are a few tensor operations: "
        "write them yourself.",
        (_pytorchs_layer, *RIGHT[1:]),
    ),
)
