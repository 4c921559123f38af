"""Batch norm as autograd functions of its own, alone and fused with what follows it.

    y = batch_norm(x, gamma, beta)             # training: the statistics of x
    y = batch_norm(x, gamma, beta, mean, var)  # evaluation: given statistics

Derivatives of every order are right. What is kept between forward and backward is x, the
parameters, and two numbers for each channel; everything else is computed again. See chapter 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn import grad as conv_grad

from bnlab.norms import closed_form


def _statistics(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    mean, var = closed_form.statistics(x)
    return mean, torch.rsqrt(var + eps)


def _with_a_graph(x: Tensor, eps: float, *saved: Tensor) -> tuple[Tensor, Tensor]:
    """The saved mean and inv_std of x, in a form that is right to differentiate.

    The saved ones are constants to autograd. In a backward pass gradients are enabled if
    someone is going to differentiate it (create_graph=True), and then they are made again.
    """
    return _statistics(x, eps) if torch.is_grad_enabled() else saved


class BatchNorm(torch.autograd.Function):
    """apply(x, gamma, beta, mean, var, eps); mean and var None: the statistics of x."""

    @staticmethod
    def forward(ctx, x, gamma, beta, mean, var, eps):
        ctx.training, ctx.eps = mean is None, eps
        if ctx.training:
            mean, inv_std = _statistics(x, eps)
        else:
            inv_std = torch.rsqrt(var + eps)
        ctx.save_for_backward(x, gamma, mean, inv_std)
        return closed_form.forward(x, gamma, beta, mean, inv_std)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, mean, inv_std = ctx.saved_tensors
        if ctx.training:
            mean, inv_std = _with_a_graph(x, ctx.eps, mean, inv_std)
        grads = closed_form.backward(
            dy, x, gamma, mean, inv_std, ctx.training, needs_dx=ctx.needs_input_grad[0]
        )
        return *grads, None, None, None


class BatchNormReLU(torch.autograd.Function):
    """apply(x, gamma, beta, eps): relu(batch norm), in training.

    Where the ReLU is open is seen from x, so the output need not be kept.
    """

    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        mean, inv_std = _statistics(x, eps)
        ctx.eps = eps
        ctx.save_for_backward(x, gamma, beta, mean, inv_std)
        return closed_form.forward(x, gamma, beta, mean, inv_std).relu_()

    @staticmethod
    def backward(ctx, dy):
        x, gamma, beta, *saved = ctx.saved_tensors
        open_ = closed_form.forward(x, gamma, beta, *saved) > 0
        mean, inv_std = _with_a_graph(x, ctx.eps, *saved)
        needs_dx = ctx.needs_input_grad[0]
        grads = closed_form.backward(dy * open_, x, gamma, mean, inv_std, needs_dx=needs_dx)
        return *grads, None


class BatchNormReLUConv(torch.autograd.Function):
    """apply(x, gamma, beta, weight, eps, padding): conv2d(relu(batch norm)), in training.

    A convolution keeps its input for the gradient of its weights. Here this input is a
    multiplication, an addition and a maximum away from x, which is kept anyway.

    Source of the idea: Pleiss et al., "Memory-Efficient Implementation of DenseNets",
    arXiv:1707.06990.
    """

    @staticmethod
    def forward(ctx, x, gamma, beta, weight, eps, padding):
        mean, inv_std = _statistics(x, eps)
        ctx.eps, ctx.padding = eps, padding
        ctx.save_for_backward(x, gamma, beta, weight, mean, inv_std)
        inner = closed_form.forward(x, gamma, beta, mean, inv_std).relu_()
        return F.conv2d(inner, weight, padding=padding)

    @staticmethod
    def backward(ctx, dout):
        x, gamma, beta, weight, *saved = ctx.saved_tensors
        mean, inv_std = _with_a_graph(x, ctx.eps, *saved)
        inner = closed_form.forward(x, gamma, beta, mean, inv_std).relu()
        dweight = conv_grad.conv2d_weight(inner, weight.shape, dout, padding=ctx.padding)
        dy = conv_grad.conv2d_input(inner.shape, weight, dout, padding=ctx.padding)
        needs_dx = ctx.needs_input_grad[0]
        grads = closed_form.backward(dy * (inner > 0), x, gamma, mean, inv_std, needs_dx=needs_dx)
        return *grads, dweight, None, None


def batch_norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor | None = None,
    var: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Batch norm, differentiable in x, gamma and beta as often as you like.

    Args:
        x: (N, C, *spatial), float32 or float64.
        gamma, beta: (C,), of the same dtype.
        mean, var: (C,), the statistics to normalise with, as constants; None: those of x.
        eps: added to the variance, inside the root.

    Raises:
        ValueError: only one of mean and var is given, or none and a channel has one value.
    """
    if (mean is None) != (var is None):
        raise ValueError("Give both mean and var, or neither.")
    if mean is None:
        closed_form.check_values_per_channel(x)
    return BatchNorm.apply(x, gamma, beta, mean, var, eps)


def batch_norm_relu(x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5) -> Tensor:
    """relu(batch_norm(x, gamma, beta)), for which only x is kept, not the result.

    Arguments and errors as for `batch_norm`.
    """
    closed_form.check_values_per_channel(x)
    return BatchNormReLU.apply(x, gamma, beta, eps)


def batch_norm_relu_conv(
    x: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, eps: float = 1e-5, padding: int = 0
) -> Tensor:
    """conv2d(batch_norm_relu(x, gamma, beta), weight), for which only x is kept.

    Args:
        x: (N, C, H, W); gamma, beta, eps and errors as for `batch_norm`.
        weight: (K, C, h, w), of a convolution with stride 1 and no bias.
        padding: zeros on each side, put there after the ReLU.
    """
    closed_form.check_values_per_channel(x)
    return BatchNormReLUConv.apply(x, gamma, beta, weight, eps, padding)
