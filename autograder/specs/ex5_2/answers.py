"""5.2 LayerNorm and RMSNorm with their gradients: right answers."""

from __future__ import annotations

import torch


def last(x):
    return (-1,)


def leading(dy):
    return tuple(range(dy.ndim - 1))


def biased(x, axes):
    return x.var(axes, correction=0, keepdim=True)


def mean_of_squares(x, axes):
    return x.square().mean(axes, keepdim=True)


def inverse_root(value, eps):
    return (value + eps).rsqrt()


def summed(value, axes):
    return value.sum(axes)


def both(
    axes=last,  # of the statistics
    centre=(True, False),  # whether the mean is subtracted, for LayerNorm and RMSNorm
    var=biased,
    mean_square=mean_of_squares,
    inv_root=inverse_root,
    **steps,
):
    """The four answers with one step replaced; `steps` go to `gradients`."""

    def forward(x, size, eps, centred):
        z = x - x.mean(axes(x), keepdim=True) if centred else x
        inv = inv_root(size(x, axes(x)), eps)
        return z * inv, inv

    def layer_norm(x, gamma, beta, eps=1e-5):
        x_hat, inv = forward(x, var, eps, centre[0])
        return gamma * x_hat + beta, (x_hat, inv, gamma, x)

    def rms_norm(x, gamma, eps=1e-5):
        x_hat, inv = forward(x, mean_square, eps, centre[1])
        return gamma * x_hat, (x_hat, inv, gamma, x)

    def layer_norm_backward(dy, cache):
        dx, dgamma = gradients(dy, *cache, axes=axes, through_mean=True, **steps)
        dbeta = steps.get("total", summed)(dy, steps.get("param_axes", leading)(dy))
        return steps.get("order", lambda *grads: grads)(dx, dgamma, dbeta)

    def rms_norm_backward(dy, cache):
        return gradients(dy, *cache, axes=axes, through_mean=False, **steps)

    return layer_norm, layer_norm_backward, rms_norm, rms_norm_backward


def average(value, axes):
    return value.mean(axes, keepdim=True)


def gradients(
    dy,
    x_hat,
    inv,
    gamma,
    x,
    axes,
    through_mean,
    paths=(1, 0, 1),  # of LayerNorm's mean, RMSNorm's mean, and the size
    mean=average,
    before=lambda dy, gamma: gamma * dy,  # what reaches x̂
    after=lambda dx, gamma: dx,
    along=lambda x_hat, x, inv: x_hat,  # the direction that is taken out
    param_axes=leading,
    factor=lambda x_hat, x: x_hat,  # of dγ
    total=summed,
    order=None,
):
    over = axes(dy)
    g = before(dy, gamma)
    direction = along(x_hat, x, inv)
    dx = g - paths[2] * direction * mean(g * direction, over)
    if paths[0 if through_mean else 1]:
        dx = dx - mean(g, over)
    return after(dx * inv, gamma), total(dy * factor(x_hat, x), param_axes(dy))


def _rows(x):
    return x.reshape(-1, x.shape[-1])


def _stages_layer(x, gamma, beta, eps=1e-5):
    t = _rows(x)
    std = (t.std(1, correction=0, keepdim=True) ** 2 + eps).sqrt()
    y = torch.addcmul(beta, gamma, (t - t.mean(1, keepdim=True)) / std)
    return y.reshape(x.shape), {"x": x.clone(), "std": std, "gamma": gamma.clone()}


def _stages_layer_backward(dy, cache):
    """Stage by stage: the variance, the centred values, the mean."""
    t, g, std, gamma = _rows(cache["x"]), _rows(dy), cache["std"], cache["gamma"]
    d = t.shape[1]
    centred = t - t.mean(1, keepdim=True)
    dx_hat = g * gamma
    dvar = -0.5 * (dx_hat * centred).sum(1, keepdim=True) / std**3
    dcentred = dx_hat / std + 2 * dvar * centred / d
    dx = dcentred - dcentred.sum(1, keepdim=True) / d
    return dx.reshape(dy.shape), (g * centred / std).sum(0), g.sum(0)


def _stages_rms(x, gamma, eps=1e-5):
    t = _rows(x)
    rms = ((t * t).sum(1, keepdim=True) / t.shape[1] + eps).sqrt()
    return (t / rms * gamma).reshape(x.shape), {"x": x.clone(), "rms": rms, "gamma": gamma.clone()}


def _stages_rms_backward(dy, cache):
    t, g, rms = _rows(cache["x"]), _rows(dy), cache["rms"]
    dx_hat = g * cache["gamma"]
    dms = -0.5 * (dx_hat * t).sum(1, keepdim=True) / rms**3
    dx = dx_hat / rms + 2 * dms * t / t.shape[1]
    return dx.reshape(dy.shape), (g * t / rms).sum(0)


def _einsum_layer(x, gamma, beta, eps=1e-5):
    x = x.float()
    centred = x - torch.einsum("...d->...", x)[..., None] / x.shape[-1]
    inv = (torch.einsum("...d,...d->...", centred, centred) / x.shape[-1] + eps) ** -0.5
    x_hat = torch.einsum("...d,...->...d", centred, inv)
    return x_hat * gamma.float() + beta.float(), [x_hat, inv, gamma.float()]


def _einsum_rms(x, gamma, eps=1e-5):
    x = x.float()
    inv = (torch.einsum("...d,...d->...", x, x) / x.shape[-1] + eps) ** -0.5
    x_hat = torch.einsum("...d,...->...d", x, inv)
    return x_hat * gamma.float(), [x_hat, inv, gamma.float()]


def _einsum_rms_backward(dy, cache):
    x_hat, inv, gamma = cache
    dy = dy.float()
    g = dy * gamma
    along = torch.einsum("...d,...d->...", g, x_hat) / dy.shape[-1]
    dx = (g - x_hat * along[..., None]) * inv[..., None]
    return dx, torch.einsum("...d,...d->d", dy, x_hat)


def _einsum_layer_backward(dy, cache):
    dx, dgamma = _einsum_rms_backward(dy, cache)
    dy, (_, inv, gamma) = dy.float(), cache
    dx = dx - inv[..., None] * torch.einsum("...d,d->...", dy, gamma)[..., None] / dy.shape[-1]
    return dx, dgamma, torch.einsum("...d->d", dy)


def _jacobian(x, gamma, layer, eps):
    """A D × D matrix for each row, (rows, D, D), of x ↦ y."""
    t, d = _rows(x), x.shape[-1]
    z = t - t.mean(1, keepdim=True) if layer else t
    inv = (z.square().mean(1, keepdim=True) + eps).rsqrt()
    x_hat = z * inv
    identity = torch.eye(d, dtype=x.dtype) - (1 / d if layer else 0)
    matrix = identity - x_hat[:, :, None] * x_hat[:, None, :] / d
    return x_hat, gamma[:, None] * matrix * inv[:, :, None]


def _matrix_layer(x, gamma, beta, eps=1e-5):
    x_hat, matrix = _jacobian(x, gamma, True, eps)
    return (x_hat * gamma + beta).view(x.shape), (x_hat, matrix)


def _matrix_rms(x, gamma, eps=1e-5):
    x_hat, matrix = _jacobian(x, gamma, False, eps)
    return (x_hat * gamma).view(x.shape), (x_hat, matrix)


def _matrix_rms_backward(dy, cache):
    x_hat, matrix = cache
    dx = (_rows(dy)[:, None] @ matrix)[:, 0]
    return dx.view(dy.shape), (_rows(dy) * x_hat).sum(0)


def _matrix_layer_backward(dy, cache):
    return *_matrix_rms_backward(dy, cache), _rows(dy).sum(0)


RIGHT_WAYS = {
    "one step after the other": both(),
    "rows, stage by stage": (
        _stages_layer,
        _stages_layer_backward,
        _stages_rms,
        _stages_rms_backward,
    ),
    "einsum in float32, one calls the other": (
        _einsum_layer,
        _einsum_layer_backward,
        _einsum_rms,
        _einsum_rms_backward,
    ),
    "a Jacobian for each row": (
        _matrix_layer,
        _matrix_layer_backward,
        _matrix_rms,
        _matrix_rms_backward,
    ),
}
