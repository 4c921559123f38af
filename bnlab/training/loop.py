"""One training run: SGD on data in memory, seeded, with checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bnlab.training.data import CLASSES, Data, load
from bnlab.training.models import weighted_layers
from bnlab.training.progress import bar

EVALUATED_AT_ONCE = 1000


@dataclass
class Run:
    """A training run, finished or on its way."""

    model: nn.Module
    losses: list[float] = field(default_factory=list)  # per step
    accuracy: float = 0.0  # on the test part, in eval mode, after the last step
    diverged: bool = False  # the loss stopped being finite
    gradient_norms: list[list[float]] = field(default_factory=list)  # per step, a norm per layer


def train(
    model: nn.Module,
    lr: float,
    epochs: int = 10,
    batch_size: int = 64,
    seed: int = 0,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    each_step: Callable[[int, nn.Module], None] | None = None,
    data: Data | None = None,
    watch: bool = False,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Run:
    """Trains with SGD and tests at the end.

    Args:
        model: trained in place, on the device of the data.
        seed: of the order of the batches. The last, smaller batch is dropped.
        each_step: called as `each_step(step, model)` after each step, from 1.
        data: default: the digits as rows.
        watch: record the norm of each weight's gradient, layer by layer.
        checkpoint: a file that is written after each epoch. If it is there already, training
            goes on from it, and ends as it would have without the break.
        progress: show a bar of epochs.

    A run whose loss is not finite stops; its accuracy counts as 0.1, a guess.

    Raises:
        ValueError: a batch is larger than the training part, or the checkpoint belongs to a
            run with other settings.
    """
    data = data or load().flat()
    x, y = data.part("train")
    if batch_size > len(x):
        raise ValueError(f"batch_size is {batch_size}, but there are only {len(x)} images.")
    order = torch.Generator().manual_seed(1000 + seed)
    model.to(x.device).train()
    optimiser = torch.optim.SGD(
        model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay
    )
    run, done = Run(model), 0
    settings = dict(data=data.name, images=len(x), lr=lr, batch_size=batch_size, seed=seed)
    settings |= dict(momentum=momentum, weight_decay=weight_decay)
    if checkpoint and Path(checkpoint).exists():
        done = _resume(Path(checkpoint), run, optimiser, order, settings)
    for epoch in bar(range(done, epochs), "epochs", progress):
        if run.diverged:
            break
        _epoch(
            run,
            optimiser,
            torch.randperm(len(x), generator=order),
            x,
            y,
            batch_size,
            watch,
            each_step,
        )
        if checkpoint:
            _save(Path(checkpoint), run, optimiser, order, settings, epoch + 1)
    run.accuracy = 1 / CLASSES if run.diverged else accuracy(model, data)
    return run


def _epoch(run, optimiser, order, x, y, batch_size, watch, each_step) -> None:
    layers = weighted_layers(run.model) if watch else []
    for rows in order.to(x.device).split(batch_size):
        if len(rows) < batch_size:
            continue
        loss = F.cross_entropy(run.model(x[rows]), y[rows])
        if not torch.isfinite(loss):
            run.diverged = True
            return
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        run.losses.append(loss.item())
        if watch:
            run.gradient_norms.append([m.weight.grad.norm().item() for m in layers])
        if each_step:
            each_step(len(run.losses), run.model)


@torch.no_grad()
def accuracy(model: nn.Module, data: Data | None = None, part: str = "test") -> float:
    """Share of a part's images classified rightly, in eval mode; restores every mode.

    Args:
        data: default: the digits as rows.
        part: "train", "valid" or "test".
    """
    x, y = (data or load().flat()).part(part)
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    pieces = zip(x.split(EVALUATED_AT_ONCE), y.split(EVALUATED_AT_ONCE), strict=True)
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in pieces)
    for module, mode in modes:
        module.training = mode
    return right / len(x)


def _save(path: Path, run: Run, optimiser, order: torch.Generator, settings: dict, epochs: int):
    """Writes beside the file and renames: a break leaves the old checkpoint or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = dict(
        settings=settings,
        epochs=epochs,
        model=run.model.state_dict(),
        optimiser=optimiser.state_dict(),
        order=order.get_state(),
        random=torch.get_rng_state(),
        losses=run.losses,
        gradient_norms=run.gradient_norms,
        diverged=run.diverged,
    )
    new = path.with_name(path.name + ".new")
    torch.save(state, new)
    os.replace(new, path)


def _resume(path: Path, run: Run, optimiser, order: torch.Generator, settings: dict) -> int:
    """Puts a run back where its checkpoint stands; returns the number of epochs done."""
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        theirs = state["settings"]
    except Exception as problem:
        raise ValueError(
            f"{path} cannot be read as a checkpoint ({problem}). Delete it to start again."
        ) from problem
    if theirs != settings:
        other = ", ".join(
            f"{k} = {theirs.get(k)}" for k, v in settings.items() if theirs.get(k) != v
        )
        raise ValueError(
            f"{path} belongs to another run, with {other}. Delete it or use another file."
        )
    run.model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    order.set_state(state["order"])
    torch.set_rng_state(state["random"])
    run.losses, run.diverged = state["losses"], state["diverged"]
    run.gradient_norms = state["gradient_norms"]
    return state["epochs"]
