"""Batch norm with statistics that nothing moves, whatever the mode."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

STATE = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


class FrozenBatchNorm(nn.Module):
    """γ (x − running mean) / √(running variance + eps) + β, in training mode too.

    It is no `_BatchNorm`, so that tools which reset or measure those pass it by. Names in the
    state are the same, so that checkpoints load in both directions.

    Args:
        layer: a batch norm with running statistics of C channels; its parameters and buffers are
            shared, not copied.
        trains_affine: whether the optimiser may move γ and β.

    Shape: x (N, C, *spatial); returns y like x.

    Raises:
        ValueError: the layer has no running statistics.
    """

    def __init__(self, layer: _BatchNorm, trains_affine: bool = False):
        super().__init__()
        if layer.running_mean is None:
            raise ValueError(
                "This batch norm has no running statistics to freeze (track_running_stats=False)."
            )
        self.eps, self.momentum = layer.eps, layer.momentum
        self.kind = type(layer)
        for name in STATE:
            kept = getattr(layer, name)
            if isinstance(kept, nn.Parameter) and trains_affine:
                self.register_parameter(name, kept)
            else:
                self.register_buffer(name, None if kept is None else kept.detach())

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )

    def thawed(self) -> _BatchNorm:
        """A batch norm of the kind that was frozen, with this state."""
        affine = self.weight is not None
        layer = self.kind(len(self.running_mean), self.eps, self.momentum, affine)
        with torch.no_grad():
            for name in STATE:
                kept, now = getattr(layer, name), getattr(self, name)
                if kept is not None and now is not None:
                    kept.copy_(now)
        return layer.to(self.running_mean).train(self.training)

    def extra_repr(self) -> str:
        return f"{len(self.running_mean)}, eps={self.eps}"


def freeze(model: nn.Module, trains_affine: bool = False) -> nn.Module:
    """Replaces every batch norm with running statistics by a frozen one; in place, and returned.

    A model that is itself a batch norm comes back as another object. Layers without running
    statistics stay as they are.
    """
    return _replaced(
        model,
        lambda m: isinstance(m, _BatchNorm) and m.running_mean is not None,
        lambda m: FrozenBatchNorm(m, trains_affine).train(m.training),
    )


def unfreeze(model: nn.Module) -> nn.Module:
    """Puts batch norms back where `freeze` replaced them; in place, and returned."""
    return _replaced(model, lambda m: isinstance(m, FrozenBatchNorm), FrozenBatchNorm.thawed)


def _replaced(module: nn.Module, is_one, other) -> nn.Module:
    if is_one(module):
        return other(module)
    for name, child in module.named_children():
        setattr(module, name, _replaced(child, is_one, other))
    return module
