"""Reads `solutions/*/*.md`: the one text that an exercise is written in.

A source is a MyST notebook. Tags on its cells say what each one is:

| tag            | cell     | becomes                                             |
|----------------|----------|-----------------------------------------------------|
| `exercise-2.1` | markdown | the task, under a heading made from the specification |
| `hint`         | markdown | first help, folded away                             |
| `template`     | markdown | second help, folded away                            |
| `answer`       | code     | the learner's cell, with solution regions (`regions`) |
| `explanation`  | markdown | goes with the worked solution, in the book only      |
| `write-up`     | markdown | what a person marks, out of the `points` in the cell's metadata |

Cells without one of these tags are kept as they are. The check is put where the explanation
stands, so that cells in which learners try their answer come before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from autograder import regions

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("hint", "template", "answer", "explanation")
WRITE_UP = "write-up"


class SourceError(ValueError):
    """A source does not follow the form above; the message says where."""


@dataclass
class Written:
    """An exercise as written: every part a text, `""` where there is none."""

    id: str
    assignment: str
    task: str
    parts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(PARTS, ""))

    @property
    def solution(self) -> str:
        """The answer cell without its markers: what a solver would have written."""
        return regions.solution(self.parts["answer"])

    @property
    def stub(self) -> str:
        """The answer cell as learners receive it."""
        return regions.stub(self.parts["answer"])

    @property
    def secret_lines(self) -> list[str]:
        """Lines of solution regions, stripped; they must not reach a learner."""
        return regions.secrets(self.parts["answer"])


def sources(root: Path = ROOT) -> list[Path]:
    """The source of every assignment, in order."""
    return sorted((root / "solutions").glob("*/*.md"))


def cell_role(cell: NotebookNode) -> tuple[str, str]:
    """What a cell is: its role and, for a task, the exercise's id."""
    tags = cell.metadata.get("tags", [])
    for tag in tags:
        if tag.startswith("exercise-"):
            return "task", tag.removeprefix("exercise-")
        if tag in (*PARTS, WRITE_UP):
            return tag, ""
    return "plain", ""


def read(path: Path) -> tuple[NotebookNode, list[Written]]:
    """The notebook of a source and the exercises in it.

    Raises:
        SourceError: a part stands before any task, twice, or is missing; a write-up that is
            no Markdown, has no points, or is the second.
    """
    notebook = jupytext.read(path, fmt="md:myst")
    written: list[Written] = []
    for cell in notebook.cells:
        role, id = cell_role(cell)
        if role == "task":
            written.append(Written(id, path.stem, cell.source))
        elif role in PARTS:
            if not written:
                raise SourceError(f"{path}: a {role} cell stands before the first exercise-… cell.")
            if written[-1].parts[role]:
                raise SourceError(f"{path}: exercise {written[-1].id} has two {role} cells.")
            if role == "explanation" and not written[-1].parts["answer"]:
                raise SourceError(f"{path}: explanation of {written[-1].id} before its answer.")
            written[-1].parts[role] = cell.source
    write_ups = [cell for cell in notebook.cells if cell_role(cell)[0] == WRITE_UP]
    if len(write_ups) > 1 or not all(map(_can_be_marked, write_ups)):
        raise SourceError(
            f'{path}: a notebook has one write-up at most: +++ {{"tags": ["write-up"], "points": 8}}.'
        )
    for exercise in written:
        missing = [part for part in PARTS if not exercise.parts[part]]
        if missing:
            raise SourceError(f"{path}: exercise {exercise.id} has no {', '.join(missing)} cell.")
        if not regions.has_region(exercise.parts["answer"]):
            raise SourceError(
                f"{path}: the answer of exercise {exercise.id} has no {regions.BEGIN} … {regions.END}."
            )
    return notebook, written


def _can_be_marked(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and float(cell.metadata.get("points", 0)) > 0


def written_exercises(root: Path = ROOT) -> dict[str, Written]:
    """Every exercise in every source, by id."""
    return {w.id: w for path in sources(root) for w in read(path)[1]}
