"""The pictures of chapter 6.5: in training mode, every sample of a batch talks to every other."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import FancyBboxPatch

from bnlab.figures import BLUE, INK, ORANGE, PURPLE, RED, spread

SIZE = 10  # points
ROWS = ("your", "a stranger's", "a stranger's")


def draw_leak(ax) -> None:
    """Draws three samples, the statistics that all of them feed, and the three answers.

    Red is the way from a stranger's sample to your answer.
    """
    box = {"boxstyle": "round,pad=0.35", "fc": "none", "lw": 1.6}
    middle = 1.0
    ax.add_patch(
        FancyBboxPatch((2.35, middle - 0.3), 1.3, 0.6, boxstyle="round,pad=0.1", fc="none", ec=INK)
    )
    ax.text(3, middle, "μ, σ of\nthe batch", ha="center", va="center", size=SIZE, color=INK)
    for k, whose in enumerate(ROWS):
        y, own = 2.0 - k, k == 0
        colour = BLUE if own else INK
        text = {"ha": "center", "va": "center", "size": SIZE, "color": colour}
        ax.text(0.55, y, whose + "\nsample", bbox=box | {"ec": colour}, **text)
        ax.text(5.45, y, "answer", bbox=box | {"ec": colour}, **text)
        leaks = k == 1
        _arrow(ax, (1.3, y), (2.2, middle + 0.35 * (y - middle)), RED if leaks else INK)
        _arrow(ax, (3.8, middle + 0.35 * (y - middle)), (4.85, y), RED if own else INK)
    ax.set(xlim=(-0.4, 6.2), ylim=(-0.5, 2.5))
    ax.set_axis_off()


def _arrow(ax, start, end, colour) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.8})


def draw_heard(ax, others, heard: dict) -> None:
    """Draws how often a stranger's class is named, by the number of further strangers.

    Args:
        ax: axes to draw on.
        others: (K,), the numbers of further strangers.
        heard: shares by name. The first has rows of K, one a seed; of the other two each seed has
            one share, measured without further strangers.
    """
    (loud, runs), *silent = heard.items()
    spread(ax, others, runs, loud, ORANGE, marker="o")
    # Side by side, since both lie on the line of the guess.
    for (name, runs), colour, x in zip(silent, (BLUE, PURPLE), (-0.12, 0.12), strict=True):
        ax.plot(x, np.median(runs), "s", color=colour, ms=8, label=name)
    ax.axhline(0.1, color=INK, ls="--", lw=1.2)
    ax.set(xlabel="further strangers in the batch", ylabel="stranger's digit named", ylim=(0, 1))
    ax.set_xticks(others)
    ax.legend()
    ax.grid(True)


def draw_pixels(axes, rows: dict) -> None:
    """Draws named rows of 8×8 images, each (N, 64), on axes (rows, images)."""
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        for ax, picture in zip(row, pictures, strict=False):
            ax.imshow(np.reshape(picture, (8, 8)), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
