"""The memory of an access picture as the 32 banks of shared memory, a row for each turn."""

from __future__ import annotations

from bnlab.cuda.report import Request
from bnlab.cuda.views.drawing import LANES, NAMED, RIGHT, centre, key, lanes, rect, text, thread
from bnlab.cuda.views.request import BANKS, WORD, part, turns

LEFT = 56
TOP = 128
TALLEST, ROOM = 18, 160  # of a row; of all rows


def draw_banks(request: Request) -> tuple[float, str]:
    """Height and SVG of a request to shared memory."""
    rows = [(p, k, row) for p, mine in turns(request).items() for k, row in enumerate(mine)]
    high = min(TALLEST, ROOM / len(rows))
    wide = (RIGHT - LEFT) / LANES
    bottom = TOP + high * len(rows)
    out = [lanes(request.lanes, LEFT)]
    for bank in range(BANKS):
        out.append(rect(LEFT + bank * wide, TOP, wide, bottom - TOP, "bl-bank"))
    cells, top = [], {}
    for number, (p, k, row) in enumerate(rows):
        css = "bl-used" if k == 0 else "bl-later"
        for bank, word in row.items():
            top[p, word] = y = TOP + high * number
            cells.append(rect(LEFT + bank * wide + 1, y + 0.5, wide - 2, high - 1, css))
    for lane, offset in zip(request.lanes, request.offsets, strict=True):
        word = offset // WORD
        out.append(
            thread(
                centre(lane, LEFT), centre(word % BANKS, LEFT), top[part(request, lane), word] + 1
            )
        )
    out += cells  # on top of the lines, which may cross cells of earlier turns
    for number in {0, len(rows) - 1}:
        out.append(text(LEFT - 6, TOP + high * (number + 0.5) + 4, f"turn {number + 1}", "end"))
    out += [text(centre(bank, LEFT), bottom + 17, str(bank)) for bank in NAMED]
    out.append(text(LEFT, bottom + 40, f"{request.array} in the 32 banks", "start"))
    if any(k for _, k, _ in rows):
        out.append(key(290, bottom + 40, "bl-used", "first turn"))
        out.append(key(380, bottom + 40, "bl-later", "has to wait"))
    return bottom + 48, "".join(out)
