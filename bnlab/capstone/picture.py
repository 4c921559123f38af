"""A picture of chapter 6.7: the way of a study, and the images that each step may see."""

from __future__ import annotations

from matplotlib.patches import Rectangle

from bnlab.figures import BLUE, GREEN, INK, ORANGE, RED

# What is done, with which images, and their colour.
STEPS = (
    ("arms that\ndiffer in\none thing", "", INK),
    ("runs,\nseveral\nseeds", "training\nimages", BLUE),
    ("a choice\nfor each\narm", "validation\nimages", ORANGE),
    ("one\ntest", "test\nimages", GREEN),
    ("an answer,\nor “cannot\ntell”", "", INK),
)
WIDTH, STEP, HEIGHT = 1.0, 1.32, 0.9  # of a box; from box to box


def study(ax) -> None:
    """Draws the five steps from left to right, and the way back that is closed."""
    for place, (what, images, colour) in enumerate(STEPS):
        x = STEP * place
        ax.add_patch(Rectangle((x, 0), WIDTH, HEIGHT, fc="none", ec=colour, lw=1.8))
        ax.text(x + WIDTH / 2, HEIGHT / 2, what, ha="center", va="center", color=INK, fontsize=9)
        ax.text(x + WIDTH / 2, -0.1, images, ha="center", va="top", color=colour, fontsize=9)
        if place:
            start, end = (x - STEP + WIDTH + 0.04, HEIGHT / 2), (x - 0.04, HEIGHT / 2)
            ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": INK, "lw": 1.5})
    back = {"arrowstyle": "->", "color": RED, "lw": 1.5, "ls": "--"}
    back["connectionstyle"] = "arc3,rad=0.45"
    test, choice = (STEP * place + WIDTH / 2 for place in (3, 2))
    ax.annotate("", (choice, HEIGHT + 0.04), (test, HEIGHT + 0.04), arrowprops=back)
    ax.text((test + choice) / 2, HEIGHT + 0.4, "never back", ha="center", color=RED, fontsize=9)
    ax.set(xlim=(-0.05, STEP * 4 + WIDTH + 0.05), ylim=(-0.6, HEIGHT + 0.6))
    ax.set_aspect("equal")
    ax.set_axis_off()
