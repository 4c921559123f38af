"""A picture of chapter 6.7: the way of a study, and the images that each step may see."""

from __future__ import annotations

from matplotlib.patches import Rectangle

from bnlab.figures import BLUE, GREEN, INK, ORANGE, RED

# What is done, with which images, and their colour.
STEPS = (
    ("arms that differ\nin one thing", "", INK),
    ("runs,\nseveral seeds", "training images", BLUE),
    ("a choice\nfor each arm", "validation images", ORANGE),
    ("one test", "test images", GREEN),
    ("an answer, or\n“cannot tell”", "", INK),
)
WIDTH, STEP, HEIGHT = 2.1, 1.0, 0.66  # of a box; from box to box


def study(ax) -> None:
    """Draws the five steps from top to bottom, and the way back that is closed."""
    for place, (what, images, colour) in enumerate(STEPS):
        y = -STEP * place
        ax.add_patch(Rectangle((0, y), WIDTH, HEIGHT, fc="none", ec=colour, lw=1.8))
        middle = WIDTH / 2, y + HEIGHT / 2
        ax.text(*middle, what, ha="center", va="center", color=INK, fontsize=10)
        ax.text(WIDTH + 0.1, middle[1], images, va="center", color=colour, fontsize=10)
        if place:
            start, end = (WIDTH / 2, y + STEP - 0.03), (WIDTH / 2, y + HEIGHT + 0.03)
            ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": INK, "lw": 1.5})
    back = {"arrowstyle": "->", "color": RED, "lw": 1.5, "ls": "--"}
    back["connectionstyle"] = "arc3,rad=-0.6"
    test, choice = (-STEP * place + HEIGHT / 2 for place in (3, 2))
    ax.annotate("", (-0.04, choice), (-0.04, test), arrowprops=back)
    ax.text(-0.62, (test + choice) / 2, "never\nback", ha="right", va="center", color=RED)
    ax.set(xlim=(-1.25, WIDTH + 1.9), ylim=(-4 * STEP - 0.1, HEIGHT + 0.1))
    ax.set_axis_off()
