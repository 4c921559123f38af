"""A running average of weights, and whose buffers go with it."""

from __future__ import annotations

import copy

import torch
from torch import nn


class AveragedWeights:
    """An exponential moving average of a model's parameters, in a copy of it.

    Args:
        model: copied as it is now, buffers and all.
        decay: share of the old average, in the long run; at first less, (1 + k)/(10 + k) after
            step k, so that the untrained start fades.
        buffers: copy the model's buffers with each update. False is the mistake of many
            hand-written averages: running statistics stay those of the start.

    Attributes:
        average: the copy.
    """

    def __init__(self, model: nn.Module, decay: float = 0.99, buffers: bool = True):
        self.average = copy.deepcopy(model)
        self.decay, self.buffers = decay, buffers

    @torch.no_grad()
    def update(self, step: int, model: nn.Module) -> None:
        """Takes in the model after step `step`, from 1; fits `each_step` of `training.train`."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for ours, theirs in zip(self.average.parameters(), model.parameters(), strict=True):
            ours.lerp_(theirs, 1 - decay)
        if self.buffers:
            for ours, theirs in zip(self.average.buffers(), model.buffers(), strict=True):
                ours.copy_(theirs)
