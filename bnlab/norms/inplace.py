"""In-place activated batch norm: batch norm and leaky ReLU that keep their output, not their input.

A convolution that comes next keeps its own input, which is this layer's output z, in any case. From
z the normalised x_hat can be computed backwards: undo the leaky ReLU, then the shift, then the
scale. So this layer's input need not be kept. Chapter 4.4 measures what that saves, and where it
breaks.

Source: Rota Bulò, Porzi, Kontschieder, "In-Place Activated BatchNorm for Memory-Optimized Training
of DNNs", CVPR 2018 (arXiv:1712.02616). Their layer also overwrites x; this one lets go of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from bnlab.norms.axes import other_axes, per_channel, wide


class InPlaceActivated(torch.autograd.Function):
    """apply(x, gamma, beta, mean, var, slope, eps, training)

    Returns leaky_relu(batch norm of x). `training` says that mean and var are
    those of x, so that all samples of a batch are coupled. Kept for backward
    are the result, inv_std and the parameters. Differentiable once.
    """

    @staticmethod
    def forward(ctx, x, gamma, beta, mean, var, slope, eps, training):
        inv_std = torch.rsqrt(var + eps)
        centred = wide(x) - per_channel(mean, x.ndim)
        y = per_channel(gamma * inv_std, x.ndim) * centred
        z = F.leaky_relu(y + per_channel(beta, x.ndim), slope).to(x.dtype)
        ctx.save_for_backward(z, inv_std, gamma, beta)
        ctx.slope, ctx.training = slope, training
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx, dz):
        z, *numbers = ctx.saved_tensors
        inv_std, gamma, beta = (per_channel(v, z.ndim) for v in numbers)
        m, axes, dtype = z.numel() // gamma.numel(), other_axes(z), dz.dtype
        z, dz = wide(z), wide(dz)

        above = z > 0  # the slope is positive, so y has the sign of z
        y = torch.where(above, z, z / ctx.slope)
        dy = torch.where(above, dz, dz * ctx.slope)
        x_hat = (y - beta) / gamma

        dgamma = (dy * x_hat).sum(axes, keepdim=True)
        dbeta = dy.sum(axes, keepdim=True)
        if ctx.training:
            dy = dy - dbeta / m - x_hat * (dgamma / m)
        dx = (gamma * inv_std * dy).to(dtype)
        return dx, dgamma.flatten(), dbeta.flatten(), *[None] * 5


class InPlaceBatchNorm(nn.Module):
    """Batch norm of x: (N, C) or (N, C, *spatial), followed by leaky ReLU; keeps its output only.

    The same numbers as `nn.Sequential(nn.BatchNorm2d(C, …), nn.LeakyReLU(slope))`, and the state
    of `nn.BatchNorm2d`. Parameters and running statistics are float32 unless moved; x may be
    narrower, and statistics are then computed in float32 and the output has x's dtype.

    Args:
        num_features: C.
        eps: added to the variance, inside the root.
        momentum: share of the new batch in the running statistics. None: the average of all
            batches so far.
        slope: of the leaky ReLU below 0; must be positive.

    The output must not be changed in place: PyTorch then refuses the backward pass.

    Raises:
        ValueError: the slope is not positive; x has another number of channels; in training a
            channel has fewer than two values; an entry of `weight` is 0 while gradients are
            recorded. A refused x changes nothing.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        slope: float = 0.01,
    ):
        super().__init__()
        if not slope > 0:
            raise ValueError(
                f"slope is {slope}; expected a positive number. With 0, as in ReLU, all negative "
                "values become 0 and cannot be recovered."
            )
        self.num_features, self.eps, self.momentum, self.slope = num_features, eps, momentum, slope
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C) or (N, C, *spatial); returns leaky_relu(y) like x."""
        if x.ndim < 2 or x.shape[1] != self.num_features:
            raise ValueError(f"x has shape {tuple(x.shape)}; expected (N, {self.num_features}, …).")
        if torch.is_grad_enabled() and (self.weight == 0).any():
            raise ValueError(
                "An entry of weight is 0: the output of that channel no longer tells what went "
                "in. Use nn.BatchNorm2d and nn.LeakyReLU for this layer."
            )
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = self._batch_statistics(x)
        settings = (self.slope, self.eps, self.training)
        return InPlaceActivated.apply(x, self.weight, self.bias, mean, var, *settings)

    @torch.no_grad()  # the Function's backward knows how both depend on x
    def _batch_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance, (C,); updates the running ones."""
        m = x.numel() // self.num_features
        if m < 2:
            raise ValueError(
                f"x of shape {tuple(x.shape)} has one value per channel, and no variance. Use a "
                "larger batch or eval()."
            )
        var, mean = torch.var_mean(wide(x), other_axes(x), correction=0)
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean += share * (mean - self.running_mean)
        self.running_var += share * (var * m / (m - 1) - self.running_var)
        return mean, var

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, slope={self.slope}"
