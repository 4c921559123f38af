"""A verdict: what the learner reads after a check, as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from autograder.compare import Difference

# Wrong outputs of a case that are shown in full; one wrong step often spoils many.
SHOWN = 3


@dataclass(frozen=True)
class Failure:
    """One case that did not pass."""

    case: str
    inputs: str
    problem: str
    line: str
    differences: tuple[Difference, ...]
    kind: str = ""  # exception type, where one stopped the case

    @property
    def shown(self) -> tuple[Difference, ...]:
        """The differences to show in full."""
        return self.differences[:SHOWN]

    @property
    def also_wrong(self) -> str:
        """Names of the other outputs that differ, or ''."""
        return ", ".join(f"`{d.output}`" for d in self.differences[SHOWN:])


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check. `repr` is plain text; notebooks show the HTML twin.

    Attributes:
        passed, total: number of cases.
        failures: the cases that did not pass, in order.
        mistakes, looks_like: names of the mistakes the answer agrees with, and
            what they say to the learner.
    """

    exercise: str
    title: str
    shows: str
    passed: int
    total: int
    failures: tuple[Failure, ...]
    looks_like: tuple[str, ...]
    mistakes: tuple[str, ...]
    read: str

    @property
    def ok(self) -> bool:
        """Whether every case passed."""
        return self.passed == self.total

    @property
    def share(self) -> float:
        """Share of cases passed, 0 to 1."""
        return self.passed / self.total

    @property
    def headline(self) -> str:
        if self.ok:
            return f"✓ Exercise {self.exercise} passes: all {self.total} cases are right."
        return f"✗ Exercise {self.exercise} does not pass yet: {self.passed} of {self.total} cases are right."

    def __str__(self) -> str:
        lines = [self.headline]
        if self.ok:
            return lines[0]
        first = self.failures[0]
        lines += ["", f"Called:   {self.shows}"]
        lines += [f"Case:     {first.case} ({first.inputs})"]
        if first.problem:
            lines += [f"Problem:  {first.problem}"]
        if first.line:
            lines += [f"Where:    {first.line}"]
        for d in first.shown:
            lines += [f"Problem:  {d.sentence}", f"          expected {d.expected}, got {d.got}"]
        if first.also_wrong:
            lines += [f"Also wrong: {first.also_wrong}"]
        lines += [f"Looks like: {says}" for says in self.looks_like]
        if len(self.failures) > 1:
            lines += ["Also failing: " + "; ".join(f.case for f in self.failures[1:])]
        lines += [f"Read again: {self.read}"]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        tone = "#1a7f37" if self.ok else "#bc4c00"
        body = f"<p style='margin:0;font-weight:600'>{_html(self.headline)}</p>"
        if not self.ok:
            body += _failure_html(self)
        return f"<div role='status' style='border-left:4px solid {tone};padding:.5em 1em;margin:.5em 0'>{body}</div>"


def _html(text: str) -> str:
    """Escapes text and turns `backticks` into code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:  # an odd backtick: leave it
        return escape(text)
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))


def _failure_html(verdict: Verdict) -> str:
    first = verdict.failures[0]
    rows = [
        ("Called", f"<code>{escape(verdict.shows)}</code>"),
        ("Case", f"{_html(first.case)}<br><small>{escape(first.inputs)}</small>"),
    ]
    if first.problem:
        rows.append(("Problem", _html(first.problem)))
    if first.line:
        rows.append(("Where", f"<code>{escape(first.line)}</code>"))
    for d in first.shown:
        sides = f"expected <code>{escape(d.expected)}</code>, got <code>{escape(d.got)}</code>"
        rows.append(("Problem", f"{_html(d.sentence)}<br>{sides}"))
    if first.also_wrong:
        rows.append(("Also wrong", _html(first.also_wrong)))
    rows += [("Looks like", f"<strong>{_html(says)}</strong>") for says in verdict.looks_like]
    if len(verdict.failures) > 1:
        rows.append(("Also failing", _html("; ".join(f.case for f in verdict.failures[1:]))))
    rows.append(("Read again", _html(verdict.read)))
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left;vertical-align:top;white-space:nowrap'>{head}</th>"
        f"<td style='text-align:left'>{cell}</td></tr>"
        for head, cell in rows
    )
    return f"<table style='margin:.25em 0 0'>{cells}</table>"
