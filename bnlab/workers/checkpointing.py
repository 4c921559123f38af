"""Gradient checkpointing runs forward twice: what keeps the running statistics right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


class Checkpointed(nn.Module):
    """A module whose activations are not kept but computed again in backward.

    Args:
        module: what is checkpointed, whole.
        options: of `torch.utils.checkpoint.checkpoint`.
    """

    def __init__(self, module: nn.Module, use_reentrant: bool = False, **options):
        super().__init__()
        self.module, self.options = module, options | {"use_reentrant": use_reentrant}

    def forward(self, x):
        return checkpoint(self.module, x, **self.options)


def twice(momentum: float) -> float:
    """The momentum that two updates with one batch amount to: 1 − (1 − m)²."""
    return 1 - (1 - momentum) ** 2


def halved(momentum: float) -> float:
    """The momentum whose two updates amount to one with `momentum`: 1 − √(1 − m)."""
    return 1 - math.sqrt(1 - momentum)


def apart(model: nn.Module, other: nn.Module) -> tuple[float, float]:
    """The largest difference of two models' parameters, and of their floating-point buffers."""
    found = []
    for kind in (nn.Module.parameters, nn.Module.buffers):
        pairs = zip(kind(model), kind(other), strict=True)
        pairs = [(a, b) for a, b in pairs if a.is_floating_point()]
        found.append(max((a - b).abs().max().item() for a, b in pairs))
    return found[0], found[1]


@contextmanager
def statistics_kept(model: nn.Module) -> Iterator[None]:
    """No batch norm of a model moves its running statistics or its counter in the body.

    momentum 0 and not track_running_stats = False: the operation stays the
    same, and autograd saves the same tensors, which checkpoint insists on.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    before = [(m.momentum, m.num_batches_tracked) for m in layers]
    for layer, (_, count) in zip(layers, before, strict=True):
        layer.momentum = 0.0
        if count is not None:
            layer.num_batches_tracked = count.clone()
    try:
        yield
    finally:  # checkpoint leaves by an exception when it has what it needs
        for layer, (momentum, count) in zip(layers, before, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, count


def once(model: nn.Module) -> Callable[[], tuple[AbstractContextManager, AbstractContextManager]]:
    """A `context_fn` for `checkpoint(…, use_reentrant=False)`: statistics move once."""
    return lambda: (nullcontext(), statistics_kept(model))
