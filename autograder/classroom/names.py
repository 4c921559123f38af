"""Names that the parts share: cells, and the page of notes in a graded notebook."""

from __future__ import annotations

import re

from autograder.source import WRITE_UP

# Where a graded notebook keeps what the grading noticed about it:
# {"unreadable": reason} or {"repairs": [[exercise id, sentence], …]}.
NOTES = "batchnorm-inside-out"

_CELL = re.compile(r"ex(\d+)-(\d+)-(answer|check)")


def exercise_of(cell_name: str) -> str:
    """The exercise of an answer or check cell, "" for another name.

    >>> exercise_of("ex2-1-check")
    '2.1'
    """
    match = _CELL.fullmatch(cell_name)
    return f"{match[1]}.{match[2]}" if match else ""


def item_of(cell_name: str) -> str:
    """What a cell's mark is for: an exercise, the write-up, or "" for nothing.

    >>> item_of("ex2-1-check"), item_of("write-up")
    ('2.1', 'write-up')
    """
    return WRITE_UP if cell_name == WRITE_UP else exercise_of(cell_name)


def cell_name(exercise_id: str, role: str) -> str:
    """The name that `release` gives to a cell.

    >>> cell_name("2.1", "check")
    'ex2-1-check'
    """
    return f"ex{exercise_id.replace('.', '-')}-{role}"


def in_order(item: str) -> tuple[float, ...]:
    """Sorting key of an exercise: 2.10 comes after 2.9, and the write-up after all."""
    return (float("inf"),) if item == WRITE_UP else tuple(int(n) for n in item.split("."))


def name_of(cell) -> str:
    """nbgrader's name of a cell, "" where it has none."""
    marks = cell.metadata.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else ""
