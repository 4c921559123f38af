"""The upper half of every access picture, the lanes, and the marks both lower halves use."""

from __future__ import annotations

from html import escape

WIDTH = 480
RIGHT = 472
LANES = 32
NAMED = (0, 8, 16, 24, 31)  # 32 numbers would not be readable on a phone
LANE_TOP, LANE_BOTTOM = 36, 50


def rect(x: float, y: float, width: float, height: float, css: str) -> str:
    return (
        f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )


def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def key(x: float, y: float, css: str, words: str) -> str:
    """A little box and what its colour means."""
    box = rect(x, y - 10, 11, 11, css) + rect(x, y - 10, 11, 11, "bl-box")
    return box + text(x + 17, y, words, "start")


def thread(x1: float, x2: float, y2: float) -> str:
    """The line from a lane down to what it touches."""
    return f'<line class="bl-thread" x1="{x1:.1f}" y1="{LANE_BOTTOM}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def centre(lane: int, left: float) -> float:
    """Where lane (or bank) number `lane` has its middle, in a row that starts at `left`."""
    return left + (lane + 0.5) * (RIGHT - left) / LANES


def lanes(taking_part: tuple[int, ...], left: float) -> str:
    """The 32 lanes in a row: filled where they take part, dashed where not."""
    width = (RIGHT - left) / LANES
    out = [text(left, 13, "lanes of one warp", "start")]
    for lane in range(LANES):
        css = "bl-used" if lane in taking_part else "bl-idle"
        x = left + lane * width + 1
        out.append(rect(x, LANE_TOP, width - 2, LANE_BOTTOM - LANE_TOP, css))
        if lane in NAMED:
            out.append(text(centre(lane, left), 31, str(lane)))
    return "".join(out)
