"""A schematic picture of chapter 4.1: what a batch norm module keeps, who writes it, who carries it."""

from __future__ import annotations

from matplotlib.patches import Rectangle

from bnlab.figures import BLUE, GREEN, INK, RED

# kind, what is there, who writes it, colour, carried by state_dict(), .to() and deepcopy
BANDS = (
    ("parameters", "weight, bias", "the optimiser", BLUE, (True, True, True)),
    (
        "buffers",
        "running_mean, running_var,\nnum_batches_tracked",
        "forward, in\ntraining mode",
        RED,
        (True, True, True),
    ),
    (
        "attributes",
        "eps, momentum, …,\ntraining",
        "you; train(),\neval()",
        GREEN,
        (False, False, True),
    ),
)
CARRIERS = ("state_\ndict()", ".to()", "deepcopy,\npickle")
WIDTH, STEP, HEIGHT = 3.3, 1.25, 1.0  # of a band; from band to band


def module_memory(ax) -> None:
    """Draws the three bands, an arrow from each writer, and a dot for each carrier."""
    for row, (kind, names, writer, colour, carried) in enumerate(BANDS):
        y = -STEP * row
        ax.add_patch(Rectangle((0, y), WIDTH, HEIGHT, fc="none", ec=colour, lw=1.8))
        middle = y + HEIGHT / 2
        ax.text(0.12, y + HEIGHT - 0.1, kind, va="top", color=colour, weight="bold", fontsize=10)
        ax.text(0.12, y + 0.33, names, va="center", color=INK, fontsize=9)
        ax.annotate(
            "",
            (-0.05, middle),
            (-0.75, middle),
            arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.8},
        )
        ax.text(-0.85, middle, writer, ha="right", va="center", color=INK, fontsize=9)
        for column, yes in enumerate(carried):
            look = {"marker": "o" if yes else "_", "color": colour if yes else INK}
            ax.plot(_column(column), middle, ms=9, mew=2, **look)
    top = HEIGHT + 0.25
    ax.text(-0.85, top, "who writes it", ha="right", va="bottom", color=INK, fontsize=9)
    ax.text(WIDTH / 2, top, "the module", ha="center", va="bottom", color=INK, fontsize=9)
    for column, carrier in enumerate(CARRIERS):
        ax.text(_column(column), top, carrier, ha="center", va="bottom", color=INK, fontsize=9)
    ax.set(xlim=(-2.35, _column(2) + 0.5), ylim=(-2 * STEP - 0.1, top + 0.75))
    ax.set_axis_off()


def _column(number: int) -> float:
    return WIDTH + 0.5 + 0.9 * number
