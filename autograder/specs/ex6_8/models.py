"""6.8 Export: two small models, in three modes."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from bnlab.norms.batch_norm import BatchNorm

MODES = {
    "training": "in training mode",
    "mixed": "in training mode but for one frozen layer",
    "eval": "in eval mode",
}


class Jitter(nn.Module):
    """Does something in training mode only, like dropout, but without chance."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.5 * x if self.training else x


def made(kind: str, mode: str, seed: int) -> nn.Sequential:
    """A model with numbers that all matter.

    Args:
        kind: "images" (N, 1, 5, 6), with a batch norm that is written in Python, and one of
            PyTorch's; or "rows" (N, 4), all of PyTorch. Both return (N, 2).
        mode: see `MODES`.
        seed: of weights and statistics.
    """
    if kind == "images":
        layers = [nn.Conv2d(1, 3, 3, bias=False), BatchNorm(3), nn.ReLU(), nn.BatchNorm2d(3)]
        layers += [Jitter(), nn.Flatten(), nn.Linear(36, 2)]
    else:
        layers = [nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2)]
    model, rng = nn.Sequential(*layers), np.random.default_rng(seed)
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(int(rng.integers(5, 50)))
            continue
        size = rng.uniform(0.3, 1.0, size=tensor.shape) / max(1.0, np.sqrt(tensor[0].numel()))
        sign = 1 if name.endswith("running_var") else rng.choice([-1, 1], size=tensor.shape)
        tensor.copy_(torch.from_numpy(sign * size))
    model.train(mode != "eval")
    if mode == "mixed":
        model[3].eval()
    return model


def in_eval(model: nn.Module, x: np.ndarray) -> np.ndarray:
    """What a copy of the model says in eval mode."""
    with torch.no_grad():
        return copy.deepcopy(model).eval()(torch.from_numpy(x)).numpy()
