"""The pictures of chapter 1.3: batch norm as a graph, and its gradient as a projection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnlab.figures import BLUE, GREEN, INK, ORANGE, RED

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


def projection(x: Sequence[float], dy: Sequence[float]) -> dict[str, np.ndarray]:
    """Splits the gradient dy of three samples x, with eps 0, into the parts batch norm parts.

    Returns:
        Vectors of shape (3,): `x_hat`; `one` and `radial`, the parts of dy along 1 and
        along x_hat; `tangent`, the rest, which is s / gamma times dx.
    """
    x, dy = np.asarray(x, dtype=float), np.asarray(dy, dtype=float)
    x_hat = (x - x.mean()) / x.std()
    one = np.full(3, dy.mean())
    radial = x_hat * (dy * x_hat).mean()
    return {"x_hat": x_hat, "one": one, "radial": radial, "tangent": dy - one - radial}


def draw_projection(side, top, x: Sequence[float], dy: Sequence[float]) -> None:
    """Draws `projection(x, dy)` on two axes: seen along the plane of mean 0, and from above."""
    parts = projection(x, dy)
    height = np.sqrt(3) * parts["one"][0]
    length = np.linalg.norm(parts["radial"] + parts["tangent"])
    side.plot([-0.5, 3.2], [0, 0], color=INK, lw=0.8)
    _vector(side, (0, 0), (length, height), ORANGE)
    _vector(side, (length, height), (length, 0), INK, ":")
    _vector(side, (0, 0), (length, 0), BLUE)
    side.text(0.4 * length, 0.6 * height, "dy", color=ORANGE, ha="right")
    side.text(length, height + 0.15, "part along 1", color=INK, ha="center")
    side.text(length / 2, -0.4, "stays in the plane", color=BLUE, ha="center")

    along = parts["x_hat"] / np.sqrt(3)
    across = np.cross(along, np.ones(3) / np.sqrt(3))
    turn = np.deg2rad(-25)  # a view in which x_hat points to the right
    plane = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    plane = plane @ np.array([along, across])
    start = plane @ parts["x_hat"]
    end = start + plane @ parts["tangent"]
    arriving = end + plane @ parts["radial"]
    angle = np.linspace(0, 2 * np.pi, 200)
    top.plot(*(np.sqrt(3) * np.array([np.cos(angle), np.sin(angle)])), color=INK, lw=0.8)
    top.plot([0, start[0]], [0, start[1]], color=INK, lw=0.8)
    top.scatter(*start, color=RED, zorder=3)
    _vector(top, start, arriving, BLUE)
    _vector(top, arriving, end, INK, ":")
    _vector(top, start, end, GREEN)
    top.text(start[0] + 0.15, start[1] - 0.15, "x̂", color=RED, va="top")
    top.text(end[0] + 0.1, end[1] + 0.35, "dx, up to γ/s", color=GREEN, ha="center")
    top.text(*(0.5 * (arriving + end) + [0.15, 0.2]), "part along x̂", color=INK)

    # Limits of equal height, so that both panels have one scale.
    side.set(title="from the side", xlim=(-0.5, 3.4), ylim=(-1.3, 2.8))
    top.set(title="from above", xlim=(-1.9, 4.6), ylim=(-1.9, 2.2))
    for ax in (side, top):
        ax.set_aspect("equal")
        ax.axis("off")


def _vector(ax, start, end, color: str, ls: str = "-") -> None:
    style = {"arrowstyle": "-|>", "color": color, "lw": 2, "ls": ls, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=end, xytext=start, arrowprops=style)
