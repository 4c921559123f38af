"""The sentences and numbers that the text and the HTML view share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnlab.cuda.report import Access, Line, Race, Report

# Above this ratio of sectors to the ideal a line is marked. Rows that do not start at a multiple
# of 32 bytes cost up to one sector more than four, which no kernel can help.
EXCESS = 1.3
# Below this share of lanes a line says so, if the line above has another share.
FEW_LANES = 0.9

PARTIAL = "counters end at the fault"
UNINITIALISED = "uninitialised read"  # as in Race.kind


@dataclass(frozen=True)
class Finding:
    """Something to read about one line (0: about the whole launch).

    `mark` is "fault" (it stopped the kernel), "race", "uninitialised read", "same value" (a
    forgiven race), "note" or "see" (the earlier half of a race).
    """

    line: int
    mark: str
    sentence: str
    quote: str


def size(n: float) -> str:
    """Bytes in B, kB, MB or GB (decimal), three digits: 6422528 is "6.42 MB"."""
    for unit in ("B", "kB", "MB"):
        if n < 999.5:
            return f"{_three(n)} {unit}" if unit != "B" else f"{n:.0f} B"
        n /= 1000
    return f"{_three(n)} GB"


def _three(n: float) -> str:
    """Three digits, the zeros at the end too: 4.1 is "4.10"."""
    return f"{n:#.3g}".removesuffix(".")


def dims(shape: tuple[int, ...]) -> str:
    """A grid or block as it is written in a launch: (64, 1, 1) is "(64,)"."""
    shown = list(shape)
    while len(shown) > 1 and shown[-1] == 1:
        shown.pop()
    return f"({shown[0]},)" if len(shown) == 1 else f"({', '.join(map(str, shown))})"


def short(x: float) -> str:
    """One digit after the point, none where it is 0: "32", "3.9"."""
    return f"{x:.1f}".removesuffix(".0")


def share(x: float) -> str:
    """A share from 0 to 1 in percent; only what is exactly all reads "100%"."""
    return f"{x:.0%}" if x >= 1 or x < 0.99 else "99%"


def plural(n: int, one: str, more: str = "") -> str:
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def listing(words: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def verdict(report: Report) -> str:
    """What is wrong in half a sentence, or that nothing was found."""
    wrong, error = [], report.error
    if error is not None:
        at = f" in line {error.line}" if error.line else ""
        wrong.append(type(error).__name__ + at)
    for mark in ("race", UNINITIALISED):
        races = [race for race in report.races if _mark(race) == mark]
        if races:
            lines = sorted({race.line for race in races})
            at = f"line {lines[0]}" if len(lines) == 1 else "lines " + listing([*map(str, lines)])
            wrong.append(f"{plural(len(races), mark)} in {at}")
    return ", and ".join(wrong) or "no fault and no race found"


def findings(report: Report) -> list[Finding]:
    """Everything said about single lines: the fault first, then in order of lines."""
    found = []
    for race in report.races:
        often = f" ({race.count:,} times)" if race.count > 1 else ""
        found.append(Finding(race.line, _mark(race), race.sentence + often, race.quote))
    found += [Finding(note.line, "note", note.text, note.quote) for note in report.notes]
    found.sort(key=lambda finding: finding.line)
    if report.error is not None:
        e = report.error
        found.insert(0, Finding(e.line, "fault", f"{type(e).__name__}: {e.sentence}", e.quote))
    return found


def _mark(race: Race) -> str:
    """What a finding of the race checker is called: not all of them are races."""
    if race.same_value:
        return "same value"
    return UNINITIALISED if race.kind == UNINITIALISED else "race"


def traffic(access: Access) -> str:
    """One access in few words: "load x · 50,176 × 32 sectors, ideal 4"."""
    what = f"{access.kind} {access.array} · {access.requests:,} ×"
    if access.space == "shared":
        conflict = access.bank_conflict
        said = f"{short(conflict)}-way bank conflict" if has_conflict(access) else "conflict-free"
        return f"{what} {said}"
    each = short(access.sectors_per_request)
    unit = "sector" if each == "1" else "sectors"
    return f"{what} {each} {unit}, ideal {short(access.ideal)}"


def has_conflict(access: Access) -> bool:
    return access.passes > access.ideal_passes


def wasteful(access: Access) -> bool:
    """Whether an access costs clearly more than its ideal."""
    if access.space == "shared":
        return access.bank_conflict > EXCESS
    return access.sectors > EXCESS * access.ideal_sectors


def divergence(line: Line, above: Line | None) -> list[str]:
    """How a line splits warps and leaves lanes idle; the idle ones where they differ from above."""
    if not line.instructions:
        return ["never ran"]
    said = []
    if line.splits:
        said.append(f"splits the warp {line.splits:,} of {line.branches:,} times")
    if line.lane_use < FEW_LANES and (
        above is None or share(line.lane_use) != share(above.lane_use)
    ):
        said.append(f"{share(line.lane_use)} of lanes in use")
    return said


def cost(report: Report) -> list[str]:
    """Registers and spills, where the compiler tells."""
    r = report.resources
    if r is None:
        return []
    spills = f"{size(r.spill_bytes)} spilled" if r.spill_bytes else "no spills"
    return [f"{plural(r.registers, 'register')} a thread", spills]
