"""The picture of chapter 3.1: the threads of a launch, and the number that each of them takes."""

from __future__ import annotations

from collections.abc import Sequence

from bnlab.figures import INK, RED

WARP = 32
WIDE, HIGH = 0.8, 0.72  # of a thread's box, in lanes and in rows
HEAD = 1.0  # of the line that names a block, in rows


def rows(n_threads: int, block: int) -> list[tuple[int, int, int, int]]:
    """The warps of a launch: block, warp within it, first thread, number of threads.

    Args:
        n_threads: a multiple of `block`.
        block: threads of a block; its last warp may be short.

    Raises:
        ValueError: the threads do not fill their blocks.
    """
    if block < 1 or n_threads % block:
        raise ValueError(f"{n_threads} threads do not fill blocks of {block}.")
    return [
        (b, w, b * block + w * WARP, min(WARP, block - w * WARP))
        for b in range(n_threads // block)
        for w in range(-(-block // WARP))
    ]


def draw_grid(ax, block: int, colours: Sequence[str], mark: int | None = None) -> None:
    """Draws a launch with a row for each warp and a box for each thread.

    There are as many blocks as the numbers need. Threads past the last number are hollow.

    Args:
        ax: axes to draw on.
        block: threads of a block.
        colours: one for each number, in the order of memory.
        mark: a thread to point out, by its index in the whole launch.
    """
    n, height = len(colours), 0.0
    style = {"va": "center", "color": INK, "size": 9}
    for b, w, first, count in rows(-(-n // block) * block, block):
        if w == 0:
            height -= HEAD
            ax.text(-0.4, height - 0.2, f"block {b}", ha="left", **style)
        height -= 1
        ax.text(-1, height, f"warp {w}", ha="right", **style)
        last = min(first + count, n) - 1
        if first <= last:
            ax.text(WARP, height, f"x[{first}] … x[{last}]", ha="left", **style)
        for thread in range(first, first + count):
            beyond = thread >= n
            ax.bar(
                thread - first,
                HIGH,
                width=WIDE,
                bottom=height - HIGH / 2,
                color="none" if beyond else colours[thread],
                edgecolor=RED if thread == mark else INK,
                lw=2.2 if thread == mark else 1 if beyond else 0,
                ls=":" if beyond else "-",
            )
        if mark is not None and first <= mark < first + count:
            label = f"thread {mark - b * block} of block {b}: warp {w}, lane {mark - first}"
            place = {"xytext": (mark - first, height - 1.5), "arrowprops": {"arrowstyle": "-"}}
            place["arrowprops"] |= {"color": INK, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 1)}
            ax.annotate(label, (mark - first, height - HIGH / 2), ha="left", **place, **style)
    for lane in (0, 8, 16, 24, 31):
        ax.text(lane, 0, f"{lane}", ha="center", **style)
    ax.text(-1, 0, "lane", ha="right", **style)
    ax.set(xlim=(-7, WARP + 14), ylim=(height - (2 if mark is not None else 0.6), 0.5))
    ax.set_axis_off()
