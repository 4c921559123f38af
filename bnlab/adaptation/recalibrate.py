"""Running statistics measured again, with the weights as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnlab.modes import evaluating


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Any]) -> nn.Module:
    """Replaces the running statistics by averages over batches; in place, and returned.

    Every sample counts the same. Modes and momenta are put back, also after an error. Frozen
    layers (`frozen.FrozenBatchNorm`) are no `_BatchNorm` and stay.

    Args:
        batches: tensors (n, …), or tuples or lists that begin with one; two values or more per
            channel.

    Source: Wu & Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3 (PreciseBN); with the
        average of the batch variances, as in PyTorch's `update_bn`.
    """
    layers = [
        m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None
    ]
    momenta = [layer.momentum for layer in layers]
    try:
        with evaluating(model):
            for layer in layers:
                layer.reset_running_stats()
                layer.training = True
            total = 0
            for batch in batches:
                x = batch if isinstance(batch, Tensor) else batch[0]
                total += len(x)
                for layer in layers:
                    layer.momentum = len(x) / total
                model(x)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    return model
