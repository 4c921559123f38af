"""What the tests run in worker processes: functions that a new process can import."""

import os
import time
from pathlib import Path

import torch
import torch.distributed as dist

OF_DDP = {}, {"forward_sync_buffers": False}, {"broadcast_buffers": False}


def everything(counts):
    """All that is asked of workers that work: one start of the processes."""
    from bnlab.workers.against_batch import compare  # here: the others start faster without
    from bnlab.workers.ddp import pytorchs_sync_batch_norm, trained, watched

    total = torch.tensor(float(dist.get_rank()))
    dist.all_reduce(total)
    return {
        "rank": dist.get_rank(),
        "workers": dist.get_world_size(),
        "process": os.getpid(),
        "total": total,
        "errors": [compare(c) for c in counts],
        "refusal": refused(pytorchs_sync_batch_norm),
        "ddp": watched([dict(steps=4) | options for options in OF_DDP]),
        "trained": trained([dict(norm=n, per_worker=4, steps=5) for n in ("sync", "bn", "gn")]),
    }


def errors(counts):
    from bnlab.workers.against_batch import compare

    return [compare(c) for c in counts]


def refused(function):
    try:
        function()
    except ValueError as error:
        return str(error)


def fails(rank):
    if dist.get_rank() == rank:
        raise KeyError("the reason")
    dist.barrier()


def leaves(rank):
    if dist.get_rank() == rank:
        os._exit(7)
    dist.barrier()


def hangs(rank, folder):
    Path(folder, str(os.getpid())).touch()
    if dist.get_rank() != rank:
        dist.all_reduce(torch.zeros(1))


def sleeps(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)


def returns_something_that_cannot_travel():
    return lambda: None
