"""Holds batch norm on many workers against the whole batch in one place; runs in each process."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from bnlab.workers.sync import (
    SharedNormalise,
    SyncBatchNorm,
    own_sums,
    summed,
    through_statistics,
)


class OwnBackward(SharedNormalise):
    """Wrong: the sums of the backward pass stay with their worker."""

    @staticmethod
    def backward(ctx, d, *_):
        x_hat, inv_std, m = ctx.saved_tensors
        sums = own_sums(d, x_hat)
        return through_statistics(d, x_hat, inv_std, sums / m), None


class WithOwnBackward(SyncBatchNorm):
    """Wrong, to see by how much."""

    normalise = OwnBackward


ARMS = {"shared": SyncBatchNorm, "own sums": WithOwnBackward}


def compare(counts: Sequence[int], seed: int = 0) -> dict[str, dict[str, float]]:
    """The `errors` of the right layer and of the wrong one, by name."""
    return {name: errors(counts, kind, seed) for name, kind in ARMS.items()}


def errors(
    counts: Sequence[int], kind: type[SyncBatchNorm] = SyncBatchNorm, seed: int = 0
) -> dict[str, float]:
    """How far a layer on many workers is from batch norm on the whole batch, in float64.

    Args:
        counts: images per worker, of 3 channels and 2 × 3 pixels; the shards have means of their
            own. One may be 0.
        kind: the layer on the workers.

    Returns this worker's largest error of `y` and `dx` in the second of two steps, of `dgamma`
    summed over the workers, and of the `running` statistics after it; each divided by the largest
    value that is right.
    """
    rng, rank, counts = torch.Generator().manual_seed(seed), dist.get_rank(), list(counts)
    whole, shared = nn.BatchNorm2d(3).double(), kind(3).double()
    nn.init.normal_(whole.weight, 1, generator=rng)
    nn.init.normal_(whole.bias, generator=rng)
    shared.load_state_dict(whole.state_dict())
    for _ in range(2):
        x, dy = torch.randn(2, sum(counts), 3, 2, 3, generator=rng, dtype=torch.float64)
        own = torch.randn(len(counts), 3, 1, 1, generator=rng, dtype=torch.float64)
        x += 3 * own.repeat_interleave(torch.tensor(counts), 0)
        want = _step(whole, x, dy)
        got = _step(shared, x.split(counts)[rank], dy.split(counts)[rank])
    sizes = {name: t.abs().max() for name, t in want.items()}
    for name in ("y", "dx"):
        want[name] = want[name].split(counts)[rank]
    got["dgamma"] = summed(got["dgamma"])
    return {name: _largest(got[name] - want[name]) / sizes[name].item() for name in want}


def _step(layer: nn.Module, x: Tensor, dy: Tensor) -> dict[str, Tensor]:
    x = x.clone().requires_grad_()
    y = layer(x)
    dx, dgamma = torch.autograd.grad(y, (x, layer.weight), dy)
    running = torch.cat([layer.running_mean, layer.running_var])
    return {"y": y.detach(), "dx": dx, "dgamma": dgamma, "running": running}


def _largest(error: Tensor) -> float:
    return error.abs().max().item() if error.numel() else 0.0
