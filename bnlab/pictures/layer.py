"""A schematic picture of chapter 2.4: what each layer of a network owns."""

from __future__ import annotations

from matplotlib.patches import Rectangle

from bnlab.figures import BLUE, GREEN, INK, RED

# name, parameters, state, cache
LAYERS = (
    ("Linear", "W, b", "–", "x"),
    ("Standardise", "–", "running mean,\nrunning var", "x̂, 1/σ"),
    ("ScaleShift", "γ, β", "–", "x̂"),
    ("ReLU", "–", "–", "x > 0"),
)
ROWS = (
    ("parameters", "moved by the optimiser", BLUE),
    ("state", "moved by forward, in training", RED),
    ("cache", "from forward to backward", GREEN),
)
WIDTH, TOP = 0.88, -0.95  # of a box; height of the first row


def layer_protocol(ax) -> None:
    """Draws four layers in a row, the two directions through them, and their three kinds of memory."""
    for i, (name, *memory) in enumerate(LAYERS):
        ax.add_patch(Rectangle((i, 0), WIDTH, 0.7, fc="none", ec=INK, lw=1.5))
        ax.text(i + WIDTH / 2, 0.35, name, ha="center", va="center", color=INK, weight="bold")
        for row, text in enumerate(memory):
            colour = ROWS[row][2] if text != "–" else INK
            place = (i + WIDTH / 2, TOP - 0.75 * row)
            ax.text(*place, text, ha="center", va="center", color=colour, fontsize=9)
    for row, (kind, who, colour) in enumerate(ROWS):
        y = TOP - 0.75 * row
        ax.text(-0.12, y + 0.13, kind, ha="right", va="center", color=colour, weight="bold")
        ax.text(-0.12, y - 0.17, who, ha="right", va="center", color=INK, fontsize=8)
    arrow = {"arrowstyle": "->", "color": INK, "lw": 1.5}
    right = len(LAYERS) - 1 + WIDTH
    ax.annotate("", (right, 0.98), (0, 0.98), arrowprops=arrow)
    ax.annotate("", (0, -0.28), (right, -0.28), arrowprops=arrow)
    ax.text(-0.12, 0.98, "forward  x → y", ha="right", va="center", color=INK)
    ax.text(-0.12, -0.28, "backward  dx ← dy", ha="right", va="center", color=INK)
    ax.set(xlim=(-1.45, right + 0.05), ylim=(TOP - 1.8, 1.15))
    ax.set_axis_off()
