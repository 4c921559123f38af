"""A schematic picture of chapter 4.3: what a sweep runs, and what each run leaves behind."""

from __future__ import annotations

from matplotlib.patches import Rectangle

from bnlab.figures import BLUE, COLOURS, INK

ARMS = {"He": COLOURS["he"], "LN": COLOURS["ln"], "GN": COLOURS["gn"], "BN": COLOURS["bn"]}
VALUES = ("0.01", "0.1", "1")
SEEDS = 3
# What a run leaves behind, and the name of the field of Run that holds it.
OUTPUTS = {
    "losses": "losses",
    "gradient norms": "gradient_norms",
    "the network": "model",
    "test accuracy": "accuracy",
}
CHOSEN = (3, 1)  # column and row of the cell that the arrow starts from


def lab(ax) -> None:
    """Draws a grid of arms and values with a dot per seed, one run of it, and the table."""
    for column, (arm, colour) in enumerate(ARMS.items()):
        ax.text(column + 0.5, 3.2, arm, ha="center", color=colour, weight="bold")
        for row in range(len(VALUES)):
            _cell(ax, column, 2 - row, colour)
    for row, value in enumerate(VALUES):
        ax.text(-0.12, 2.5 - row, value, ha="right", va="center", color=INK)
    ax.text(-0.12, 3.2, "lr", ha="right", color=INK)
    ax.text(2, 3.85, "arms × values × seeds", ha="center", color=INK, weight="bold")
    ax.text(2, -0.45, "a dot is a run, with its own seed", ha="center", color=INK, fontsize=9)

    left, width = 5.1, 2.1
    column, row = CHOSEN
    arrow = {"arrowstyle": "->", "color": INK, "lw": 1.5}
    ax.annotate("", (left, 1.5), (column + 1.02, 2 - row + 0.5), arrowprops=arrow)
    ax.add_patch(Rectangle((left, 0), width, 3, fc="none", ec=BLUE, lw=1.5))
    ax.text(left + width / 2, 3.85, "one run", ha="center", color=INK, weight="bold")
    for line, output in enumerate(OUTPUTS):
        place = (left + width / 2, 2.58 - 0.72 * line)
        ax.text(*place, output, ha="center", va="center", color=INK, fontsize=9)
    ax.text(left + width / 2, -0.45, "a checkpoint per epoch", ha="center", color=INK, fontsize=9)

    start, end = left + width, 8.1
    ax.annotate("", (end, 1.5), (start + 0.02, 1.5), arrowprops=arrow)
    ax.add_patch(Rectangle((end, 0), width, 3, fc="none", ec=INK, lw=1.5))
    ax.text(end + width / 2, 3.85, "the table", ha="center", color=INK, weight="bold")
    ax.text(end + width / 2, 1.5, "median\n(lowest–highest)\nof the seeds", ha="center", va="center",
            color=INK, fontsize=9)  # fmt: skip
    ax.set(xlim=(-0.75, end + width + 0.05), ylim=(-0.8, 4.2))
    ax.set_axis_off()


def _cell(ax, x: float, y: float, colour: str) -> None:
    ax.add_patch(Rectangle((x, y), 1, 1, fc="none", ec=INK, lw=0.8))
    for seed in range(SEEDS):
        ax.plot(x + (seed + 1) / (SEEDS + 1), y + 0.5, "o", ms=5, color=colour)
