"""Batch norm with statistics blended from the batch and the batches before it."""

from __future__ import annotations

import math

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from bnlab.norms.axes import other_axes


def share(samples: int, prior: float) -> float:
    """Weight α of a batch of n samples against running statistics that count as `prior` samples.

    α = n / (n + prior). Source: Schneider et al., "Improving robustness against common
    corruptions by covariate shift adaptation", NeurIPS 2020, where `prior` is called N.
    """
    return 1.0 if prior == 0 else samples / (samples + prior)


def surprise(batch_mean: torch.Tensor, mean: torch.Tensor, var: torch.Tensor, values: int) -> float:
    """How much further the batch's means are from the running ones than chance explains.

    Args:
        batch_mean, mean, var: (C,) of the batch, and running.
        values: m, behind one mean of the batch.

    Returns the mean over the channels of (batch_mean − mean)²/(var/m). Independent values from
    the same distribution give 1 on average.
    """
    return ((batch_mean - mean).square() * values / var).mean().item()


class BlendedBatchNorm(_BatchNorm):
    """Batch norm of x: (N, C) or (N, C, *spatial) that pools the batch with the running statistics.

    mean = α·μ_B + (1 − α)·μ, and the variance is that of the pool,
    α·σ²_B + (1 − α)·σ² + α(1 − α)(μ_B − μ)². In training mode α = share(N, prior); the gradient
    passes through the batch's part. In eval mode that is multiplied by a gate, 1 − chance/t where
    t is the surprise of the batch, and 0 when t is below `chance`: an ordinary batch is normalised
    by the running statistics alone. Parameters, buffers and their updates are PyTorch's; for a
    batch of one value per channel, which has no variance, its squared distance from the running
    mean stands in.

    Args:
        num_features: C.
        prior: samples that the running statistics count for. 0 is batch norm in training mode,
            in eval mode the batch alone decides; infinity uses running statistics in both.
        chance: surprise that passes for chance, in eval mode. 0: no gate.
        eps, momentum, affine: as in `torch.nn.BatchNorm1d`.

    The share is Schneider et al.'s (see `share`); the variance of the pool and the gate are this
    course's own. The gate looks at the mean only.
    """

    def __init__(
        self,
        num_features: int,
        prior: float = 1.0,
        chance: float = 2.0,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ):
        if prior < 0 or chance < 0:
            raise ValueError(f"prior is {prior} and chance {chance}; expected numbers from 0 on.")
        super().__init__(num_features, eps, momentum, affine)
        self.prior, self.chance = prior, chance

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, C) or (N, C, *spatial), float32 or float64. Returns the same shape.

        Raises:
            ValueError: x has another shape; one value per channel and no share of the running
                statistics, in training mode.
        """
        self._check_input_dim(x)
        values = x.numel() // x.shape[1]
        if self.training and values == 1 and self.prior == 0:
            raise ValueError(
                "Expected more than 1 value per channel when training with prior = 0, got input "
                f"of shape {tuple(x.shape)}. A prior above 0 makes a batch of one possible."
            )
        var, mean = torch.var_mean(x, other_axes(x), correction=0)
        alpha = 0.0 if math.isinf(self.prior) else share(len(x), self.prior)
        if not self.training and self.chance:
            seen = surprise(mean, self.running_mean, self.running_var, values)
            alpha *= max(0.0, 1 - self.chance / max(seen, self.chance))
        apart = (mean - self.running_mean).square()
        pooled_mean = torch.lerp(self.running_mean, mean, alpha)
        pooled_var = torch.lerp(self.running_var, var, alpha) + alpha * (1 - alpha) * apart
        if self.training:
            self._update(mean.detach(), var.detach(), apart.detach(), values)
        shape = (1, -1, *[1] * (x.ndim - 2))
        inv_std = torch.rsqrt(pooled_var + self.eps)
        x_hat = (x - pooled_mean.view(shape)) * inv_std.view(shape)
        if not self.affine:
            return x_hat
        return self.weight.view(shape) * x_hat + self.bias.view(shape)

    def _update(self, mean, var, apart, values: int) -> None:
        self.num_batches_tracked += 1
        weight = self.momentum
        if weight is None:  # the plain average over all batches
            weight = 1 / float(self.num_batches_tracked)
        unbiased = var * values / (values - 1) if values > 1 else apart
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(unbiased, weight)

    def _check_input_dim(self, x: torch.Tensor) -> None:
        if x.ndim < 2:
            raise ValueError(f"x has shape {tuple(x.shape)}; expected (N, C) or (N, C, *spatial).")

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, prior={self.prior}, chance={self.chance}"
