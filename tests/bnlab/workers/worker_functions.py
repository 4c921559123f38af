"""What the tests run in worker processes: functions that a new process can import."""

import os
import time
from pathlib import Path

import torch
import torch.distributed as dist


def everything(counts):
    """All that is asked of workers that work: one start of the processes."""
    from bnlab.workers.against_batch import compare  # here: the others start faster without
    from bnlab.workers.ddp import train, watch

    total = torch.tensor(float(dist.get_rank()))
    dist.all_reduce(total)
    return {
        "rank": dist.get_rank(),
        "workers": dist.get_world_size(),
        "process": os.getpid(),
        "total": total,
        "errors": [compare(c) for c in counts],
        "refusal": refusal_of_pytorchs_layer(),
        "as it is": watch(4),
        "without": watch(4, forward_sync_buffers=False),
        "deprecated": watch(1, broadcast_buffers=False),
        "sync": train("sync", per_worker=4, steps=5),
        "bn": train("bn", per_worker=4, steps=5, by_class=True),
    }


def errors(counts):
    from bnlab.workers.against_batch import compare

    return [compare(c) for c in counts]


def refusal_of_pytorchs_layer():
    try:
        torch.nn.SyncBatchNorm(2)(torch.randn(4, 2))
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
