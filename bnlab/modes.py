"""Train and eval mode of a whole model: switched for a while, and put back module by module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Puts every module of a model into eval mode for the body of a `with`.

    Afterwards each module has the mode it had before, whatever the body did to it and however the
    body was left. Modules that the body added keep the mode that they have by then. Gradients are
    recorded as before.

    Args:
        model: switched in place, and given to `as`.
    """
    with keeping_modes(model):
        model.eval()
        yield model


@contextmanager
def keeping_modes(model: nn.Module) -> Iterator[nn.Module]:
    """Puts every module's mode back after the body of a `with`; switches nothing.

    For bodies that end with `model.train()` themselves, such as `torch.optim.swa_utils.update_bn`.
    """
    before = {module: module.training for module in model.modules()}
    try:
        yield model
    finally:
        for module, mode in before.items():
            # Not module.train(mode), which would reach the module's children as well.
            module.training = mode


def modes(model: nn.Module) -> dict[str, bool]:
    """The mode of every module by its name, True for training; the model itself is "".

    `model.training` is the first of them and says nothing of the others.
    """
    return {name: module.training for name, module in model.named_modules()}
