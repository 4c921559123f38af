"""Batch norm rebuilt: the math in three functions, the bookkeeping in a module.

The module equals `torch.nn.BatchNorm1d`, `2d` and `3d` in outputs, gradients and state, and calls
none of PyTorch's normalisers; its docstring names what differs. Chapter 4.1 reads it line by line.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnlab.norms.axes import other_axes, per_channel, wide


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of every channel.

    Args:
        x: (N, C, *spatial), floating point.

    Returns:
        mean and var: (C,), with x's graph. float32 for a half-precision x,
        else of x's dtype.

    Source: Ioffe & Szegedy, "Batch Normalization", ICML 2015, Algorithm 1.
    """
    var, mean = torch.var_mean(wide(x), other_axes(x), correction=0)
    return mean, var


def normalize_with(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises x with given statistics, then scales and shifts.

    Args:
        x: (N, C, *spatial), floating point.
        mean, var: (C,), of this batch or of all the batches before.
        weight, bias: γ and β, (C,). None: 1 and 0.
        eps: inside the root.

    Returns:
        y like x. Half-precision numbers are rounded once, at the end.
    """
    # Centred first: the folded form a·x + b loses digits where the mean is large.
    y = wide(x) - per_channel(wide(mean), x.ndim)
    y = y * per_channel(torch.rsqrt(wide(var) + eps), x.ndim)
    if weight is not None:
        y = y * per_channel(weight, x.ndim)
    if bias is not None:
        y = y + per_channel(bias, x.ndim)
    return y.to(x.dtype)


@torch.no_grad()
def blend_(running: Tensor, new: Tensor, share: float) -> None:
    """running ← (1 − share)·running + share·new, in place.

    Args:
        running: (C,), a buffer. Whoever holds it sees it move.
        new: (C,), any floating dtype. Its graph is left behind.
        share: of the new value, 0 … 1.

    Every step is rounded to the precision of `running`, as in PyTorch's CPU kernel.
    """
    share, new = running.new_tensor(share), new.to(running.dtype)
    running.copy_(share * new + (1 - share) * running)


class BatchNorm(nn.Module):
    """Batch norm of x: (N, C) or (N, C, *spatial), for any number of spatial axes.

    Args:
        num_features: C, 1 or more.
        eps: inside the root.
        momentum: share of the new batch in the running statistics. None: all batches so far
            have the same share.
        affine: has `weight` and `bias`, γ and β, (C,).
        track_running_stats: has the buffers `running_mean` and `running_var`, (C,), and
            `num_batches_tracked`, int64. False: eval mode uses the batch too.
        device, dtype: of the parameters and the running statistics.
        bias: False: `weight` alone.

    Input and output have the module's dtype. A float32 module takes float16 and bfloat16 too.

    Raises:
        ValueError: x does not have num_features channels; or statistics of the batch are needed,
            and there are fewer than two values per channel or eps is not positive.
        TypeError: x has another dtype than the module, or is not floating point.

    What differs from PyTorch's modules:

    - What is refused changes nothing. PyTorch counts a batch of one before it refuses it.
    - An empty batch is refused where its statistics are needed. PyTorch counts it and returns an
      empty y.
    - y has the strides of a transposed x. PyTorch's is contiguous; both keep channels_last.
    - A channel with ±inf leaves nan in `running_mean`. PyTorch leaves ±inf there; y is nan in both.
    - The number of channels is checked in Python, with or without state; the number of axes is not.
    - `torch.compile` takes it with momentum None too; `torch.jit.script` does not take it.

    Source: Ioffe & Szegedy, "Batch Normalization", ICML 2015, Algorithms 1 and 2.
    """

    _version = 2  # of the state, as in torch.nn: version 1 had no num_batches_tracked

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats

        def full(value: float) -> Tensor:
            return torch.full((num_features,), value, device=device, dtype=dtype)

        weight = nn.Parameter(full(1.0)) if affine else None
        bias = nn.Parameter(full(0.0)) if affine and bias else None
        # None keeps a place free: the attribute is there, the state has no entry.
        self.register_parameter("weight", weight)
        self.register_parameter("bias", bias)
        tracked, count = track_running_stats, torch.tensor(0, device=device)
        self.register_buffer("running_mean", full(0.0) if tracked else None)
        self.register_buffer("running_var", full(1.0) if tracked else None)
        self.register_buffer("num_batches_tracked", count if tracked else None)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, *spatial). Returns y like x."""
        use_batch = self.training or self.running_mean is None
        self._refuse(x, use_batch)
        if use_batch:
            mean, var = statistics(x)
            if self.training and self.track_running_stats:
                self._track(mean, var, x.numel() // self.num_features)
        else:
            mean, var = self.running_mean, self.running_var
        return normalize_with(x, mean, var, self.weight, self.bias, self.eps)

    def _track(self, mean: Tensor, var: Tensor, m: int) -> None:
        """Moves the running statistics to a batch with m values per channel."""
        if self.running_mean is None:  # track_running_stats was switched on later
            return
        self.num_batches_tracked += 1
        share = self.momentum
        if share is None:
            share = 1 / self.num_batches_tracked.item()
        blend_(self.running_mean, mean, share)
        blend_(self.running_var, var * (m / (m - 1)), share)  # kept unbiased

    def reset_running_stats(self) -> None:
        """Forgets all batches."""
        if self.running_mean is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def _refuse(self, x: Tensor, use_batch: bool) -> None:
        """Raises for an x that has no answer, before anything has changed."""
        shape, c = tuple(x.shape), self.num_features
        if x.ndim < 2 or shape[1] != c:
            raise ValueError(f"x has shape {shape}; expected (N, {c}) or (N, {c}, *spatial).")
        if use_batch and x.numel() < 2 * c:
            raise ValueError(
                f"x of shape {shape} has {x.numel() // c} value(s) per channel, and the statistics "
                "of a batch need two. Give larger batches (drop_last=True leaves out a small last "
                "one), or use eval mode with running statistics."
            )
        if self.eps < 0 or (use_batch and self.eps == 0):
            raise ValueError(
                f"eps is {self.eps}; it must be positive: a constant channel has σ² = 0."
            )
        self._refuse_dtype(x.dtype)

    def _refuse_dtype(self, dtype: torch.dtype) -> None:
        own = next((t.dtype for t in (self.weight, self.running_mean) if t is not None), None)
        half = dtype in (torch.float16, torch.bfloat16)
        fits = own in (None, dtype) or (half and own == torch.float32)
        if not (fits and dtype.is_floating_point):
            takes = "floating-point numbers" if own is None else own
            raise TypeError(f"x is {dtype} and this module takes {takes}. Convert one with .to().")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *more) -> None:
        version, count = local_metadata.get("version") or 1, self.num_batches_tracked
        if version < 2 and count is not None:
            count = torch.tensor(0) if count.is_meta else count
            state_dict.setdefault(prefix + "num_batches_tracked", count)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *more)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )
