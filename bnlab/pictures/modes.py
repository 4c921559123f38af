"""The picture of chapter 6.1: the mode of every module of a model, at several moments."""

from __future__ import annotations

from collections.abc import Mapping

from bnlab.figures import BLUE, INK, ORANGE

SIZE = 9  # points


def draw_modes(ax, moments: Mapping[str, Mapping[str, bool]], root: str = "model") -> None:
    """Draws a row per module and a column per moment; a full dot is training mode, a ring eval.

    Args:
        ax: axes to draw on.
        moments: by the name of the moment, what `bnlab.modes.modes` returned then; the same
            modules each time. A mode that differs from the first moment's is orange.
        root: what to call the model itself.
    """
    first = next(iter(moments.values()))
    for row, name in enumerate(first):
        *above, own = name.split(".") if name else [root]
        indent = "    " * (len(above) + bool(name))
        ax.text(-0.6, -row, indent + own, ha="left", va="center", size=SIZE, color=INK)
        for column, modes in enumerate(moments.values()):
            colour = BLUE if modes[name] == first[name] else ORANGE
            face = colour if modes[name] else "none"
            ax.plot(_at(column), -row, "o", ms=9, mew=1.8, mec=colour, mfc=face)
    for column, moment in enumerate(moments):
        ax.text(_at(column), 0.7, moment, ha="center", va="bottom", size=SIZE, color=INK)
    ax.set(xlim=(-0.7, _at(len(moments)) - 0.4), ylim=(0.5 - len(first), 1.9))
    ax.set_axis_off()


def _at(column: int) -> float:
    return 1.6 + column
