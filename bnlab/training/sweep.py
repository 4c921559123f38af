"""Compares networks fairly: every arm with every setting and every seed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from bnlab.training.data import Data
from bnlab.training.loop import Run, train
from bnlab.training.models import mlp, scale_hidden
from bnlab.training.progress import bar
from bnlab.training.table import Table, spread_of

Build = Callable[..., nn.Module]
OF_TRAINING = set(inspect.signature(train).parameters) - {"model", "seed", "data"}


@dataclass(frozen=True)
class Sweep:
    """The runs of a sweep.

    Args:
        over: what was varied.
        values: its settings.
        runs: per arm and value, a run per seed.
    """

    over: str
    values: tuple[Any, ...]
    runs: Mapping[tuple[str, Any], list[Run]]

    def __getitem__(self, key: tuple[str, Any]) -> list[Run]:
        """The runs of an arm at a setting, one per seed: `results["BN", 0.1]`."""
        return self.runs[key]

    @property
    def arms(self) -> list[str]:
        return list(dict.fromkeys(arm for arm, _ in self.runs))

    def accuracies(self, arm: str) -> np.ndarray:
        """Test accuracy (seeds, values) of an arm."""
        return np.array([[run.accuracy for run in self.runs[arm, v]] for v in self.values]).T

    def losses(self, arm: str, value: Any) -> np.ndarray:
        """Training loss (seeds, steps); NaN after a run has diverged."""
        return _padded([run.losses for run in self.runs[arm, value]])

    def gradient_norms(self, arm: str, value: Any) -> np.ndarray:
        """Norms of the weights' gradients (seeds, steps, layers), of a sweep with watch=True."""
        return _padded([run.gradient_norms for run in self.runs[arm, value]])

    def table(self) -> Table:
        """Median and range of the test accuracy, a row per setting and a column per arm."""
        rows = [
            [str(v), *(spread_of([r.accuracy for r in self.runs[arm, v]]) for arm in self.arms)]
            for v in self.values
        ]
        return Table([self.over, *self.arms], rows)


def _padded(curves: list[list]) -> np.ndarray:
    longest = max(len(curve) for curve in curves)
    inner = np.shape(max(curves, key=len))[1:]
    filled = np.full((len(curves), longest, *inner), np.nan)
    for row, curve in zip(filled, curves, strict=True):
        row[: len(curve)] = np.reshape(curve, (-1, *inner))
    return filled


def sweep(
    arms: Mapping[str, Build],
    over: str,
    values: Sequence[Any],
    seeds: Iterable[int] = range(3),
    data: Data | None = None,
    folder: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Sweep:
    """Trains each arm at each value with each seed.

    Args:
        arms: name → function that builds the network. If `over` is an argument of `train`, it is
            called as `build(seed)`, otherwise as `build(seed, value)`.
        over: what varies: "lr", "batch_size", "weight_decay", … or a name of your own.
        values: its settings.
        data: default: the digits as rows.
        folder: keeps a checkpoint per run. A second call goes on where the first was stopped.
        progress: show a bar of runs.
        options: further arguments of `train`; a dict holds one per value: `lr={2: 0.01, 64: 0.1}`.

    Raises:
        ValueError: no arms, values or seeds; an option has no entry for a value.
        TypeError: an option that `train` does not have.
    """
    values, seeds = tuple(values), tuple(seeds)
    if not arms or not values or not seeds:
        raise ValueError("There is nothing to run: arms, values and seeds must not be empty.")
    unknown = set(options) - OF_TRAINING
    if unknown:
        raise TypeError(f"train() has no option {', '.join(sorted(unknown))}.")
    runs: dict[tuple[str, Any], list[Run]] = {(arm, v): [] for arm in arms for v in values}
    total = len(runs) * len(seeds)
    with bar(None, "runs", progress, total) as shown:
        for seed in seeds:  # outermost: after a third of the time there is one of three seeds
            for arm, value in runs:
                shown.set_postfix_str(f"{arm}, {over} = {value}, seed {seed}")
                chosen = {name: _at(option, value, name) for name, option in options.items()}
                if over in OF_TRAINING:
                    model, chosen[over] = arms[arm](seed), value
                else:
                    model = arms[arm](seed, value)
                if folder:
                    chosen["checkpoint"] = Path(folder) / f"{_safe(arm)}-{over}-{value}-{seed}.pt"
                runs[arm, value].append(train(model, seed=seed, data=data, **chosen))
                shown.update()
    return Sweep(over, values, runs)


def _at(option: Any, value: Any, name: str) -> Any:
    if not isinstance(option, Mapping):
        return option
    if value not in option:
        raise ValueError(f"{name} has no entry for {value!r}; it has {list(option)}.")
    return option[value]


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)


def accuracy_map(norm: str, scales: list[float], rates: list[float]) -> np.ndarray:
    """Test accuracy of a small network over initial scale and learning rate.

    Five hidden layers of 64, He initialisation with the hidden weights times
    `scale`, three epochs, one seed.

    Returns:
        (len(scales), len(rates)), a row per scale.
    """
    maps = [
        [
            train(scale_hidden(mlp(5, 64, norm, init="he"), scale), lr, epochs=3).accuracy
            for lr in rates
        ]
        for scale in scales
    ]
    return np.array(maps)
