"""The picture of chapter 5.1: the values of a batch that share one mean and one variance."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bnlab.figures import INK

GAP = 0.6  # between two squares, in pixels of the image


def shares_with(norm: Callable, shape: tuple[int, ...], place: tuple[int, ...]) -> torch.Tensor:
    """Which inputs the output at `place` depends on, as booleans of `shape`.

    Args:
        norm: a function of one tensor.
        shape: of its input.
        place: index of one output.

    Found by the gradient at a random input, in float64.
    """
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    return torch.autograd.grad(norm(x)[place], x)[0] != 0


def draw_shared(ax, shared: torch.Tensor, place: tuple[int, ...], colour: str, title: str) -> None:
    """Draws a batch as a table: a row per sample, a column per channel, a square per feature map.

    Args:
        ax: axes to draw on.
        shared: (N, C, H, W) booleans; these pixels are coloured.
        place: index of the output that is marked with a dot.
        colour: of the shared pixels.
        title: above the table.
    """
    n, c, h, w = shared.shape
    for i, k, row, column in torch.cartesian_prod(*map(torch.arange, shared.shape)).tolist():
        x, y = k * (w + GAP) + column, i * (h + GAP) + row
        filled = bool(shared[i, k, row, column])
        style = {"facecolor": colour if filled else "none", "edgecolor": INK, "lw": 0.5}
        ax.bar(x, 1, width=1, bottom=y - 0.5, **style)
        if (i, k, row, column) == place:
            ax.plot(x, y, "o", color="black", mec="white", ms=4)
    ax.set_title(title, fontsize=9)
    ax.set(xlim=(-0.8, c * (w + GAP) - GAP), ylim=(n * (h + GAP) - GAP, -0.8), aspect="equal")
    ax.set_axis_off()
