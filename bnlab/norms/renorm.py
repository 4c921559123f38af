"""Batch renormalisation: batch statistics for the gradient, running statistics for the values."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from bnlab.norms.axes import other_axes


def correction(
    batch_mean: torch.Tensor,
    batch_std: torch.Tensor,
    mean: torch.Tensor,
    std: torch.Tensor,
    r_max: float = math.inf,
    d_max: float = math.inf,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What turns a value normalised by its batch into one normalised by the running statistics.

    Args:
        batch_mean, batch_std: (C,) of the batch.
        mean, std: (C,) running statistics.
        r_max, d_max: r is clipped to 1/r_max … r_max, d to −d_max … d_max.

    Returns r and d: (C,), without a graph. With no clipping
    (x − batch_mean)/batch_std·r + d = (x − mean)/std.

    Source: Ioffe, "Batch Renormalization", NeurIPS 2017 (arXiv 1702.03275), Algorithm 1.
    """
    with torch.no_grad():
        r = (batch_std / std).clamp(1 / r_max, r_max)
        d = ((batch_mean - mean) / std).clamp(-d_max, d_max)
    return r, d


def ramp(step: int, start: int, end: int, low: float, high: float) -> float:
    """`low` up to step `start`, `high` from step `end` on, a straight line between."""
    if step >= end:
        return high
    return low + (high - low) * max(step - start, 0) / (end - start)


class BatchRenorm(nn.Module):
    """Batch renormalisation of x: (N, C) or (N, C, *spatial), float32 or float64.

    It starts as batch norm (r = 1, d = 0). From step `start` on the limits of r and d grow, and
    training mode comes ever closer to eval mode, which uses the running statistics.

    Args:
        num_features: C.
        eps: added to the batch's variance. The running deviation inherits it.
        momentum: share of the new batch in the running statistics; the paper's α.
        r_max, d_max: final limits.
        start, r_end, d_end: steps between which the limits of r and of d grow; the defaults are
            the paper's.

    Buffers: `running_mean`, `running_std` (C,) and `num_batches_tracked`. As in the paper the
    running average is one of standard deviations, sqrt(biased variance + eps). The state of a
    PyTorch batch norm can be loaded: its `running_var` becomes sqrt(running_var + eps).

    Source: Ioffe, "Batch Renormalization", NeurIPS 2017 (arXiv 1702.03275), Algorithm 1; the
    steps of the ramp from its section 4.1.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.01,
        r_max: float = 3.0,
        d_max: float = 5.0,
        start: int = 5_000,
        r_end: int = 40_000,
        d_end: int = 25_000,
    ):
        super().__init__()
        if r_max < 1 or d_max < 0:
            raise ValueError(
                f"r_max is {r_max} and d_max {d_max}; expected r_max ≥ 1, so that r = 1 is "
                "allowed, and d_max ≥ 0."
            )
        self.eps, self.momentum = eps, momentum
        self.r_max, self.d_max = r_max, d_max
        self.start, self.r_end, self.d_end = start, r_end, d_end
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_std", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def limits(self) -> tuple[float, float]:
        """r_max and d_max of the next training step."""
        step = int(self.num_batches_tracked)
        return (
            ramp(step, self.start, self.r_end, 1.0, self.r_max),
            ramp(step, self.start, self.d_end, 0.0, self.d_max),
        )

    def correction(
        self, batch_mean: torch.Tensor, batch_std: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """r and d: (C,) of this training step, clipped to the limits, without a graph."""
        statistics = self.running_mean, self.running_std
        return correction(batch_mean, batch_std, *statistics, *self.limits())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, C) or (N, C, *spatial). Returns the same shape.

        Raises:
            ValueError: training mode with one value per channel, as in PyTorch's batch norm: such
                a batch has no deviation, and no gradient could pass.
        """
        shape = (1, -1, *[1] * (x.ndim - 2))
        if self.training:
            # Batch norm's x̂, with its gradient through the statistics of the batch.
            x_hat = F.batch_norm(x, None, None, training=True, eps=self.eps)
            with torch.no_grad():
                var, batch_mean = torch.var_mean(x, other_axes(x), correction=0)
                batch_std = (var + self.eps).sqrt()
            r, d = self.correction(batch_mean, batch_std)
            x_hat = x_hat * r.view(shape) + d.view(shape)
            self._update(batch_mean, batch_std)
        else:
            x_hat = (x - self.running_mean.view(shape)) / self.running_std.view(shape)
        return self.weight.view(shape) * x_hat + self.bias.view(shape)

    def _update(self, batch_mean: torch.Tensor, batch_std: torch.Tensor) -> None:
        # After r and d: they measure the batch against the batches before it.
        self.running_mean.lerp_(batch_mean, self.momentum)
        self.running_std.lerp_(batch_std, self.momentum)
        self.num_batches_tracked += 1

    def _load_from_state_dict(self, state_dict, prefix, *args):
        var = state_dict.pop(f"{prefix}running_var", None)
        if var is not None:
            state_dict[f"{prefix}running_std"] = (var + self.eps).sqrt()
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return (
            f"{len(self.weight)}, eps={self.eps}, momentum={self.momentum}, "
            f"r_max={self.r_max}, d_max={self.d_max}"
        )
