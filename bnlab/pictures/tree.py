"""The picture of chapter 3.2: a tree of additions in shared memory, level by level."""

from __future__ import annotations

from bnlab.figures import BLUE, INK, ORANGE, RED

# One addition: thread t does s[into] += s[source].
Addition = tuple[int, int, int]  # thread, into, source
FORMS = ("halving", "rounded up", "modulo", "strided")
SIZE = 9  # points: readable where a phone shows a figure of 3.6 inches
BARRIER = 0.36  # from the middle of a row down to its barrier, in rows


def levels(n: int, form: str = "halving") -> list[list[Addition]]:
    """The additions of a tree over n elements; before and after each level lies a barrier.

    Args:
        n: number of elements, and of threads.
        form: "halving", `for (h = n / 2; h > 0; h /= 2) if (t < h) s[t] += s[t + h]`, which
            is right for powers of two; "rounded up", the same for any n; "modulo",
            `for (h = 1; h < n; h *= 2) if (t % (2 * h) == 0) s[t] += s[t + h]`; "strided",
            the same additions by the first threads. The last two are for powers of two.

    Raises:
        ValueError: no such form.
    """
    if form not in FORMS:
        raise ValueError(f"No form {form!r}; there are {', '.join(FORMS)}.")
    tree: list[list[Addition]] = []
    if form == "halving":
        h = n // 2
        while h > 0:
            tree.append([(t, t, t + h) for t in range(h)])
            h //= 2
    elif form == "rounded up":
        while n > 1:
            h = (n + 1) // 2
            tree.append([(t, t, t + h) for t in range(n - h)])
            n = h
    else:
        h = 1
        while h < n:
            pairs = [(k, k + h) for k in range(0, n, 2 * h)]
            tree.append([(k if form == "modulo" else i, k, s) for i, (k, s) in enumerate(pairs)])
            h *= 2
    return tree


def lost(n: int, form: str = "halving") -> set[int]:
    """The elements whose values never reach s[0]."""
    holds = [{k} for k in range(n)]
    for level in levels(n, form):
        before = [set(h) for h in holds]  # all threads read before any writes
        for _, into, source in level:
            holds[into] |= before[source]
    return set(range(n)) - holds[0]


def draw_tree(ax, n: int, form: str = "halving") -> None:
    """Draws a row of shared memory per level, and a dashed line where a barrier stands.

    A filled box is written, by the thread that it names. What never reaches s[0] is red: the
    elements in the first row, below it the box in which their sum is left.

    Args:
        ax: axes to draw on.
        n, form: as for `levels`.
    """
    tree, gone = levels(n, form), lost(n, form)
    left = gone - {source for level in tree for _, _, source in level}
    for row in range(len(tree) + 1):
        writer = {into: thread for thread, into, _ in tree[row - 1]} if row else {}
        for k in range(n):
            edge = RED if k in (left if row else gone) else ORANGE if k in writer else INK
            box = {"boxstyle": "square,pad=0.28", "lw": 1.5, "ec": edge}
            box["fc"] = edge if k in writer else "none"
            label = f"t{writer[k]}" if k in writer else "  " if row else f"{k}"
            ink = "black" if k in writer else edge
            ax.text(k, -row, label, ha="center", va="center", size=SIZE, color=ink, bbox=box)
        ax.plot([-0.5, n - 0.5], [-row - BARRIER] * 2, color=INK, ls="--", lw=1)
    for row, level in enumerate(tree):
        for _, into, source in level:
            for start, colour in ((source, BLUE), (into, INK)):
                arrow = {"arrowstyle": "->", "color": colour, "lw": 1.6, "shrinkA": 9, "shrinkB": 9}
                ax.annotate("", (into, -row - 1), (start, -row), arrowprops=arrow)
    place = {"ha": "left", "va": "center", "size": SIZE, "color": INK}
    ax.text(n - 0.35, 0, "s[0], s[1], …", **place)
    ax.text(n - 0.35, -BARRIER, "barrier", **place)
    ax.set(xlim=(-0.6, n + 1.8), ylim=(-len(tree) - 0.5, 0.4))
    ax.set_axis_off()
