"""What passes between the two methods of an autograd function, as a picture."""

from __future__ import annotations

from bnlab.figures import BLUE, GREEN, ORANGE, RED


def draw_function(ax) -> None:
    """Draws forward above backward, and the two kinds of things that are kept between them.

    Args:
        ax: axes of about 4 × 3 inches.
    """
    ax.set(xlim=(0, 10), ylim=(0, 7.4))
    ax.axis("off")
    for y, name, colour, note in (
        (6.0, "forward", BLUE, "nothing is recorded"),
        (1.4, "backward", RED, "recorded if create_graph=True"),
    ):
        box = dict(boxstyle="round,pad=0.4", facecolor="none", edgecolor=colour, lw=2)
        ax.text(5, y, name, ha="center", va="center", color=colour, fontsize=12, bbox=box)
        ax.text(5, y + (1.1 if y > 3 else -1.1), note, ha="center", va="center", fontsize=9)
    _arrow(ax, (1.9, 6.0), (3.4, 6.0), BLUE)
    _arrow(ax, (6.6, 6.0), (8.6, 6.0), BLUE)
    _arrow(ax, (8.6, 1.4), (6.8, 1.4), RED)
    _arrow(ax, (3.2, 1.4), (2.2, 1.4), RED)
    for x, y, text in (
        (0.9, 6.0, "x, γ, β"),
        (9.1, 6.0, "y"),
        (9.1, 1.4, "dy"),
        (1.0, 1.4, "dx,\ndγ, dβ"),
    ):
        ax.text(x, y, text, ha="center", va="center", fontsize=11)
    _arrow(ax, (4.2, 5.3), (4.2, 2.1), GREEN)
    _arrow(ax, (5.8, 5.3), (5.8, 2.1), ORANGE, ls=":")
    ax.text(3.9, 3.7, "x, γ\nwith their history", ha="right", va="center", color=GREEN)
    ax.text(6.1, 3.7, "mean, 1/σ\nbare numbers", ha="left", va="center", color=ORANGE)


def _arrow(ax, start, end, colour, ls="-") -> None:
    style = dict(arrowstyle="-|>", color=colour, lw=2, ls=ls, mutation_scale=14)
    ax.annotate("", xy=end, xytext=start, arrowprops=style)
