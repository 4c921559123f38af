"""The picture of chapter 2.5: an implementation as a row of blocks, one per pass over memory."""

from __future__ import annotations

from matplotlib.patches import Rectangle

from bnlab.figures import BLUE, INK, ORANGE

# An implementation: its operations in order, each a label and its walks over whole
# tensors. R reads and W writes main memory, r and w scratch that stays in the cache.
Steps = list[tuple[str, str]]
GAP, HEIGHT = 0.25, 0.5


def passes(steps: Steps) -> int:
    """Walks over main memory."""
    return sum(walk.isupper() for _, walks in steps for walk in walks)


def draw_passes(ax, ladder: dict[str, Steps]) -> None:
    """Draws a row per implementation: blue blocks are reads, orange ones are writes.

    Blocks of the cache are hollow, and not counted in the number at the right.

    Args:
        ax: axes to draw on.
        ladder: steps per name, from top to bottom.
    """
    longest = 0.0
    for row, (name, steps) in enumerate(ladder.items()):
        x, low = 0.0, -row - HEIGHT / 2
        for label, walks in steps:
            ax.text(
                x + len(walks) / 2, low - 0.06, label, ha="center", va="top", color=INK, fontsize=8
            )
            for walk in walks:
                colour = BLUE if walk in "Rr" else ORANGE
                fill = colour if walk.isupper() else "none"
                ax.add_patch(Rectangle((x + 0.06, low), 0.88, HEIGHT, fc=fill, ec=colour, lw=1.2))
                x += 1
            x += GAP
        ax.text(x + 0.1, -row, passes(steps), va="center", color=INK, weight="bold", fontsize=11)
        ax.text(-0.25, -row, name, ha="right", va="center", color=INK)
        longest = max(longest, x)
    ax.plot([], [], "s", color=BLUE, label="read")
    ax.plot([], [], "s", color=ORANGE, label="write")
    ax.set(xlim=(-0.1, longest + 0.9), ylim=(-len(ladder) + 0.35, 0.45))
    ax.set_axis_off()
