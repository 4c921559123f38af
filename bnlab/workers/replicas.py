"""A forward pass as nn.DataParallel does it, on the CPU: which running statistics remain."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def replica(model: nn.Module, first: bool) -> nn.Module:
    """A copy of a model that shares its parameters and, if it is the first, its buffers.

    Source: torch/nn/parallel/replicate.py. There the copies lie on other
    devices; the one on the first device shares its storage with the model.
    """
    shared = [*model.parameters(), *(model.buffers() if first else ())]
    return copy.deepcopy(model, {id(t): t for t in shared})


def data_parallel(model: nn.Module, x: Tensor, devices: int) -> Tensor:
    """Splits a batch into `devices` pieces, runs each through a replica, and joins the outputs.

    The replicas live for this one call.
    """
    pieces = x.chunk(devices)
    return torch.cat([replica(model, k == 0)(piece) for k, piece in enumerate(pieces)])
