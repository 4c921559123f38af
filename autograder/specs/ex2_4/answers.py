"""2.4 Any layout: right answers."""

from __future__ import annotations

import numpy as np


def others(ndim, channel_axis):
    return tuple(a for a in range(ndim) if a != channel_axis % ndim)


def per_channel(ndim, channel_axis):
    shape = [1] * ndim
    shape[channel_axis] = -1
    return shape


def pair(
    axes=others,  # (ndim, channel_axis) → axes of the statistics
    param_shape=per_channel,  # (ndim, channel_axis) → shape of gamma and beta in the product
    param_axes=others,  # (ndim, channel_axis) → axes of dgamma and dbeta
    m=lambda x, c: x.size // c,  # number of values behind one statistic, in backward
    ddof=0,
    inv_root=lambda v, eps: 1 / np.sqrt(v + eps),
    mean_path=1,
    var_path=1,
    params=lambda dgamma, dbeta: (dgamma, dbeta),
):
    """Forward and backward with one step replaced."""

    def forward_nd(x, gamma, beta, eps=1e-5, channel_axis=1):
        over = axes(x.ndim, channel_axis)
        inv_std = inv_root(x.var(over, keepdims=True, ddof=ddof), eps)
        x_hat = (x - x.mean(over, keepdims=True)) * inv_std
        shape = param_shape(x.ndim, channel_axis)
        gamma, beta = gamma.reshape(shape), beta.reshape(shape)
        return gamma * x_hat + beta, (x_hat, inv_std, gamma, over, channel_axis)

    def backward_nd(dy, cache):
        x_hat, inv_std, gamma, over, channel_axis = cache
        sum_dy, sum_dy_x_hat = (a.sum(over, keepdims=True) for a in (dy, dy * x_hat))
        n = m(dy, inv_std.size)
        paths = mean_path * sum_dy / n + var_path * x_hat * sum_dy_x_hat / n
        axis = param_axes(dy.ndim, channel_axis)
        return gamma * inv_std * (dy - paths), *params((dy * x_hat).sum(axis), dy.sum(axis))

    return forward_nd, backward_nd


def rows(to_rows, back):
    """Forward and backward through a table of rows, one column a channel."""

    def forward_nd(x, gamma, beta, eps=1e-5, channel_axis=1):
        rows = to_rows(x, channel_axis)
        centred = rows - rows.mean(0)
        inv_std = 1 / np.sqrt((centred**2).mean(0) + eps)
        x_hat = centred * inv_std
        y = back(gamma * x_hat + beta, x.shape, channel_axis)
        return y, {"x_hat": x_hat, "scale": gamma * inv_std, "axis": channel_axis}

    def backward_nd(dy, cache):
        x_hat, g = cache["x_hat"], to_rows(dy, cache["axis"])
        dgamma, dbeta = (g * x_hat).sum(0), g.sum(0)
        dx = cache["scale"] * (g - (dbeta + x_hat * dgamma) / len(g))
        return back(dx, dy.shape, cache["axis"]), dgamma, dbeta

    return forward_nd, backward_nd


def channels_last(x, channel_axis):
    x = np.moveaxis(x, channel_axis, -1)
    return x.reshape(-1, x.shape[-1])


def moved_back(rows, shape, channel_axis):
    shape = list(shape)
    shape.append(shape.pop(channel_axis))
    return np.moveaxis(rows.reshape(shape), -1, channel_axis)


forward_nd, backward_nd = pair()


def _float32_forward(x, gamma, beta, eps=1e-5, channel_axis=1):
    x, gamma, beta = (np.asarray(a, np.float32) for a in (x, gamma, beta))
    return forward_nd(x, gamma, beta, np.float32(eps), channel_axis)


def _float32_backward(dy, cache):
    return backward_nd(np.float32(dy), cache)


def _loop_forward(x, gamma, beta, eps=1e-5, channel_axis=1):
    y = np.empty(x.shape)
    channels, out = np.moveaxis(x, channel_axis, 0), np.moveaxis(y, channel_axis, 0)
    kept = []
    for c, values in enumerate(channels):
        mean, inv_std = values.mean(), 1 / np.sqrt(values.var() + eps)
        out[c] = gamma[c] * (values - mean) * inv_std + beta[c]
        kept.append((mean, inv_std, gamma[c]))
    return y, {"x": x, "channels": kept, "axis": channel_axis}


def _loop_backward(dy, cache):
    dx = np.zeros(dy.shape)
    out, x, dy = (np.moveaxis(a, cache["axis"], 0) for a in (dx, cache["x"], dy))
    sums = []
    for c, (mean, inv_std, gamma) in enumerate(cache["channels"]):
        x_hat = (x[c] - mean) * inv_std
        sums.append(((dy[c] * x_hat).sum(), dy[c].sum()))
        out[c] = gamma * inv_std * (dy[c] - (sums[c][1] + x_hat * sums[c][0]) / x_hat.size)
    dgamma, dbeta = np.array(sums).T
    return dx, dgamma, dbeta


def _sandwich_forward(x, gamma, beta, eps=1e-5, channel_axis=1):
    """As (before, C, after), whatever the layout; sums by einsum."""
    axis = channel_axis % x.ndim
    c = x.shape[axis]
    box = x.reshape(int(np.prod(x.shape[:axis])), c, -1)
    m = box.size / c
    box = box - (np.einsum("bca->c", box) / m)[:, None]
    inv_std = (np.einsum("bca,bca->c", box, box) / m + eps) ** -0.5
    x_hat = np.einsum("bca,c->bca", box, inv_std)
    y = x_hat * gamma[:, None] + beta[:, None]
    return y.reshape(x.shape), (x_hat, gamma * inv_std, m)


def _sandwich_backward(dy, cache):
    x_hat, scale, m = cache
    g = dy.reshape(x_hat.shape)
    dgamma, dbeta = np.einsum("bca,bca->c", g, x_hat), np.einsum("bca->c", g)
    dx = g - (dbeta[:, None] + x_hat * dgamma[:, None]) / m
    return (dx * scale[:, None]).reshape(dy.shape), dgamma, dbeta


RIGHT_WAYS = {
    "channels moved last, one table of rows": rows(channels_last, moved_back),
    "float32 throughout": (_float32_forward, _float32_backward),
    "a loop over the channels": (_loop_forward, _loop_backward),
    "three axes and einsum": (_sandwich_forward, _sandwich_backward),
}
