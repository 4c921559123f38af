"""What DistributedDataParallel keeps equal: functions that `run_workers` runs in each process."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from bnlab.adaptation.recalibrate import recalibrate
from bnlab.training import accuracy, load, mlp
from bnlab.workers.sync import synced


def apart(tensors: Iterable[Tensor]) -> float:
    """The largest difference between two workers in any number of some tensors."""
    low = torch.cat([t.detach().flatten().double() for t in tensors])
    high = low.clone()
    dist.all_reduce(low, dist.ReduceOp.MIN)
    dist.all_reduce(high, dist.ReduceOp.MAX)
    return (high - low).max().item()


def running_means(model: nn.Module) -> list[Tensor]:
    return [value for name, value in model.named_buffers() if "running_mean" in name]


def watched(settings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One comparison after the other; see `watch`."""
    return [watch(**one) for one in settings]


def watch(steps: int, **options: Any) -> dict[str, Any]:
    """Trains in DDP, every worker on images of its own, and compares the workers.

    Args:
        steps: of SGD with 32 digits per worker.
        options: of DistributedDataParallel.

    Returns a dict: `warnings`, those of DDP's constructor; `parameters`, `after the step` and
    `in the next forward`, lists with a number per step: how far parameters and running means
    are apart (see `apart`). The last one is taken when DDP has done what it does before forward.
    """
    rank = dist.get_rank()
    model = mlp(2, 32, "bn", seed=rank)  # DDP makes the starts equal
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ddp = DistributedDataParallel(model, **options)
    told = [f"{w.category.__name__}: {w.message}" for w in caught]
    names = ("parameters", "after the step", "in the next forward")
    seen: dict[str, list[float]] = {name: [] for name in names}
    found = []
    model.register_forward_pre_hook(lambda *_: found.append(apart(running_means(model))))
    x, y = load().flat().part("train")
    optimiser = torch.optim.SGD(ddp.parameters(), 0.1)
    for step in range(steps):
        rows = torch.arange(32) + 32 * (rank + dist.get_world_size() * step)
        F.cross_entropy(ddp(x[rows]), y[rows]).backward()
        optimiser.step()
        optimiser.zero_grad()
        seen["parameters"].append(apart(model.parameters()))
        seen["after the step"].append(apart(running_means(model)))
    ddp(x[:32])
    seen["in the next forward"] = found[1:]
    return seen | {"warnings": told}


def pytorchs_sync_batch_norm() -> Tensor:
    """A training step of `torch.nn.SyncBatchNorm`; on the CPU it raises ValueError."""
    return nn.SyncBatchNorm(2)(torch.randn(4, 2))


def trained(settings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One training run after the other; see `train`."""
    return [train(**one) for one in settings]


def train(
    norm: str = "bn",
    per_worker: int = 16,
    steps: int = 200,
    lr: float = 0.1,
    seed: int = 0,
    by_class: bool = False,
) -> dict[str, Any]:
    """Trains a network on digits in DDP.

    Args:
        norm: "bn", batch norm as it is; "sync", with the statistics of all workers; else as in
            `bnlab.training.norm_layer`.
        per_worker: images per worker and step.
        seed: of the weights and of the order of the images; the same on all workers.
        by_class: every worker has images of its own classes: of two, one has 0–4, one 5–9.

    Returns a dict: `accuracy`, on the test part, with this worker's running statistics as the last
    step left them; `measured anew`, the same with statistics of the whole training part;
    `parameters`, how far the workers' parameters are apart.
    """
    rank, workers = dist.get_rank(), dist.get_world_size()
    model = mlp(3, 64, "bn" if norm == "sync" else norm, seed=seed)
    ddp = DistributedDataParallel(synced(model) if norm == "sync" else model)
    x, y = load().flat().part("train")
    optimiser = torch.optim.SGD(ddp.parameters(), lr)
    order = torch.Generator().manual_seed(1000 + seed)
    mine = y * workers // 10 == rank
    for _ in range(steps):
        drawn = torch.randperm(len(x), generator=order)
        if by_class:
            drawn = drawn[mine[drawn]][:per_worker]
        else:
            drawn = drawn[rank * per_worker : (rank + 1) * per_worker]
        F.cross_entropy(ddp(x[drawn]), y[drawn]).backward()
        optimiser.step()
        optimiser.zero_grad()
    own = copy.deepcopy(model)
    return {
        "accuracy": accuracy(own),
        "measured anew": accuracy(recalibrate(own, [x])),
        "parameters": apart(model.parameters()),
    }
