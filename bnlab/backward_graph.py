"""The picture of chapter 1.3: batch norm as a graph, with the local derivative on each edge."""

from __future__ import annotations

from bnlab.figures import BLUE, INK, RED

# name of the value, name of its gradient, place
NODES = {
    "x": ("$x_i$", "dx", (0.0, 0.0)),
    "mean": (r"$\mu$", "dmean", (2.0, 1.5)),
    "var": (r"$\sigma^2$", "dvar", (2.0, -1.5)),
    "x_hat": (r"$\hat{x}_i$", "dx_hat", (4.2, 0.0)),
    "y": ("$y_i$", "dy", (6.2, 0.0)),
}
# from, to, local derivative, place of its label
EDGES = (
    ("x", "mean", r"$\frac{1}{m}$", (0.82, 1.06)),
    ("x", "var", r"$\frac{2(x_i-\mu)}{m}$", (0.6, -1.12)),
    ("x", "x_hat", r"$\frac{1}{s}$", (1.35, 0.27)),
    ("mean", "x_hat", r"$-\frac{1}{s}$", (3.4, 1.06)),
    ("var", "x_hat", r"$-\frac{\hat{x}_i}{2s^2}$", (3.55, -1.1)),
    ("x_hat", "y", r"$\gamma$", (5.2, 0.22)),
)
RADIUS = 0.42


def draw_graph(ax) -> None:
    """Draws values in blue circles, gradients in red beside them, derivatives on the edges."""
    for start, end, label, place in EDGES:
        _arrow(ax, start, end)
        ax.text(*place, label, ha="center", va="center", color=INK, fontsize=13)
    _arrow(ax, "mean", "var", ls=":")
    ax.text(2.14, 0.55, "0", ha="left", va="center", color=INK, fontsize=12)
    for value, gradient, (x, y) in NODES.values():
        ax.add_patch(_circle(x, y))
        ax.text(x, y, value, ha="center", va="center", color=BLUE, fontsize=14)
        above = y > 0
        ax.text(
            x,
            y + (RADIUS + 0.1 if above else -RADIUS - 0.1),
            gradient,
            ha="center",
            va="bottom" if above else "top",
            color=RED,
            family="monospace",
        )
    ax.set_xlim(-0.7, 6.9)
    ax.set_ylim(-2.45, 2.35)
    ax.set_aspect("equal")
    ax.axis("off")


def _circle(x: float, y: float):
    from matplotlib.patches import Circle

    return Circle((x, y), RADIUS, fill=False, edgecolor=BLUE, lw=1.6)


def _arrow(ax, start: str, end: str, ls: str = "-") -> None:
    (x0, y0), (x1, y1) = NODES[start][2], NODES[end][2]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dx, dy = (x1 - x0) / length * (RADIUS + 0.05), (y1 - y0) / length * (RADIUS + 0.05)
    ax.annotate(
        "",
        xy=(x1 - dx, y1 - dy),
        xytext=(x0 + dx, y0 + dy),
        arrowprops={"arrowstyle": "-|>", "color": INK, "ls": ls, "shrinkA": 0, "shrinkB": 0},
    )
