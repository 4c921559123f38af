"""Which lane of a warp touches which address: lanes above, memory below, a line for each lane.

Global memory is drawn in its sectors of 32 bytes, shared memory in its 32 banks and the turns they
take. The drawing is inline SVG in the page's own ink, so that it fits light and dark pages.
"""

from __future__ import annotations

from html import escape
from textwrap import wrap

from bnlab.cuda.report import SECTOR, Access
from bnlab.cuda.views import request as requests
from bnlab.cuda.views.bank_drawing import draw_banks
from bnlab.cuda.views.sector_drawing import draw_sectors
from bnlab.cuda.views.style import PICTURE
from bnlab.cuda.views.words import listing, plural


class AccessPicture:
    """A picture of the first request that a line made; `print` it for the same in words.

    Args:
        access: an access of a report's line.
        line: the line's number, for the caption.
    """

    def __init__(self, access: Access, line: int = 0):
        if access.sample is None:
            raise ValueError(f"No request of {access.array} was kept: nothing to draw.")
        self.access, self.line, self.request = access, line, access.sample

    @property
    def caption(self) -> str:
        """What the picture shows, with its numbers, in one or two sentences."""
        at = f", line {self.line}" if self.line else ""
        who = f"One warp's {self.access.kind} of {self.request.array}{at}"
        return f"{who}: {self._shared() if self.access.space == 'shared' else self._global()}"

    def _global(self) -> str:
        r = self.request
        moved, fewest = len(requests.sectors(r)), requests.fewest_sectors(r)
        said = (
            f"{_lanes(r)} {plural(moved, 'sector')} of 32 bytes; the fewest possible is {fewest}."
        )
        if moved > fewest:
            said += f" Of the {moved * SECTOR} bytes that move, {requests.asked(r)} are asked for."
        return said

    def _shared(self) -> str:
        r = self.request
        parts = requests.turns(r).values()
        turns = [turn for part in parts for turn in part]
        banks = {bank for turn in turns for bank in turn}
        said = (
            f"{_lanes(r)} {plural(len(banks), 'bank')} in {plural(len(turns), 'turn')}; "
            f"the fewest possible is {len(parts)}."
        )
        if len(turns) > len(parts):
            longest = max(parts, key=len)
            busy = min(longest[-1])  # a bank that is still busy in the last turn
            given = [requests.element(r, requests.WORD * turn[busy]) for turn in longest]
            more = [f"{len(given) - 3} more"] if len(given) > 4 else given[3:]
            said += f" Bank {busy} holds {listing(given[:3] + more)}, and gives one a turn."
        return said

    def __str__(self) -> str:
        """The caption, then which lane touches which element."""
        return "\n".join([*wrap(self.caption, 79), *self._pairs()])

    __repr__ = __str__

    def _pairs(self) -> list[str]:
        r, out = self.request, []
        for lanes, offsets, step in requests.steps(r):
            names = [requests.element(r, offset) for offset in offsets]
            if len(lanes) == 1:
                out.append(f"lane {lanes[0]} touches {names[0]}")
                continue
            who = f"lanes {lanes[0]} to {lanes[-1]} touch"
            if step == 0:
                out.append(f"{who} {names[0]}")
            else:
                every = f"{step / r.itemsize:g}"
                out.append(f"{who} {names[0]} to {names[-1]}, in steps of {every}")
        if r.width > r.itemsize:
            out.append(f"({r.width // r.itemsize} elements from there on, {r.width} bytes a lane)")
        return out

    def _repr_html_(self) -> str:
        shared = self.access.space == "shared"
        height, drawn = (draw_banks if shared else draw_sectors)(self.request)
        where = "banks" if shared else "sectors"
        title = f"Lanes of one warp and the {where} of {self.request.array} that they touch"
        return (
            f'<figure class="bnlab-picture"><style>{PICTURE}</style>'
            f'<svg viewBox="0 0 480 {height:.0f}" role="img"><title>{escape(title)}</title>'
            f"<desc>{escape(str(self))}</desc>{drawn}</svg>"
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )


def _lanes(r: requests.Request) -> str:
    if len(r.lanes) == 1:
        return "1 lane touches"
    if len(set(r.offsets)) == 1:
        return f"{len(r.lanes)} lanes touch the same element, in"
    return f"{len(r.lanes)} lanes touch"
