"""6.3 Recalibrate: the right statistics, from the inputs of each layer, in NumPy."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


def measured(model: nn.Module, batches: Sequence[np.ndarray], keep: Collection[str]) -> None:
    """Writes the statistics of the batches into a model, and nothing else.

    The layers concerned are replaced for the pass by a function of the batch alone, so that no
    mode, momentum or counter takes part.
    """
    layers = {
        name: m
        for name, m in model.named_modules()
        if isinstance(m, _BatchNorm) and name not in keep and m.running_mean is not None
    }
    inputs: dict[str, list[np.ndarray]] = {name: [] for name in layers}
    modes = [(m, m.training) for m in model.modules()]

    def from_batch(name, layer):
        def forward(x):
            inputs[name].append(x.numpy().copy())
            return F.batch_norm(x, None, None, layer.weight, layer.bias, True, 0.0, layer.eps)

        return forward

    model.eval()
    for name, layer in layers.items():
        layer.forward = from_batch(name, layer)
    with torch.no_grad():
        for x in batches:
            model(torch.from_numpy(x))
    for name, layer in layers.items():
        del layer.forward
        rows = [np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]) for x in inputs[name]]
        sizes = [len(x) for x in inputs[name]]
        means, variances = [r.mean(0) for r in rows], [r.var(0, ddof=1) for r in rows]
        layer.running_mean.copy_(torch.from_numpy(np.average(means, 0, sizes)))
        layer.running_var.copy_(torch.from_numpy(np.average(variances, 0, sizes)))
        layer.num_batches_tracked.fill_(len(batches))
    for module, mode in modes:
        module.training = mode
