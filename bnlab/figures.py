"""One look for all figures: readable on a light and on a dark page, and by colour-blind readers."""

from __future__ import annotations

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib_inline.backend_inline import set_matplotlib_formats

# Okabe & Ito's palette without the yellow, which is faint on white.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)
# Mid grey has enough contrast with white and with the dark page.
INK = "#7d7d7d"

# One meaning, one colour, in every chapter.
COLOURS = {"bn": BLUE, "none": ORANGE, "he": RED, "ln": GREEN, "gn": PURPLE}


def use_style() -> None:
    """Sets the course's figure style; call it in the first cell of a page.

    Figures are SVG with a transparent background, grey ink and wide lines.
    """
    set_matplotlib_formats("svg")
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.4),
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "savefig.transparent": True,
            "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, SKY]),
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.color": INK,
            "grid.alpha": 0.25,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "lines.linewidth": 2,
            "legend.frameon": False,
            "svg.hashsalt": "bnlab",
        }
    )


def spread(ax, x, runs, label: str, color: str, **style):
    """Draws the median over seeds as a line and the range from least to most as a band.

    Args:
        ax: axes to draw on.
        x: (K,) positions.
        runs: (S, K), a row per seed.
        label, color, style: of the line.
    """
    import numpy as np

    runs = np.asarray(runs, dtype=float)
    ax.fill_between(x, np.nanmin(runs, 0), np.nanmax(runs, 0), color=color, alpha=0.2, lw=0)
    return ax.plot(x, np.nanmedian(runs, 0), label=label, color=color, **style)
