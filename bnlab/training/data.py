"""What networks are trained on: digits by default, CIFAR-10 with one setting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bnlab.digits import digits
from bnlab.training.cifar10 import read_cifar10

CLASSES = 10
NAMES = ("digits", "cifar10")


@dataclass(frozen=True)
class Data:
    """Images and labels, all in memory.

    Images are float32 of shape (N, C, H, W), or (N, C·H·W) after `flat`; labels are int64.
    The validation part is empty until `hold_out` fills it.
    """

    name: str
    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    x_valid: torch.Tensor
    y_valid: torch.Tensor

    def part(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and labels of one part: "train", "valid" or "test".

        Raises:
            ValueError: another name, or the part is empty.
        """
        if name not in ("train", "valid", "test"):
            raise ValueError(f"part is {name!r}; expected 'train', 'valid' or 'test'.")
        x, y = getattr(self, f"x_{name}"), getattr(self, f"y_{name}")
        if not len(x):
            raise ValueError(f"The {name} part is empty. Use data.hold_out(n) to fill 'valid'.")
        return x, y

    def flat(self) -> Data:
        """The same images as rows, for networks of linear layers."""
        parts = {f"x_{p}": getattr(self, f"x_{p}").flatten(1) for p in ("train", "valid", "test")}
        return replace(self, **parts)

    def hold_out(self, n: int, seed: int = 0) -> Data:
        """Moves `n` training images, drawn at random, to the validation part.

        Raises:
            ValueError: `n` is not between 1 and the number of training images.
        """
        if not 0 < n < len(self.x_train):
            raise ValueError(f"n is {n}; expected 1 to {len(self.x_train) - 1} images.")
        order = torch.randperm(len(self.x_train), generator=torch.Generator().manual_seed(seed))
        held, rest = order[:n].sort().values, order[n:].sort().values
        return replace(
            self,
            x_train=self.x_train[rest],
            y_train=self.y_train[rest],
            x_valid=self.x_train[held],
            y_valid=self.y_train[held],
        )

    def to(self, device: str | torch.device) -> Data:
        """A copy on another device; training happens where the data are."""
        moved = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, torch.Tensor)}
        return replace(self, **moved)


def load(name: str = "digits", folder: str | Path | None = None) -> Data:
    """Loads a data set by name: the one setting that switches an experiment.

    Args:
        name: "digits", 8 × 8 grey values in 0…1, 1437 to train and 360 to test, shipped with
            scikit-learn; or "cifar10", 3 × 32 × 32 in 0…1, 50 000 and 10 000.
        folder: where CIFAR-10's files are, or shall be (see `read_cifar10`).

    Raises:
        ValueError: another name.
        FileNotFoundError, ValueError: CIFAR-10 is not there, or its files are damaged.
    """
    if name == "digits":
        x_train, y_train, x_test, y_test = tensors()
        images = x_train.reshape(-1, 1, 8, 8), y_train, x_test.reshape(-1, 1, 8, 8), y_test
    elif name == "cifar10":
        read = [torch.from_numpy(part) for part in read_cifar10(folder)]
        images = read[0].float() / 255, read[1], read[2].float() / 255, read[3]
    else:
        raise ValueError(f"There is no data set {name!r}; expected one of {', '.join(NAMES)}.")
    return Data(name, *images, images[0][:0], images[1][:0])


def tensors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Digits as rows: x_train (1437, 64), y_train, x_test (360, 64), y_test."""
    return tuple(torch.from_numpy(part) for part in digits())
