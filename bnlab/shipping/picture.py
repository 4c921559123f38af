"""A schematic picture of chapter 6.4: why a batch norm folds into what is in front of it, and
not into what comes behind a padding."""

from __future__ import annotations

from matplotlib.patches import FancyBboxPatch

from bnlab.figures import BLUE, INK, RED

# From left to right: the text of a box, whether it is the batch norm's.
ROWS = (
    ("folds", (("pad 0", False), ("W ∗ □ + c", False), ("a·□ + b", True)), BLUE),
    ("", (("pad 0", False), ("(aW) ∗ □ + (ac + b)", True)), BLUE),
    ("does not", (("a·□ + b", True), ("pad 0", False), ("W ∗ □ + c", False)), RED),
)
CENTRES = {3: (0.85, 2.8, 4.95), 2: (0.85, 3.8)}
WIDTHS = {"pad 0": 1.1, "W ∗ □ + c": 1.6, "(aW) ∗ □ + (ac + b)": 3.3}
HEIGHT, STEP = 0.62, 1.2


def two_orders(ax) -> None:
    """Draws both orders as boxes from x to y, the first with its folded form below it."""
    for number, (name, boxes, colour) in enumerate(ROWS):
        y = -STEP * number - (0.55 if number == 2 else 0)
        ax.text(-0.45, y + 0.6, name, ha="center", color=colour, weight="bold", fontsize=10)
        ends = [-0.25]
        for centre, (text, of_norm) in zip(CENTRES[len(boxes)], boxes, strict=True):
            width = WIDTHS.get(text, 1.3)
            ends += [centre - width / 2, centre + width / 2]
            corner = (centre - width / 2, y - HEIGHT / 2)
            look = dict(fc="none", ec=colour if of_norm else INK, lw=2.2 if of_norm else 1.2)
            ax.add_patch(
                FancyBboxPatch(
                    corner, width, HEIGHT, boxstyle="round,pad=0,rounding_size=0.1", **look
                )
            )
            words = dict(ha="center", va="center", fontsize=10)
            ax.text(centre, y, text, color=colour if of_norm else INK, **words)
        ends.append(6.15)
        for start, end in zip(ends[::2], ends[1::2], strict=True):
            ax.annotate("", (end, y), (start, y), arrowprops=dict(arrowstyle="->", color=INK))
        for at, letter in ((-0.45, "x"), (6.35, "y")):
            ax.text(at, y, letter, ha="center", va="center", color=INK, style="italic")
    ax.text(1.85, -STEP / 2, "=", ha="center", va="center", color=BLUE, fontsize=13)
    y = -2 * STEP - 0.55
    ax.annotate(
        "a border of 0; in front of the\nbatch norm, a 0 would have become b",
        (2.8, y - HEIGHT / 2 - 0.02),
        (2.8, y - 1.0),
        color=RED,
        fontsize=9,
        ha="center",
        va="center",
        arrowprops=dict(arrowstyle="->", color=RED),
    )
    ax.set(xlim=(-1.4, 6.6), ylim=(y - 1.45, 1.0))
    ax.set_axis_off()
