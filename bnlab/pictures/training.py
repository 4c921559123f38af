"""The figures of chapter 4.3 and the capstone: accuracies, losses and gradient norms of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from bnlab.figures import BLUE, COLOURS, spread
from bnlab.training import Sweep

LOOK = {
    "default init": COLOURS["none"],
    "He init": COLOURS["he"],
    "plain": COLOURS["he"],
    "LN": COLOURS["ln"],
    "GN": COLOURS["gn"],
    "BN": COLOURS["bn"],
}


def accuracy_lines(results: Sweep | Mapping[str, Sweep], label: str, log: float | None = None):
    """Test accuracy over the values, a line per arm: median and range of the seeds.

    Args:
        results: a sweep, or several as panels, by title. Arms that LOOK does not know are dotted.
        label: of the values.
        log: base of a logarithmic axis. Default: values of equal distance.
    """
    panels = {"": results} if isinstance(results, Sweep) else results
    fig, axes = plt.subplots(1, len(panels), figsize=(6.4, 3.1), sharey=True, squeeze=False)
    for ax, (title, panel) in zip(axes[0], panels.items(), strict=True):
        x = panel.values if log else range(len(panel.values))
        for arm in panel.arms:
            dots = {} if arm in LOOK else {"ls": ":"}
            colour = LOOK.get(arm, BLUE)
            spread(ax, x, panel.accuracies(arm), arm, colour, marker="o", ms=4, **dots)
        if log:
            ax.set_xscale("log", base=log)
        ax.set_xticks(x, [f"{value:g}" for value in panel.values], minor=False)
        ax.set(xlabel=label, ylim=(0, 1.02), title=title)
        ax.grid(True)
    axes[0, 0].set_ylabel("test accuracy")
    _legend(fig, axes[0, 0])


def loss_lines(results: Sweep, value, steps: int):
    """Training loss of each arm at a value, means over so many steps."""
    fig, ax = plt.subplots(figsize=(6.4, 2.9))
    _curves(ax, {arm: results.losses(arm, value) for arm in results.arms}, steps)
    ticks = (0.1, 0.2, 0.5, 1, 2)
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_ylabel("training loss")
    _legend(fig, ax)


def gradient_lines(results: Sweep, value, steps: int, layers: Mapping[str, int]):
    """Norms of the gradients of some layers (title → number, from 0), means over so many steps."""
    fig, axes = plt.subplots(1, len(layers), figsize=(6.4, 2.9), sharey=True)
    for ax, (title, layer) in zip(axes, layers.items(), strict=True):
        norms = {arm: results.gradient_norms(arm, value)[..., layer] for arm in results.arms}
        _curves(ax, norms, steps)
        ax.set_title(title)
    axes[0].set_ylabel("norm of the gradient")
    _legend(fig, axes[0])


def means_over(curves: np.ndarray, steps: int) -> np.ndarray:
    """(seeds, T, …) → (seeds, T // steps, …), the mean of each stretch of so many steps."""
    stretches = curves.shape[1] // steps
    whole = curves[:, : stretches * steps]
    return whole.reshape(len(curves), stretches, steps, *curves.shape[2:]).mean(2)


def _curves(ax, curves: Mapping[str, np.ndarray], steps: int) -> None:
    for arm, runs in curves.items():
        means = means_over(runs, steps)
        spread(ax, steps * np.arange(1, means.shape[1] + 1), means, arm, LOOK[arm])
    ax.set(yscale="log", xlabel="training step")
    ax.grid(True)


def _legend(fig, ax) -> None:
    handles: Sequence = ax.get_legend_handles_labels()
    fig.legend(*handles, loc="outside upper center", ncols=len(handles[0]), fontsize=8)
