"""The summary of a round, as text for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autograder.classroom.names import in_order

_NARROWEST_WORDS = 30


@dataclass(frozen=True)
class Line:
    """One submission in the summary; `marks` is empty when it was not graded."""

    student: str
    assignment: str
    marks: dict[str, float]
    words: str

    @property
    def total(self) -> float:
        return sum(self.marks.values())


def summary(lines: Sequence[Line], most: dict[str, dict[str, float]], width: int = 0) -> str:
    """A table per assignment.

    Args:
        lines: the submissions.
        most: for each assignment, the points of its exercises.
        width: of the terminal; 0 asks the terminal.
    """
    width = width or shutil.get_terminal_size((120, 24)).columns
    tables = []
    for assignment in sorted({line.assignment for line in lines}):
        rows = [line for line in lines if line.assignment == assignment]
        tables.append(_table(assignment, rows, most[assignment], width))
    return "\n\n".join(tables)


def _table(assignment: str, lines: list[Line], most: dict[str, float], width: int) -> str:
    ids = sorted(most, key=in_order)
    head = ["student", *ids, "total", "what happened"]
    body = [["out of", *(_points(most[id]) for id in ids), _points(sum(most.values())), ""]]
    for line in lines:
        marks = [_points(line.marks.get(id)) for id in ids]
        total = _points(line.total if line.marks else None)
        body.append([line.student, *marks, total, line.words])
    columns = [max(len(row[n]) for row in [head, *body]) for n in range(len(head) - 1)]
    room = max(_NARROWEST_WORDS, width - sum(columns) - 2 * len(columns))
    text = [assignment, *_row(head, columns, room)]
    text.append("-" * min(width, sum(columns) + 2 * len(columns) + room))
    for row in body:
        text += _row(row, columns, room)
    return "\n".join(text)


def _row(cells: list[str], columns: list[int], room: int) -> Iterable[str]:
    """A row, over several lines when its last cell is long."""
    first = cells[0].ljust(columns[0])
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:-1], columns[1:], strict=True))
    start = "  ".join([first, *numbers])
    words = textwrap.wrap(cells[-1], room) or [""]
    yield f"{start}  {words[0]}".rstrip()
    for more in words[1:]:
        yield " " * (len(start) + 2) + more


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
