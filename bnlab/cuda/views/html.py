"""A report for notebooks and the book: the source with its counters beside each line."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from bnlab.cuda.views import style, words
from bnlab.cuda.views.words import Finding

if TYPE_CHECKING:
    from bnlab.cuda.report import Access, Report

LONG = 100  # lines from which stretches without counters are folded
FOLD = 8  # the shortest stretch worth folding
BAR = 64  # pixels of the longest bar: 32 sectors

NAMES = {
    "fault": "✘ Fault.",
    "race": "⇄ Race.",
    "uninitialised read": "∅ Uninitialised read.",
    "same value": "⇄ Same value.",
    "note": "ℹ Note.",
    "see": "⇄",
}

_BARE = '<span class="bl-bar"></span>'


def report(report: Report) -> str:
    """The whole report as one HTML element, without ids, scripts or outside resources."""
    found = words.findings(report)
    parts = [_head(report, found), _source(report, found), _legend(report)]
    parts += [_arrays(report), _printed(report), _foot(report)]
    return f'<div class="bnlab-report"><style>{style.REPORT}</style>{"".join(parts)}</div>'


def _head(r: Report, found: list[Finding]) -> str:
    mark, kind = ("✔", "bl-verdict") if r.ok else ("✘", "bl-verdict bl-wrong")
    said = words.verdict(r)
    launch = f"{r.kernel} · grid {words.dims(r.grid)} · block {words.dims(r.block)}"
    if r.shared_bytes:
        launch += f" · {r.shared_bytes} B shared a block"
    # A finding without a line, an endless loop say, has no place in the source.
    loose = "".join(_sentence(finding) for finding in found if not finding.line)
    return (
        f'<p class="{kind}">{mark} {escape(said[0].upper() + said[1:])}</p>'
        f'<p class="bl-small">{escape(launch)}</p>{loose}'
    )


def _source(r: Report, found: list[Finding]) -> str:
    said: dict[int, list[Finding]] = {}
    for finding in found + _earlier_halves(r):
        said.setdefault(finding.line, []).append(finding)
    source = r.source.splitlines()
    rows = []
    for bare, numbers in groupby(
        range(1, len(source) + 1), lambda i: i not in said and i not in r.lines
    ):
        numbers = list(numbers)
        part = "".join(
            _row(i, source[i - 1], _counters(r, i) if i in r.lines else None, said.get(i, []))
            for i in numbers
        )
        if bare and len(source) > LONG and len(numbers) >= FOLD:
            lines = f"lines {numbers[0]} to {numbers[-1]}: no code ran here"
            part = f"<details><summary>{lines}</summary>{part}</details>"
        rows.append(part)
    label = f"Source of {r.kernel} with its counters, by line"
    # A group that takes the focus, so that the keyboard can scroll it.
    return (
        f'<div class="bl-source" role="group" tabindex="0" aria-label="{escape(label)}">'
        f"{''.join(rows)}</div>"
    )


def _earlier_halves(r: Report) -> list[Finding]:
    """For each race between two lines, a pointer at the earlier one."""
    pairs = {(race.first_line, race.line, race.array) for race in r.races if not race.same_value}
    return [
        Finding(first, "see", f"{array} here races with line {later}.", "")
        for first, later, array in sorted(pairs)
        if first not in (0, later)
    ]


def _row(number: int, code: str, counters: str | None, said: list[Finding]) -> str:
    """A line of the source, what it cost (None: it has no code) and what is said about it."""
    kinds = [_css(finding) for finding in said]
    if counters is None and not said:
        kinds.append("bl-idle")
    row = (
        f'<div class="{" ".join(["bl-row", *kinds[:1]])}">'
        f'<span class="bl-code"><span class="bl-number">{number}</span>'
        f'<span class="bl-text" style="--indent:{_indent(code)}">{escape(code)}</span></span>'
        f"{counters or ''}</div>"
    )
    return row + "".join(_sentence(finding) for finding in said)


def _indent(code: str) -> int:
    """Columns before the first word, from which a line too long for the page is continued."""
    wide = code.expandtabs(4)
    return len(wide) - len(wide.lstrip())


def _sentence(finding: Finding) -> str:
    return (
        f'<div class="bl-said {_css(finding)}"><b>{NAMES[finding.mark]}</b> '
        f"{escape(finding.sentence)}</div>"
    )


def _css(finding: Finding) -> str:
    return "bl-" + finding.mark.split()[0]


def _counters(r: Report, number: int) -> str:
    line = r.lines[number]
    above = r.lines.get(max((n for n in r.lines if n < number), default=0))
    items = [_counter(words.traffic(a), words.wasteful(a), _bar(a)) for a in line.accesses]
    items += [_counter(said, False, _BARE) for said in words.divergence(line, above)]
    return f'<span class="bl-counters">{"".join(items)}</span>' if items else ""


def _counter(said: str, much: bool, bar: str) -> str:
    kind = "bl-counter bl-much" if much else "bl-counter"
    return f'<span class="{kind}"><span>{escape(said)}</span>{bar}</span>'


def _bar(a: Access) -> str:
    """Sectors per request out of 32: the ideal filled, what comes on top hatched."""
    if a.space == "shared":
        if not words.has_conflict(a):
            return _BARE
        least, all_ = 1.0, a.bank_conflict
    else:
        least, all_ = a.ideal, a.sectors_per_request
    least, all_ = min(least, 32) * BAR / 32, min(all_, 32) * BAR / 32
    extra = f'<span class="bl-extra" style="width:{all_ - least:.1f}px"></span>'
    return (
        '<span class="bl-bar" aria-hidden="true">'
        f'<span class="bl-least" style="width:{least:.1f}px"></span>'
        f"{extra if all_ - least > 1 else ''}</span>"
    )


def _legend(r: Report) -> str:
    said = []
    if any(a.space == "global" for _, a in r.accesses):
        said.append(
            "“50 × 4 sectors, ideal 4”: a warp asked 50 times, and each time 4 sectors moved, pieces "
            "of 32 bytes; ideal is the fewest that could hold the bytes it asked for. The bar "
            "shows sectors out of 32; what exceeds the ideal is hatched."
        )
    if any(words.has_conflict(a) for _, a in r.accesses):
        said.append("An n-way bank conflict takes n turns in place of one.")
    if not said:
        return ""
    return (
        '<details class="bl-small"><summary>What the counters mean</summary>'
        f"<p>{' '.join(said)}</p></details>"
    )


def _arrays(r: Report) -> str:
    touched = [array for array in r.arrays.values() if array.touched]
    if not touched:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(a.name)}</th><td>{_times(a.read_times)}</td>'
        f"<td>{_times(a.write_times)}</td><td>{words.size(a.touched)}</td></tr>"
        for a in touched
    )
    heads = "".join(f'<th scope="col">{h}</th>' for h in ("array", "read", "written", "touched"))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _times(x: float) -> str:
    return f"{x:.2f} ×" if x else "–"


def _printed(r: Report) -> str:
    if not r.printed:
        return ""
    written = escape("".join(r.printed))
    return f'<p class="bl-small">printf:</p><pre tabindex="0">{written}</pre>'


def _foot(r: Report) -> str:
    said = [words.PARTIAL] if r.error is not None else []
    if r.touched_bytes:
        ratio = r.moved_bytes / r.touched_bytes
        moved, touched = words.size(r.moved_bytes), words.size(r.touched_bytes)
        said.append(f"{moved} moved / {touched} touched = {ratio:.2f}")
    said.append(f"{words.share(r.lane_use)} of lanes in use")
    said += [*words.cost(r), r.compiler, f"schedule {r.schedule}"]
    return f'<p class="bl-small">{escape(" · ".join(said))}</p>'
