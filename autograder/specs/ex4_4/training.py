"""4.4 The sweep: small grids, one run of them again, and the models that an answer builds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.digits import digits
from bnlab.training import mlp
from bnlab.training.progress import bar

TRAIN, HELD = 204, 129  # 204 = 6 · 32 + 12, and 129 = 2 · 64 + 1: both leave a rest
EPOCHS, BATCH = 3, 32
DIVERGES = 1e6  # a learning rate
NUDGE = 1e-6  # ten roundings
PARTS = ("train", "valid", "test")


def build(norm: str, seed: int) -> nn.Module:
    """The network of the small grids."""
    return mlp(2, 32, norm, init="he", seed=seed)


def split(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Digits in a hidden order, with noise; the test images have more of it.

    Then the accuracies of the parts differ by more than two images, and no image is in two.
    """
    data = digits()
    images, labels = (np.concatenate(pair) for pair in zip(data[:2], data[2:], strict=True))
    order = rng.permutation(len(images))
    arrays, start = {}, 0
    for part, n, noise in zip(PARTS, (TRAIN, HELD, HELD), (0.15, 0.15, 0.4), strict=True):
        rows = order[start : start + n]
        start += n
        x = images[rows] + noise * rng.normal(size=(n, 64))
        arrays |= {f"x_{part}": x.astype(np.float32), f"y_{part}": labels[rows]}
    return arrays


def run_again(
    arrays: dict, norm: str, rate: float, seed: int, nudge: float = 0.0, each_epoch=None
) -> tuple[nn.Module, bool]:
    """One cell of a grid, trained; and whether its loss stayed finite.

    Args:
        nudge: relative change of every weight at the start, of random sign.
        each_epoch: called with the network after each epoch.
    """
    x, y = torch.from_numpy(arrays["x_train"]), torch.from_numpy(arrays["y_train"])
    before = torch.get_rng_state()
    model = build(norm, seed)
    torch.set_rng_state(before)
    order = torch.Generator().manual_seed(seed)
    parameters = list(model.parameters())
    signs = np.random.default_rng(seed)
    with torch.no_grad():
        for p in parameters if nudge else ():
            p *= 1 + nudge * torch.from_numpy(signs.choice([-1.0, 1.0], p.shape))
    for _ in range(EPOCHS):
        rows = torch.randperm(len(x), generator=order)
        for batch in rows[: len(x) // BATCH * BATCH].view(-1, BATCH):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            if not torch.isfinite(loss):
                return model, False
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                torch._foreach_sub_(parameters, torch._foreach_mul(gradients, rate))
        if each_epoch:
            each_epoch(model)
    return model, True


def is_stable(arrays: dict, norm: str, rate: float, seed: int) -> bool:
    """Whether a change of the weights by ten roundings grows less than tenfold in a cell.

    Now and then a ReLU whose input is nearly 0 turns such a change into a large one, and right
    answers that round otherwise would part ways.
    """
    ends = [weights(run_again(arrays, norm, rate, seed, nudge)[0]) for nudge in (0.0, NUDGE)]
    return bool(np.abs(ends[0] - ends[1]).max() < 10 * NUDGE * np.abs(ends[0]).max())


def falls(arrays: dict, norm: str, rate: float, seed: int, images: int = 3) -> bool:
    """Whether an epoch before the last got so many images more in one of the held-out parts."""
    counts = []
    parts = [(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("valid", "test")]
    run_again(
        arrays,
        norm,
        rate,
        seed,
        each_epoch=lambda m: counts.append([right_ones(m, *p) for p in parts]),
    )
    best = np.max(counts, axis=0)
    return bool((best - counts[-1]).max() >= images)


@torch.no_grad()
def right_ones(model: nn.Module, x: np.ndarray, y: np.ndarray) -> int:
    """How many images a model classifies rightly, in eval mode; the modes are put back."""
    modes = [(m, m.training) for m in model.modules()]
    kind = next(model.parameters()).dtype
    answers = model.eval()(torch.from_numpy(x).to(kind)).argmax(1)
    for module, mode in modes:
        module.training = mode
    return int((answers == torch.from_numpy(y)).sum())


def weights(model: nn.Module) -> np.ndarray:
    """All parameters in one row, float64."""
    return torch.cat([p.detach().double().flatten() for p in model.parameters()]).numpy()


def running(model: nn.Module) -> np.ndarray:
    """All running means and variances in one row, float64."""
    found = [b for name, b in model.named_buffers() if "running" in name]
    return torch.cat([b.double().flatten() for b in found]).numpy() if found else np.zeros(0)


@dataclass
class Builder:
    """Hands out networks, remembers them, and moves a progress bar.

    Use it as a context: the bar goes when it is left.
    """

    cells: int
    models: list[tuple[str, Any, nn.Module]] = field(default_factory=list)

    def __enter__(self):
        self.bar = bar(None, "runs", True, self.cells)
        self.bar.leave = False
        return self

    def __exit__(self, *error):
        self.bar.close()

    def __call__(self, norm: str, seed: int) -> nn.Module:
        model = build(norm, seed)
        if len(self.models) < self.cells:
            self.bar.update()
        self.models.append((norm, seed, model))
        return model

    def of(self, norm: str, seed: int) -> list[nn.Module]:
        """The models of a norm and a seed, one per rate."""
        return [model for n, s, model in self.models if (n, s) == (norm, seed)]
