"""2.4 Any layout: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex2_4.answers import (
    backward_nd,
    channels_last,
    forward_nd,
    others,
    pair,
    per_channel,
    rows,
)

_kept = {}


def _forward_keeping(x, gamma, beta, eps=1e-5, channel_axis=1):
    y, cache = forward_nd(x, gamma, beta, eps, channel_axis)
    _kept["cache"] = cache
    return y, {}


def _forward_in_place(x, gamma, beta, eps=1e-5, channel_axis=1):
    over = others(x.ndim, channel_axis)
    x -= x.mean(over, keepdims=True)
    return forward_nd(x, gamma, beta, eps, channel_axis)


def _second(ndim, channel_axis):
    return others(ndim, 1)


def _last(ndim, channel_axis):
    return others(ndim, -1)


def _as_written(ndim, channel_axis):
    return tuple(a for a in range(ndim) if a != channel_axis)


def _image_axes(ndim, channel_axis):
    return (0, 2, 3) if channel_axis == 1 else (0, 1, 2)


def _image_shape(ndim, channel_axis):
    return (1, -1, 1, 1) if channel_axis == 1 else (1, 1, 1, -1)


def _averaged_over_samples(x, gamma, beta, eps=1e-5, channel_axis=1):
    over = others(x.ndim, channel_axis)
    variances = x.var(over[1:], keepdims=True)
    inv_std = 1 / np.sqrt(variances.mean(0, keepdims=True) + eps)
    x_hat = (x - x.mean(over, keepdims=True)) * inv_std
    shape = per_channel(x.ndim, channel_axis)
    gamma, beta = gamma.reshape(shape), beta.reshape(shape)
    return gamma * x_hat + beta, (x_hat, inv_std, gamma, over, channel_axis)


def _means(dy, cache):
    dx, dgamma, dbeta = backward_nd(dy, cache)
    m = dy.size // dgamma.size
    return dx, dgamma / m, dbeta / m


def _gamma_missing(dy, cache):
    x_hat, inv_std, gamma, over, channel_axis = cache
    return backward_nd(dy, (x_hat, inv_std, np.ones_like(gamma), over, channel_axis))


def _dy_in_place(dy, cache):
    grads = backward_nd(dy, cache)
    dy *= 2
    return grads


MISTAKES = (
    Mistake(
        "m forgets the spatial axes",
        "dx divides by N. m is the number of values behind one statistic: N times every spatial size (N·H·W).",
        pair(m=lambda x, c: len(x)),
    ),
    Mistake(
        "m forgets the batch axis",
        "dx divides by the number of positions in one sample. m is the number of values behind one statistic: "
        "N times every spatial size (N·H·W).",
        pair(m=lambda x, c: x.size // c // len(x)),
    ),
    Mistake(
        "divided by m − 1 in dx",
        "dx divides by m − 1. The forward pass divides by m, in the mean and in the variance, so its gradient does too.",
        pair(m=lambda x, c: max(x.size // c - 1, 1)),
    ),
    Mistake(
        "m counts the channels",
        "dx divides by the size of x. Only the values of one channel stand behind a statistic: m = x.size / C.",
        pair(m=lambda x, c: x.size),
    ),
    Mistake(
        "sums not divided by m in dx",
        "dx subtracts sums where means belong: divide both by m.",
        pair(m=lambda x, c: 1),
    ),
    Mistake(
        "channel axis ignored",
        "The channels are always looked for on axis 1. With channel_axis = −1 they are on the last axis, and axis 1 is a spatial one.",
        pair(_second, lambda ndim, _: per_channel(ndim, 1), _second),
    ),
    Mistake(
        "statistics of NCHW on NHWC",
        "Mean and variance always keep axis 1, so with channel_axis = −1 there is one per image row. "
        "γ and β follow channel_axis, and the statistics must too.",
        pair(_second),
    ),
    Mistake(
        "channels always last",
        "The channels are always looked for on the last axis. With channel_axis = 1 they are on axis 1.",
        pair(_last, lambda ndim, _: per_channel(ndim, -1), _last),
    ),
    Mistake(
        "axis −1 taken literally",
        "No axis is numbered −1 when you count 0, 1, 2, …, so with channel_axis = −1 every axis is reduced. "
        "Turn it into a number from 0 first: channel_axis % x.ndim.",
        pair(_as_written, per_channel, _as_written),
    ),
    Mistake(
        "four axes only",
        "The axes are written out for images, (0, 2, 3) or (0, 1, 2). There may be any number of spatial axes: "
        "work them out from x.ndim.",
        pair(_image_axes, _image_shape, _image_axes),
    ),
    Mistake(
        "gamma and beta on the last axis",
        "γ and β of shape (C,) are broadcast along the last axis. For NCHW give them shape (1, C, 1, 1).",
        pair(param_shape=lambda ndim, channel_axis: (-1,)),
    ),
    Mistake(
        "reshaped without transposing",
        "`reshape(-1, C)` on a layout whose channels are not last puts values of different channels into one column. "
        "Move the channel axis to the end first.",
        rows(
            lambda x, channel_axis: x.reshape(-1, x.shape[channel_axis]),
            lambda rows, shape, channel_axis: rows.reshape(shape),
        ),
    ),
    Mistake(
        "reshaped to (C, m)",
        "`reshape(C, -1)` cuts x into C pieces in the order of memory. A piece is a channel only if the channels come first: "
        "move their axis before you reshape.",
        rows(
            lambda x, channel_axis: x.reshape(x.shape[channel_axis], -1).T,
            lambda rows, shape, channel_axis: rows.T.reshape(shape),
        ),
    ),
    Mistake(
        "not transposed back",
        "The channel axis was moved to the end, and the result reshaped to the shape of x without moving it back.",
        rows(channels_last, lambda rows, shape, channel_axis: rows.reshape(shape)),
    ),
    Mistake(
        "statistics per sample and channel",
        "Mean and variance run over the spatial axes of each sample: that is instance norm. Batch norm also runs over the batch axis.",
        pair(lambda ndim, channel_axis: others(ndim, channel_axis)[1:]),
    ),
    Mistake(
        "statistics per sample",
        "Mean and variance run over all of one sample: that is layer norm. "
        "Batch norm runs over every axis but the channel axis, the batch included.",
        pair(lambda ndim, channel_axis: tuple(range(1, ndim))),
    ),
    Mistake(
        "statistics over the batch axis only",
        "Mean and variance run over axis 0 alone: every pixel has its own. All positions of a channel share one: "
        "reduce over the spatial axes too.",
        pair(lambda ndim, channel_axis: (0,)),
    ),
    Mistake(
        "statistics over everything",
        "One mean and variance for the whole array. Each channel has its own.",
        pair(lambda ndim, channel_axis: tuple(range(ndim))),
    ),
    Mistake(
        "variances of the samples averaged",
        "The variance is the average of each sample's own. Samples also differ in their means, which adds to the variance: "
        "measure all deviations from the channel's mean.",
        (_averaged_over_samples, backward_nd),
    ),
    Mistake(
        "unbiased variance",
        "The variance is divided by m − 1. The forward pass normalises with the biased variance, divided by m.",
        pair(ddof=1),
    ),
    Mistake(
        "eps hard-coded",
        "eps = 1e-5 is written into the function. Use the argument.",
        pair(inv_root=lambda v, eps: 1 / np.sqrt(v + 1e-5)),
    ),
    Mistake(
        "eps missing",
        "eps is missing from the square root: the scale is 1/√σ². It must be 1/√(σ² + eps).",
        pair(inv_root=lambda v, eps: 1 / np.sqrt(v)),
    ),
    Mistake(
        "eps outside the root",
        "eps is added outside the square root. It belongs inside: 1/√(σ² + eps).",
        pair(inv_root=lambda v, eps: 1 / (np.sqrt(v) + eps)),
    ),
    Mistake(
        "divided by the variance",
        "The centred values are divided by the variance. Divide by the standard deviation, the root of σ² + eps.",
        pair(inv_root=lambda v, eps: 1 / (v + eps)),
    ),
    Mistake(
        "gamma missing in dx",
        "dx lacks the factor γ: the gradient reaches x̂ as γ·dy.",
        (forward_nd, _gamma_missing),
    ),
    Mistake(
        "mean path missing",
        "dx lacks the path through the mean: the mean of dy over the channel is subtracted.",
        pair(mean_path=0),
    ),
    Mistake(
        "variance path missing",
        "dx lacks the path through the variance: x̂ times the mean of dy·x̂ over the channel is subtracted.",
        pair(var_path=0),
    ),
    Mistake(
        "samples uncoupled",
        "dx = γ·dy/√(σ² + eps) treats mean and variance as constants. They depend on every value of the channel.",
        pair(mean_path=0, var_path=0),
    ),
    Mistake(
        "dgamma and dbeta over the batch only",
        "dγ and dβ are summed over axis 0 alone. One γ serves every position: sum over the spatial axes too, to shape (C,).",
        pair(param_axes=lambda ndim, channel_axis: 0),
    ),
    Mistake(
        "dgamma and dbeta per sample",
        "dγ and dβ are summed over the spatial axes, but not over the batch. One γ serves every sample: sum over axis 0 too.",
        pair(param_axes=lambda ndim, channel_axis: others(ndim, channel_axis)[1:]),
    ),
    Mistake(
        "axes kept in dgamma and dbeta",
        "dγ and dβ still have axes of length 1. They have the shape of γ and β, (C,).",
        pair(params=lambda dgamma, dbeta: (dgamma[None], dbeta[None])),
    ),
    Mistake(
        "dgamma and dbeta swapped",
        "dγ and dβ are swapped. Return dx, dγ = Σ dy·x̂, dβ = Σ dy.",
        pair(params=lambda dgamma, dbeta: (dbeta, dgamma)),
    ),
    Mistake(
        "means for dgamma and dbeta",
        "dγ and dβ are means. γ and β serve every value of the channel, and their effects add up: take sums.",
        (forward_nd, _means),
    ),
    Mistake(
        "state kept outside the cache",
        "`backward_nd` uses what the latest `forward_nd` left in a global variable. Another batch may come by in between: "
        "everything that backward needs goes into the cache.",
        (_forward_keeping, lambda dy, cache: backward_nd(dy, _kept["cache"])),
    ),
    Mistake(
        "input changed in place",
        "x itself was changed (x -= … works in place). The caller still needs its input: build a new array.",
        (_forward_in_place, backward_nd),
    ),
    Mistake(
        "dy changed in place",
        "dy itself was changed (dy *= … works in place). It belongs to the caller: build a new array.",
        (forward_nd, _dy_in_place),
    ),
)
