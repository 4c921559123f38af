"""Batch norm as a custom operator, which `torch.compile` keeps in one graph.

    y = batch_norm(x, gamma, beta, running_mean, running_var)

On a GPU with CuPy it launches the course's own CUDA kernels; everywhere else it computes the
same with PyTorch's functions. See chapter 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bnlab.norms import closed_form, launch


@torch.library.custom_op("bnlab::batch_norm", mutates_args=())
def batch_norm_op(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """y (like x, row-major), and mean and biased variance of each channel.

    No argument is changed: else PyTorch would take no formula for the gradient.

    Args:
        x: (N, C, *spatial), floating point.
        gamma, beta: (C,); float32 for half types of x, else of its dtype.
            It is the dtype that is computed in, and that of mean and variance.
    """
    return _forward(x, gamma, beta, eps)


@torch.library.custom_op("bnlab::batch_norm_backward", mutates_args=())
def batch_norm_backward_op(
    dy: Tensor, x: Tensor, gamma: Tensor, mean: Tensor, var: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """dx (like x, row-major), dgamma and dbeta, with the mean and var of `batch_norm_op`."""
    return _backward(dy, x, gamma, mean, var, eps)


def _forward(x, gamma, beta, eps):
    wide = x.to(gamma.dtype)
    mean, var = closed_form.statistics(wide)
    y = closed_form.forward(wide, gamma, beta, mean, torch.rsqrt(var + eps))
    return y.to(x.dtype).contiguous(), mean, var


def _backward(dy, x, gamma, mean, var, eps):
    dy, wide = dy.to(gamma.dtype), x.to(gamma.dtype)
    grads = closed_form.backward(dy, wide, gamma, mean, torch.rsqrt(var + eps))
    return grads[0].to(x.dtype).contiguous(), *grads[1:]


@batch_norm_op.register_kernel("cuda")
def _(x, gamma, beta, eps):
    run = launch.forward if launch.fits(x, gamma, beta) else _forward
    return run(x, gamma, beta, eps)


@batch_norm_backward_op.register_kernel("cuda")
def _(dy, x, gamma, mean, var, eps):
    run = launch.backward if launch.fits(x, dy, gamma) else _backward
    return run(dy, x, gamma, mean, var, eps)


@batch_norm_op.register_fake
def _(x, gamma, beta, eps):
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    return y, torch.empty_like(gamma), torch.empty_like(gamma)


@batch_norm_backward_op.register_fake
def _(dy, x, gamma, mean, var, eps):
    dx = torch.empty_like(x, memory_format=torch.contiguous_format)
    return dx, torch.empty_like(gamma), torch.empty_like(gamma)


def _of_statistics(dmean, dvar, x, mean):
    if dmean is None and dvar is None:
        return None
    dmean, dvar = (torch.zeros_like(mean) if d is None else d for d in (dmean, dvar))
    return closed_form.statistics_backward(dmean, dvar, x.to(mean.dtype), mean).to(x.dtype)


def _setup_context(ctx, inputs, output):
    x, gamma, _, ctx.eps = inputs
    _, mean, var = output  # outputs, and so, unlike other results, saved with their graph
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, gamma, mean, var)


def _gradient(ctx, dy, dmean, dvar):
    x, gamma, mean, var = ctx.saved_tensors
    dx = _of_statistics(dmean, dvar, x, mean)  # None, if nobody looks at them
    if dy is None:
        return dx, None, None, None
    # The kernel has no gradient of its own: who wants one gets PyTorch's functions.
    run = _backward if torch.is_grad_enabled() else batch_norm_backward_op
    through_y, dgamma, dbeta = run(dy, x, gamma, mean, var, ctx.eps)
    return through_y if dx is None else dx + through_y, dgamma, dbeta, None


batch_norm_op.register_autograd(_gradient, setup_context=_setup_context)


def batch_norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Batch norm in training mode, through the operator.

    Args:
        x, gamma, beta: as for `batch_norm_op`.
        running_mean, running_var: (C,), moved in place; running_var by the unbiased variance.
        momentum: weight of this batch.

    Raises:
        ValueError: only one running statistic is given, or a channel has one value.
    """
    if (running_mean is None) != (running_var is None):
        raise ValueError("Give both running_mean and running_var, or neither.")
    closed_form.check_values_per_channel(x)
    y, mean, var = batch_norm_op(x, gamma, beta, eps)
    if running_mean is not None:
        m = x.numel() // x.shape[1]
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_((var * m / (m - 1)).to(running_var.dtype), momentum)
    return y
