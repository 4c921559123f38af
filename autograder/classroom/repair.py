"""Puts right what happens to cells on the way: deleted, copied, edited, stripped of metadata.

nbgrader's own steps do part of this, but stop on some accidents: a copied cell ends
the whole batch (its metadata is emptied and then found to be "too old"), and a check
cell whose answer was deleted too cannot be put back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.classroom.names import NOTES, cell_name, in_order, item_of, name_of
from autograder.source import WRITE_UP

_A_CHECK = re.compile(r"""\s*check\(\s*["'](\d+\.\d+)["']""")
_HIDDEN = re.compile(r"\n?### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", re.DOTALL)


@dataclass(frozen=True)
class Known:
    """A cell as the instructor released it; `points` is None for an answer.

    A cell with points is a check, or the write-up, which is the learner's and has points.
    """

    name: str
    source: str
    checksum: str
    points: float | None

    @property
    def is_write_up(self) -> bool:
        return self.name == WRITE_UP

    @property
    def is_check(self) -> bool:
        return self.points is not None and not self.is_write_up

    @property
    def metadata(self) -> NotebookNode:
        """What the cell's metadata must be, whatever the learner's file says."""
        marks = {
            "cell_type": "markdown" if self.is_write_up else "code",
            "checksum": self.checksum,
            "grade": self.points is not None,
            "grade_id": self.name,
            "locked": self.is_check,
            "schema_version": 3,
            "solution": not self.is_check,
            "task": False,
        }
        if self.points is not None:
            marks["points"] = self.points
        return NotebookNode(nbgrader=NotebookNode(marks), deletable=False)

    def filled(self, source: str, pictures: NotebookNode | None = None) -> NotebookNode:
        """The cell with another text; a write-up keeps the pictures pasted into it."""
        if not self.is_write_up:
            return new_code_cell(source, metadata=self.metadata)
        return new_markdown_cell(source, metadata=self.metadata, attachments=pictures or {})


class Repair(NbGraderPreprocessor):
    """The first of Autograde's steps; OverwriteCells then finds everything in its place."""

    def preprocess(self, nb, resources):
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as book:
            released = book.find_notebook(about["notebook"], about["assignment"])
            points = {cell.name: cell.max_score for cell in released.grade_cells}
            known = {
                cell.name: Known(cell.name, cell.source, cell.checksum, points.get(cell.name))
                for cell in released.source_cells
                if item_of(cell.name)
            }
        nb.metadata.pop(NOTES, None)  # the learner's file has no say in this
        notes = {"repairs": repair(nb, known)}
        if "unreadable" in resources:
            notes = {"unreadable": resources["unreadable"]}
        nb.metadata[NOTES] = NotebookNode(notes)
        return nb, resources


def repair(notebook: NotebookNode, known: dict[str, Known]) -> list[list[str]]:
    """Puts a notebook's cells right, in place.

    Args:
        notebook: a submission, nbformat 4.
        known: the released answer and check cells by name.

    Returns:
        What was repaired: pairs of exercise id and a sentence's worth of words.
    """
    notes: list[list[str]] = []
    chosen = _choose(notebook, known)
    for place, cell in enumerate(notebook.cells):
        name = chosen.get(place, "")
        if not name:
            cell.metadata.pop("nbgrader", None)
            continue
        if known[name].is_check and _changed(cell.source, known[name].source):
            notes.append([item_of(name), "check cell was edited, the original was run"])
        notebook.cells[place] = known[name].filled(cell.source, cell.get("attachments"))
    missing = known.keys() - set(chosen.values())
    for name in sorted(missing, key=lambda n: in_order(item_of(n))):
        if known[name].is_check:
            _put_back(notebook, known[name])
            notes.append([item_of(name), "check cell was deleted and put back"])
        elif known[name].is_write_up:
            notebook.cells.append(known[name].filled(known[name].source))
    _number(notebook)
    return notes


def _choose(notebook: NotebookNode, known: dict[str, Known]) -> dict[int, str]:
    """Which place holds which known cell: by nbgrader's name, else by the cell's id,
    else by what a check cell says. Of several, the last: it is the state that counts."""
    by_name: dict[str, int] = {}
    for recognise in (_by_text, _by_id, name_of):  # later ones overrule earlier ones
        found = {}
        for place, cell in enumerate(notebook.cells):
            name = recognise(cell)
            if name in known:
                found[name] = place
        by_name |= found
    return {place: name for name, place in by_name.items()}


def _by_id(cell: NotebookNode) -> str:
    return str(cell.get("id", ""))


def _by_text(cell: NotebookNode) -> str:
    match = _A_CHECK.match(cell.source) if cell.cell_type == "code" else None
    return cell_name(match[1], "check") if match else ""


def _changed(given: str, source: str) -> bool:
    return given.split() != _HIDDEN.sub("", source).split() and given.split() != source.split()


def _put_back(notebook: NotebookNode, cell: Known) -> None:
    """Inserts a check before the next exercise, so that all helpers of its own come first."""
    order = in_order(item_of(cell.name))
    place = len(notebook.cells)
    for later, other in enumerate(notebook.cells):
        item = item_of(name_of(other))
        if item and in_order(item) > order:
            place = later
            break
    text = f"# This cell was missing from the submission and was put back.\n{cell.source}"
    notebook.cells.insert(place, cell.filled(text))


def _number(notebook: NotebookNode) -> None:
    """Gives every cell an id of its own, as nbformat 4.5 wants."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for place, cell in enumerate(notebook.cells):
        cell.id = name_of(cell) or f"cell-{place}"
