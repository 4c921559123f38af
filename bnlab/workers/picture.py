"""The picture of chapter 6.3: what two workers share in one training step."""

from __future__ import annotations

from matplotlib.patches import Rectangle

from bnlab.figures import BLUE, GREEN, INK, RED

# what happens, what each worker holds, how it travels: (arrow style, text), colour
STEPS = (
    ("before forward", "running\nstatistics", ("->", "copied from 0"), GREEN),
    ("forward", "μ, σ² of its\nown shard", None, RED),
    ("backward", "gradients of\nparameters", ("<->", "averaged"), BLUE),
    ("optimiser", "parameters", ("-", "equal"), BLUE),
)
WIDTH, HEIGHT, STEP, RIGHT = 1.55, 0.72, 0.92, 3.1


def draw_step(ax) -> None:
    """Draws two columns of boxes, a row per stage of a DDP step, and what joins them."""
    for x, name in ((0, "worker 0"), (RIGHT, "worker 1")):
        ax.text(x + WIDTH / 2, 0.92, name, ha="center", color=INK, weight="bold")
    for row, (stage, what, travels, colour) in enumerate(STEPS):
        y = -STEP * row
        ax.text(-0.15, y + HEIGHT / 2, stage, ha="right", va="center", color=INK)
        for x in (0, RIGHT):
            ax.add_patch(Rectangle((x, y), WIDTH, HEIGHT, fc="none", ec=colour, lw=1.8))
            place = (x + WIDTH / 2, y + HEIGHT / 2)
            ax.text(*place, what, ha="center", va="center", color=INK, fontsize=9)
        middle = (WIDTH + RIGHT) / 2
        if travels is None:
            ax.text(middle, y + HEIGHT / 2, "nothing", ha="center", va="center", color=colour)
            continue
        style, text = travels
        ax.text(middle, y + HEIGHT / 2 + 0.12, text, ha="center", color=colour, fontsize=9)
        ends = (RIGHT - 0.12, y + HEIGHT / 2), (WIDTH + 0.12, y + HEIGHT / 2)
        arrow = {"arrowstyle": style, "color": colour, "lw": 1.8}
        ax.annotate("", *ends, arrowprops=arrow)
    ax.set(xlim=(-1.5, RIGHT + WIDTH + 0.05), ylim=(-STEP * (len(STEPS) - 1) - 0.1, 1.15))
    ax.set_axis_off()
