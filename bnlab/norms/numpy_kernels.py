"""Batch norm in NumPy, standing in for kernels that PyTorch cannot look into.

Like the CUDA kernels of part 3 they take and give plain arrays: no graph, no gradient, and nothing
for a compiler to read.
"""

from __future__ import annotations

import numpy as np


def bn_forward(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Batch norm in training mode.

    Args:
        x: (N, C, *spatial), float32 or float64.
        gamma, beta: (C,), of the same dtype.

    Returns:
        y: like x; mean and inv_std = 1/√(σ² + eps): (C,). All of the dtype of x.
    """
    axes, column = _axes(x), _column(x)
    mean = x.mean(axes)
    centred = x - mean.reshape(column)
    inv_std = (1 / np.sqrt((centred**2).mean(axes) + eps)).astype(x.dtype)
    y = centred * (gamma * inv_std).reshape(column) + beta.reshape(column)
    return np.ascontiguousarray(y), mean, inv_std


def bn_backward(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, mean: np.ndarray, inv_std: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients dx (like x), dgamma and dbeta ((C,)); chapter 1.3's closed form.

    Args:
        dy: like x.
        x, gamma: as given to `bn_forward`.
        mean, inv_std: as returned by it.
    """
    axes, column = _axes(x), _column(x)
    x_hat = (x - mean.reshape(column)) * inv_std.reshape(column)
    dgamma, dbeta = (dy * x_hat).sum(axes), dy.sum(axes)
    m = x.size // gamma.size
    paths = (dbeta.reshape(column) + x_hat * dgamma.reshape(column)) / x.dtype.type(m)
    dx = (gamma * inv_std).reshape(column) * (dy - paths)
    return np.ascontiguousarray(dx), dgamma, dbeta


def _axes(x: np.ndarray) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _column(x: np.ndarray) -> tuple[int, ...]:
    return (-1, *[1] * (x.ndim - 2))
