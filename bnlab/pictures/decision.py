"""The picture of chapter 5.4: questions from top to bottom, and a norm at the end of each yes."""

from __future__ import annotations

from matplotlib.patches import FancyBboxPatch

from bnlab.figures import COLOURS, INK, SKY

# A question, the norm that a yes leads to, the property that decides, and a colour.
BRANCHES = (
    ("Must a position ignore\nthe others? (padding,\nfuture, step by step)", "LN or RMSNorm", "position-wise", COLOURS["ln"]),
    ("Must each image lose\nits own contrast?\n(style)", "IN", "removes style", SKY),
    ("Too few values behind a\nstatistic (m < 16), or\nbatches unlike the data?", "GN, on vectors LN", "sample-wise", COLOURS["gn"]),
    ("Must it fold into the\nlayer before, or follow\nnew data untrained?", "BN", "folds, re-estimable", COLOURS["bn"]),
)  # fmt: skip
REST = ("BN, with GN as control", "stands large rates", COLOURS["bn"])

STEP = 2.1  # from a question to the next
WIDE, HIGH = 4.3, 1.45  # of a question's box
LEAF = 5.9  # left side of the leaves
LEAF_WIDE, LEAF_HIGH = 4.3, 1.15


def tree(ax, branches=BRANCHES, rest=REST) -> None:
    """Draws the questions on the left, "no" downwards, and "yes" to an answer on the right.

    branches: a question, its answer, a line under the answer and a colour each. rest: the answer
    where no question had a yes.
    """
    for k, (question, norm, property, colour) in enumerate(branches):
        y = -STEP * k
        _box(ax, 0, y, WIDE, HIGH, INK)
        ax.text(WIDE / 2, y, question, ha="center", va="center", color=INK, fontsize=9)
        _arrow(ax, (WIDE, y), (LEAF, y))
        ax.text((WIDE + LEAF) / 2, y + 0.12, "yes", ha="center", color=INK, fontsize=9)
        _leaf(ax, y, norm, property, colour)
        if k + 1 < len(branches):
            _arrow(ax, (WIDE / 2, y - HIGH / 2), (WIDE / 2, y - STEP + HIGH / 2))
        ax.text(WIDE / 2 + 0.15, y - STEP / 2, "no", va="center", color=INK, fontsize=9)
    y = -STEP * len(branches)
    norm, property, colour = rest
    ax.plot((WIDE / 2, WIDE / 2), (y + STEP - HIGH / 2, y), color=INK, lw=1.2)
    _arrow(ax, (WIDE / 2, y), (LEAF, y))
    _leaf(ax, y, norm, property, colour)
    ax.set(xlim=(-0.1, LEAF + LEAF_WIDE + 0.1), ylim=(y - 0.8, HIGH / 2 + 0.1))
    ax.set_axis_off()


def _leaf(ax, y: float, norm: str, property: str, colour: str) -> None:
    _box(ax, LEAF, y, LEAF_WIDE, LEAF_HIGH, colour)
    middle = LEAF + LEAF_WIDE / 2
    ax.text(middle, y + 0.1, norm, ha="center", color=colour, weight="bold", fontsize=9)
    ax.text(middle, y - 0.38, property, ha="center", color=INK, fontsize=9)


def _box(ax, x: float, y: float, wide: float, high: float, colour: str) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (x, y - high / 2), wide, high, boxstyle="round,pad=0,rounding_size=0.15",
            fc="none", ec=colour, lw=1.6,
        )
    )  # fmt: skip


def _arrow(ax, start: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = {"arrowstyle": "->", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=arrow)
