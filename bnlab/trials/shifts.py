"""Images from elsewhere. Each function takes rows of 64 pixels, (N, 64), and returns such rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch.nn import functional as F

from bnlab.adaptation.shifts import noise
from bnlab.training import Data


def as_rows(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable:
    """Lets a change of maps (N, 1, 8, 8) act on rows."""
    return lambda x: change(x.reshape(-1, 1, 8, 8)).flatten(1)


def own_gains(x: torch.Tensor) -> torch.Tensor:
    """Each pixel times its own factor between 0.01 and 100, always the same."""
    rng = torch.Generator().manual_seed(5)
    return x * 10 ** (4 * torch.rand(x.shape[1], generator=rng) - 2)


SHIFTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "as they are": lambda x: x,
    "brighter, 2x + 1": lambda x: 2 * x + 1,
    "darker, 0.3x": lambda x: 0.3 * x,
    "blurred": as_rows(lambda x: F.avg_pool2d(x, 3, 1, 1)),
    "noisy": noise,
    "inverted, 1 − x": lambda x: 1 - x,
    "one pixel to the right": as_rows(lambda x: x.roll(1, 3)),
    "upside down": as_rows(lambda x: x.flip(2)),
}


def everywhere(data: Data, change: Callable[[torch.Tensor], torch.Tensor]) -> Data:
    """The same data with the images to train on and to test on changed."""
    return replace(data, x_train=change(data.x_train), x_test=change(data.x_test))
