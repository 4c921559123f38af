"""Ghost batch norm: statistics of small groups inside a batch."""

from __future__ import annotations

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from bnlab.norms.axes import other_axes


class GhostBatchNorm(_BatchNorm):
    """Batch norm of x: (N, C) or (N, C, *spatial) with the statistics of about `group` samples.

    A batch of N has G = N // group groups, at least one. Samples are dealt out in turn: sample k
    belongs to group k mod G. So if N is no multiple of `group`, some groups have more than
    `group` samples, and none has fewer. Shuffle the batch to have random groups.

    The running statistics follow the mean of the batch and the unbiased variance within the
    groups, Σ (x − mean of its group)² / (values − G): the spread of the group means is left out,
    as it is by a batch norm that sees the groups one after the other. Eval mode, parameters and
    buffers are those of PyTorch's batch norm.

    Args:
        num_features: C.
        group: samples behind one statistic.
        options: of `torch.nn.BatchNorm1d`.

    Source: Hoffer et al., "Train longer, generalize better", NeurIPS 2017 (arXiv 1705.08741).
    There the running statistics take in the groups one after the other.
    """

    def __init__(self, num_features: int, group: int, **options):
        if group < 1:
            raise ValueError(f"group is {group}; expected at least 1 sample.")
        super().__init__(num_features, **options)
        self.group = group

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, C) or (N, C, *spatial), float32 or float64. Returns the same shape.

        Raises:
            ValueError: x has another shape, or training mode with a group of one value per
                channel.
        """
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)
        groups = max(len(x) // self.group, 1)
        rounds, left = divmod(len(x), groups)
        if rounds * x[0, 0].numel() < 2:
            raise ValueError(
                f"A group of {rounds} in a batch of shape {tuple(x.shape)} has one value per "
                "channel, and no variance. Use larger groups."
            )
        # Groups along the second axis: sums over the first one add whole rows, which is faster.
        table = x[: rounds * groups].reshape(rounds, groups, *x.shape[1:])
        if left:  # the first groups have one sample more
            longer = torch.cat([table[:, :left], x[rounds * groups :].unsqueeze(0)])
            longer, squares = self._standardise(longer)
            rest, more = self._standardise(table[:, left:])
            whole_rounds = torch.cat([longer[:-1], rest], dim=1).flatten(0, 1)
            x_hat, squares = torch.cat([whole_rounds, longer[-1]]), squares + more
        else:
            x_hat, squares = self._standardise(table)
            x_hat = x_hat.reshape(x.shape)
        if self.track_running_stats:
            self._update(x, squares, groups)
        if not self.affine:
            return x_hat
        shape = (1, -1, *[1] * (x.ndim - 2))
        return self.weight.view(shape) * x_hat + self.bias.view(shape)

    def _standardise(self, table: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """table: (samples, groups, C, *spatial). Returns x̂ like it, and (C,): Σ (x − μ)²."""
        axes = (0, *range(3, table.ndim))
        centred = table - table.mean(axes, keepdim=True)
        squares = centred.square()
        x_hat = centred / torch.sqrt(squares.mean(axes, keepdim=True) + self.eps)
        return x_hat, squares.detach().sum((0, 1, *axes[1:]))

    @torch.no_grad()
    def _update(self, x: torch.Tensor, squares: torch.Tensor, groups: int) -> None:
        self.num_batches_tracked += 1
        weight = self.momentum
        if weight is None:  # the plain average over all batches
            weight = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(x.mean(other_axes(x)), weight)
        values = x.numel() // x.shape[1]
        self.running_var.lerp_(squares / (values - groups), weight)

    def _check_input_dim(self, x: torch.Tensor) -> None:
        if x.ndim < 2:
            raise ValueError(f"x has shape {tuple(x.shape)}; expected (N, C) or (N, C, *spatial).")

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, group={self.group}"
