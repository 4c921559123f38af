"""Schematic pictures that several chapters share: memory layouts, paths of a gradient."""

from __future__ import annotations

import numpy as np

from bnlab.figures import BLUE, GREEN, INK, ORANGE, RED

CHANNELS = (BLUE, ORANGE, GREEN)


def memory_strips(ax, layouts: dict[str, tuple[tuple[int, ...], int]]) -> None:
    """Draws each layout's memory as a strip of cells, coloured by channel.

    Args:
        ax: axes to draw on.
        layouts: name to (shape, channel axis); all shapes hold equally many
            values, with three channels. A gap separates the samples.
    """
    for row, (name, (shape, channel_axis)) in enumerate(layouts.items()):
        channel = np.indices(shape)[channel_axis].ravel()
        sample = np.indices(shape)[0].ravel()
        gap = 0.8 * sample / max(1, shape[0] - 1)
        left = np.arange(channel.size) + gap
        colours = [CHANNELS[c] for c in channel]
        ax.barh(np.full(channel.size, -row), 0.86, left=left, height=0.55, color=colours)
        ax.text(-0.6, -row, name, ha="right", va="center", color=INK)
    ax.set_axis_off()
    ax.set_ylim(-len(layouts) + 0.4, 0.6)
    ax.set_xlim(-8.2, channel.size + 1)


def gradient_paths(ax) -> None:
    """Draws the graph of the forward pass, and the three paths by which a gradient reaches x."""
    nodes = {
        "x": (0, 0, "x"),
        "mean": (1, 1.05, "μ"),
        "centred": (2, 0, "x − μ"),
        "var": (3, -1.05, "σ²"),
        "inv_std": (4.1, -1.05, "1/σ"),
        "x_hat": (5, 0, "x̂"),
        "y": (6.2, 0, "y"),
    }
    forward = [
        ("x", "mean"),
        ("x", "centred"),
        ("mean", "centred"),
        ("centred", "var"),
        ("var", "inv_std"),
        ("inv_std", "x_hat"),
        ("centred", "x_hat"),
        ("x_hat", "y"),
    ]
    for start, end in forward:
        _arrow(ax, nodes[start][:2], nodes[end][:2], INK, 0.0)
    for x, y, label in nodes.values():
        ax.text(
            x,
            y,
            label,
            ha="center",
            va="center",
            color="white",
            bbox=dict(boxstyle="round,pad=0.35", fc="#4d4d4d", ec="none"),
            zorder=4,
        )
    _arrow(ax, nodes["y"][:2], nodes["x_hat"][:2], INK, 0.35, 2.2)
    _arrow(ax, nodes["x_hat"][:2], nodes["centred"][:2], BLUE, 0.22, 2.2)
    _arrow(ax, nodes["centred"][:2], nodes["x"][:2], BLUE, 0.22, 2.2)
    for start, end in (("x_hat", "inv_std"), ("inv_std", "var"), ("var", "centred")):
        _arrow(ax, nodes[start][:2], nodes[end][:2], RED, -0.3, 2.2)
    for start, end in (("centred", "mean"), ("mean", "x")):
        _arrow(ax, nodes[start][:2], nodes[end][:2], GREEN, 0.3, 2.2)
    ax.text(3.5, 0.62, "1 direct", color=BLUE, ha="center")
    ax.text(3.55, -1.75, "2 through the variance", color=RED, ha="center")
    ax.text(1, 1.6, "3 through the mean", color=GREEN, ha="center")
    ax.set_axis_off()
    ax.set_xlim(-0.5, 6.7)
    ax.set_ylim(-2.0, 1.9)


def _arrow(ax, start, end, colour, bend, width=1.0) -> None:
    ax.annotate(
        "",
        end,
        start,
        arrowprops=dict(
            arrowstyle="-|>",
            color=colour,
            lw=width,
            shrinkA=20,
            shrinkB=20,
            connectionstyle=f"arc3,rad={bend}",
        ),
    )
