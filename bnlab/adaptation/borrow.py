"""The batch's own statistics for one answer, and the running ones again by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[nn.Module]:
    """In the body, batch norms normalise with the batch; no running statistic moves.

    Afterwards, also after an error, everything is as it was. Other modules keep their modes.

    Source of the idea: Nado et al., "Evaluating Prediction-Time Batch Normalization", 2020.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    before = [(m, m.training, m.track_running_stats) for m in layers]
    try:
        for layer in layers:
            # In training mode without tracking, forward hands no buffer to the kernel. Momentum 0
            # would: it counts the batch, and 0 · inf in the batch's variance makes nan of a buffer.
            layer.training, layer.track_running_stats = True, False
        yield model
    finally:
        for layer, mode, tracks in before:
            layer.training, layer.track_running_stats = mode, tracks
