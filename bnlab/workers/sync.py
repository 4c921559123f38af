"""Batch norm with the statistics of all workers, built from `all_reduce`."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnlab.norms.axes import other_axes, per_channel


def summed(part: Tensor) -> Tensor:
    """The sum of all workers' tensors, all of one shape; `part` itself where there is one worker."""
    if dist.is_initialized():
        dist.all_reduce(part)  # in place
    return part


def shared_statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance, (C,), and m, (), of all workers' values.

    Args:
        x: (N, C) or (N, C, *spatial), this worker's shard; N may be 0.

    Two calls: sums and count first, then squared distances from the mean.
    """
    axes = other_axes(x)
    count = x.new_tensor([x.numel() // x.shape[1]])
    *_, total, m = summed(torch.cat([x.sum(axes), count])).split([x.shape[1], 1])
    mean = total / m
    squares = (x - per_channel(mean, x.ndim)).square().sum(axes)
    return mean, summed(squares) / m, m.squeeze()


class SharedNormalise(torch.autograd.Function):
    """x̂ of a shard, with the statistics of all workers, and its derivative."""

    @staticmethod
    def forward(ctx, x: Tensor, eps: float):
        """Returns x̂ like x; mean and biased variance, (C,); m, ()."""
        mean, var, m = shared_statistics(x)
        inv_std = torch.rsqrt(var + eps)
        x_hat = (x - per_channel(mean, x.ndim)) * per_channel(inv_std, x.ndim)
        ctx.save_for_backward(x_hat, inv_std, m)
        ctx.mark_non_differentiable(mean, var, m)
        return x_hat, mean, var, m

    @staticmethod
    def backward(ctx, d: Tensor, *_):
        """Each x moves the outputs of all: two sums per channel travel."""
        x_hat, inv_std, m = ctx.saved_tensors
        sums = summed(own_sums(d, x_hat))
        return through_statistics(d, x_hat, inv_std, sums / m), None


def own_sums(d: Tensor, x_hat: Tensor) -> Tensor:
    """(2, C): this worker's sums of d and of d·x̂."""
    axes = other_axes(d)
    return torch.stack([d.sum(axes), (d * x_hat).sum(axes)])


def through_statistics(d: Tensor, x_hat: Tensor, inv_std: Tensor, means: Tensor) -> Tensor:
    """dx = (d − mean(d) − x̂·mean(d·x̂))/σ, for a gradient d of x̂ and the two means, (2, C)."""
    of_d, along, inv_std = (per_channel(s, d.ndim) for s in (*means, inv_std))
    return inv_std * (d - of_d - x_hat * along)


class SyncBatchNorm(_BatchNorm):
    """Batch norm of x: (N, C) or (N, C, *spatial), float32 or float64, over all workers.

    Every worker of the default process group must run it, with any number of samples, in
    forward and in backward. Without a process group, and in eval mode, it is plain batch norm.
    Arguments, parameters and buffers are those of `torch.nn.BatchNorm1d`.

    The gradients of `weight` and `bias` are this worker's part: DistributedDataParallel averages
    them with all others.

    Raises:
        ValueError: x has the wrong number of channels; or all workers together hold fewer than
            two values per channel.

    Source: the algorithm of `torch.nn.SyncBatchNorm`, which runs on accelerators only. PyTorch
    gathers each worker's mean, 1/σ and count in one call and merges them.
    """

    normalise: type[torch.autograd.Function] = SharedNormalise

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, *spatial). Returns y like x."""
        self._check_input_dim(x)
        if not self.training:
            return super().forward(x)
        x_hat, mean, var, m = self.normalise.apply(x, self.eps)
        if m < 2:
            raise ValueError(
                f"All workers together hold {m:.0f} value(s) per channel; batch norm needs two."
            )
        if self.track_running_stats:
            self._track(mean, var * (m / (m - 1)))
        if self.weight is not None:
            x_hat = x_hat * per_channel(self.weight, x.ndim)
        return x_hat if self.bias is None else x_hat + per_channel(self.bias, x.ndim)

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor) -> None:
        self.num_batches_tracked += 1
        share = self.momentum
        if share is None:
            share = 1 / self.num_batches_tracked.item()
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(var, share)

    def _check_input_dim(self, x: Tensor) -> None:
        if x.ndim < 2 or x.shape[1] != self.num_features:
            c = self.num_features
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected (N, {c}) or (N, {c}, *spatial)."
            )


def synced(model: nn.Module, kind: type[SyncBatchNorm] = SyncBatchNorm) -> nn.Module:
    """Puts `kind` in the place of every batch norm of a model, and returns the model.

    Parameters and buffers are the same objects as before, so an optimiser may exist already.
    A model that is itself a batch norm comes back as a new layer.
    """
    if isinstance(model, _BatchNorm) and not isinstance(model, kind):
        layer = kind(model.num_features, model.eps, model.momentum, affine=False)
        layer.affine, layer.track_running_stats = model.affine, model.track_running_stats
        for name in ("weight", "bias"):
            layer.register_parameter(name, getattr(model, name))
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            layer.register_buffer(name, getattr(model, name))
        return layer.train(model.training)
    for name, child in model.named_children():
        setattr(model, name, synced(child, kind))
    return model
