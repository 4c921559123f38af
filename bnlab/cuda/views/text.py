"""A report as plain text, under 80 columns where its names allow."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from bnlab.cuda.views import words

if TYPE_CHECKING:
    from bnlab.cuda.report import Report

WIDTH = 79
PRINTED = 20  # lines of printf shown


def report(report: Report) -> str:
    """The whole report: verdict, launch, findings, memory, lanes, output."""
    parts = [_head(report), _findings(report), _global(report), _shared(report), _lanes(report)]
    parts.append(_printed(report))
    return "\n".join("\n".join(part) for part in parts if part)


def _head(r: Report) -> list[str]:
    launch = f"{r.kernel}  grid {words.dims(r.grid)}  block {words.dims(r.block)}"
    if r.shared_bytes:
        launch += f"  shared {r.shared_bytes} B a block"
    how = ", ".join([f"schedule {r.schedule}", r.compiler, *words.cost(r)])
    return [("ok: " if r.ok else "wrong: ") + words.verdict(r), launch, how]


def _findings(r: Report) -> list[str]:
    out = []
    for finding in words.findings(r):
        at = f" line {finding.line}" if finding.line else ""
        out += wrap(
            f"{finding.mark.upper()}{at}: {finding.sentence}", WIDTH, subsequent_indent="  "
        )
        if finding.quote:
            out.append(_cut(f"    {finding.line} | {finding.quote}"))
    if r.error is not None:
        out.append(words.PARTIAL)
    return out


def _global(r: Report) -> list[str]:
    here = [(line, a) for line, a in r.accesses if a.space == "global"]
    if not here:
        return []
    read = sum(array.read for array in r.arrays.values())
    written = sum(array.written for array in r.arrays.values())
    out = [f"global memory: threads read {words.size(read)}, write {words.size(written)}"]
    moved = f"  {words.size(r.moved_bytes)} moved in 32-byte sectors"
    if r.touched_bytes:
        moved += f" / {words.size(r.touched_bytes)} touched"
        moved += f" = {r.moved_bytes / r.touched_bytes:.2f}"
    out.append(moved)
    for array in r.arrays.values():
        if array.touched:
            read = f", read {array.read_times:.2f} times" if array.read else ""
            written = f", written {array.write_times:.2f} times" if array.written else ""
            size = words.size(array.touched)
            out.append(f"  {array.name:<12} {size:>8} touched{read}{written}")
    out.append(f"{'line':>6}  {'':<20} {'requests':>10} {'sectors each':>13} {'ideal':>6}")
    for line, a in here:
        row = f"{line.number:6}  {a.kind + ' ' + a.array:<20} {a.requests:10,}"
        row += f" {a.sectors_per_request:13.1f} {a.ideal:6.1f}"
        if words.wasteful(a):
            row += f"  {words.short(a.sectors / a.ideal_sectors)} x ideal"
        out.append(row)
    return out


def _shared(r: Report) -> list[str]:
    if not r.ideal_bank_passes:
        return []
    more = r.bank_passes - r.ideal_bank_passes
    said = f"{more:,} of them for bank conflicts" if more else "no bank conflicts"
    out = [f"shared memory: {words.plural(r.bank_passes, 'pass', 'passes')}, {said}"]
    for line, a in r.accesses:
        if a.space == "shared" and words.has_conflict(a):
            what = f"{a.kind} {a.array}"
            ways = f"{words.short(a.bank_conflict)}-way bank conflict"
            out.append(f"{line.number:6}  {what:<20} {a.requests:10,} {ways:>24}")
    return out


def _lanes(r: Report) -> list[str]:
    many = words.plural(r.instructions, "warp instruction")
    out = [f"lanes in use: {words.share(r.lane_use)} of {many}"]
    for _, line in sorted(r.lines.items()):
        if line.splits:
            branches = words.plural(line.branches, "branch", "branches")
            out.append(f"{line.number:6}  splits the warp in {line.splits:,} of {branches}")
    return out


def _printed(r: Report) -> list[str]:
    if not r.printed:
        return []
    lines = "".join(r.printed).splitlines()
    out = ["printf:", *(_cut(f"  {line}") for line in lines[:PRINTED])]
    if len(lines) > PRINTED:
        out.append(f"  … and {words.plural(len(lines) - PRINTED, 'line')} more")
    return out


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
