"""2.3 Backward pass: right answers."""

from __future__ import annotations

import numpy as np


def right(dy, cache):
    x_hat, inv_std, gamma = cache["x_hat"], cache["inv_std"], cache["gamma"]
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    dx = gamma * inv_std * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy))
    return dx, dgamma, dbeta


def _stages(dy, cache):
    """The graph form: one stage after the other, through variance and mean."""
    m, inv_std = dy.shape[0], cache["inv_std"]
    centred = cache["x_hat"] / inv_std
    dx_hat = dy * cache["gamma"]
    dvar = (dx_hat * centred).sum(axis=0) * -0.5 * inv_std**3
    dcentred = dx_hat * inv_std + 2 / m * centred * dvar
    dmean = -dcentred.sum(axis=0)
    return dcentred + dmean / m, (dy * cache["x_hat"]).sum(axis=0), dy.sum(axis=0)


def _jacobian(dy, cache):
    """One m × m matrix a feature: γ·inv_std·(I − 1/m − x̂x̂ᵀ/m)."""
    m, d = dy.shape
    dx = np.empty((m, d))
    for j in range(d):
        h = cache["x_hat"][:, j]
        jacobian = np.eye(m) - 1 / m - np.outer(h, h) / m
        dx[:, j] = cache["gamma"][j] * cache["inv_std"][j] * (jacobian @ dy[:, j])
    return dx, np.einsum("nd,nd->d", dy, cache["x_hat"]), np.ones(m) @ dy


def _float32(dy, cache):
    return right(np.float32(dy), {k: np.float32(v) for k, v in cache.items()})


def _scratch(dy, cache):
    m = len(dy)
    dbeta = np.add.reduce(dy, axis=0, dtype=np.float64)
    dgamma = np.einsum("nd,nd->d", dy, cache["x_hat"], dtype=np.float64)
    dx = cache["x_hat"] * (-dgamma / m)
    dx += dy
    dx -= dbeta / m
    dx *= cache["gamma"] * cache["inv_std"]
    return dx, dgamma, dbeta


def _features_first(dy, cache):
    g, h = np.ascontiguousarray(dy.T), np.ascontiguousarray(cache["x_hat"].T)
    g_hat = g * cache["gamma"][:, None]
    g_hat = g_hat - g_hat.mean(axis=1, keepdims=True) - h * (g_hat * h).mean(axis=1, keepdims=True)
    return [(g_hat * cache["inv_std"][:, None]).T, (g * h).sum(axis=1), g.sum(axis=1)]


RIGHT_WAYS = {
    "stage by stage": (_stages,),
    "the Jacobian of each feature": (_jacobian,),
    "float32 throughout": (_float32,),
    "in-place scratch, einsum": (_scratch,),
    "features first, transposed": (_features_first,),
}
