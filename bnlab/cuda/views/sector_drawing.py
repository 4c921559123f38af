"""The memory of an access picture as sectors of 32 bytes: those that move, side by side."""

from __future__ import annotations

from itertools import pairwise

from bnlab.cuda.report import SECTOR, Request
from bnlab.cuda.views.drawing import RIGHT, WIDTH, centre, key, lanes, rect, text, thread
from bnlab.cuda.views.request import asked, element, sectors

LEFT = 8
TOP, HEIGHT = 128, 20
CELL = (RIGHT - LEFT) / 32  # the widest cell: as wide as a lane
SMALLEST = 2.5  # an element is drawn at least this wide
LETTER = 7.0  # width of a letter, about


def draw_sectors(request: Request) -> tuple[float, str]:
    """Height and SVG of a request to global memory."""
    numbers = sectors(request)
    cells = SECTOR // request.itemsize
    places, width = _places(numbers, cells)
    out = [lanes(request.lanes, LEFT)]
    for lane, offset in zip(request.lanes, request.offsets, strict=True):
        x, wide = _element(places, width, offset, request.width)
        out.append(thread(centre(lane, LEFT), x + wide / 2, TOP))
    for number in numbers:
        out.append(rect(places[number], TOP, width, HEIGHT, "bl-moved"))
    for offset in sorted(set(request.offsets)):
        x, wide = _element(places, width, offset, request.width)
        out.append(rect(x, TOP, wide, HEIGHT, "bl-used"))
    for number in numbers:
        out.append(_outline(places[number], width, cells))
    out.append(_labels(request, numbers, places, width))
    out.append(_explanation(request, numbers))
    return TOP + HEIGHT + 48, "".join(out)


def _places(numbers: list[int], cells: int) -> tuple[dict[int, float], float]:
    """Left edge of each sector and the width of one; a gap where others lie between."""
    apart = [b - a > 1 for a, b in pairwise(numbers)]
    gap = 14 if sum(apart) <= 8 else 4
    room = RIGHT - LEFT - gap * sum(apart)
    width = min(CELL * cells, room / len(numbers))
    x = LEFT + (room - width * len(numbers)) / 2
    places = {}
    for number, far in zip(numbers, [*apart, False], strict=True):
        places[number] = x
        x += width + gap * far
    return places, width


def _element(places: dict[int, float], width: float, offset: int, size: int) -> tuple[float, float]:
    """Left edge and width of the bytes that a lane touches."""
    x = places[offset // SECTOR] + offset % SECTOR / SECTOR * width
    return x, max(SMALLEST, size / SECTOR * width)


def _outline(x: float, width: float, cells: int) -> str:
    step = width / cells
    inner = range(1, cells) if step >= 5 else ()
    lines = "".join(
        f'<line class="bl-cell" x1="{x + k * step:.1f}" y1="{TOP}" x2="{x + k * step:.1f}" '
        f'y2="{TOP + HEIGHT}"/>'
        for k in inner
    )
    return lines + rect(x, TOP, width, HEIGHT, "bl-box")


def _labels(request: Request, numbers: list[int], places: dict[int, float], width: float) -> str:
    """Names of the first element touched in some sectors: first, last, and those that fit."""
    firsts = {n: min(o for o in request.offsets if o // SECTOR == n) for n in numbers}
    step = max(1, -(-(len(numbers) - 1) // 4))
    wanted = dict.fromkeys([numbers[0], numbers[-1], *numbers[::step]])
    out, taken = [], []
    for number in wanted:
        name = element(request, firsts[number])
        half = LETTER * len(name) / 2
        x, wide = _element(places, width, firsts[number], request.width)
        middle = min(max(x + wide / 2, half), WIDTH - half)
        if all(abs(middle - other) > half + far + 6 for other, far in taken):
            taken.append((middle, half))
            out.append(text(middle, TOP + HEIGHT + 17, name))
    return "".join(out)


def _explanation(request: Request, numbers: list[int]) -> str:
    y = TOP + HEIGHT + 40
    out = [text(LEFT, y, f"{request.array} in memory, a box is a sector", "start")]
    if asked(request) < len(numbers) * SECTOR:
        out += [key(268, y, "bl-used", "asked for"), key(360, y, "bl-moved", "moves as well")]
    return "".join(out)
