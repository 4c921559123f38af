"""The picture of chapter 5.3: a padded batch, and the positions that share a statistic."""

from __future__ import annotations

from collections.abc import Sequence

from bnlab.figures import INK

BOX = 0.84  # side of a position, in positions


def draw_padded(
    ax, lengths: Sequence[int], colour: str, words: bool, padding: bool, only=None, title: str = ""
) -> None:
    """Draws a row per sentence and a box per position; filled boxes share a statistic.

    Args:
        ax: axes to draw on.
        lengths: words of each sentence. The rest, up to the longest, is padding.
        colour: of the filled boxes.
        words: fill the words.
        padding: fill the padding.
        only: a (sentence, position) to fill alone; then `words` and `padding` do not count.
    """
    longest = max(lengths)
    for n, length in enumerate(lengths):
        for t in range(longest):
            real = t < length
            filled = (n, t) == only if only else (words if real else padding)
            ax.bar(
                t,
                BOX,
                width=BOX,
                bottom=-n - BOX / 2,
                color=colour if filled else "none",
                alpha=1 if real else 0.45,
                edgecolor=INK,
                lw=1,
                ls="-" if real else ":",
            )
    ax.set(xlim=(-0.6, longest - 0.4), ylim=(0.6 - len(lengths), 0.6), aspect="equal")
    ax.set_title(title, fontsize=10)
    ax.set_axis_off()
