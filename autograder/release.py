"""Generates the learners' notebooks: solutions/*.md → .ipynb → exercises/*.ipynb.

Run as `python -m autograder release`. The result depends on the sources alone,
so that a second run writes the same bytes.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder import regions
from autograder.registry import exercise
from autograder.source import ROOT, WRITE_UP, cell_role, read, sources

log = logging.getLogger(__name__)

KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
SUMMARY = {"hint": "Hint: the idea", "template": "Hint: a template"}
NEVER_RELEASED = ("BEGIN SOLUTION", "### GIVEN", "BEGIN HIDDEN TESTS", "grade(")


def heading(id: str) -> str:
    """Heading and facts of an exercise, from its specification."""
    spec = exercise(id)
    return (
        f"## Exercise {id} · {spec.title}\n\n"
        f"*{spec.difficulty.capitalize()}, about {spec.minutes} minutes, {spec.points} points. "
        f"{spec.read}.*\n\n"
    )


def source_notebook(path: Path) -> NotebookNode:
    """The instructor's notebook of a source, with nbgrader's metadata and check cells."""
    notebook, _ = read(path)
    cells, id = [], ""
    for number, cell in enumerate(notebook.cells):
        role, task_id = cell_role(cell)
        if role == "task":
            id = task_id
            cells.append(_markdown(heading(id) + cell.source, f"ex{id}-task"))
        elif role in SUMMARY:
            folded = f"<details><summary>{SUMMARY[role]}</summary>\n\n{cell.source}\n\n</details>"
            cells.append(_markdown(folded, f"ex{id}-{role}"))
        elif role == "answer":
            cells.append(_code(cell.source, f"ex{id}-answer", solution=True))
        elif role == "explanation":  # here, so that cells to try the answer come before it
            cells.append(_check_cell(id))
        elif role == WRITE_UP:
            points = float(cell.metadata["points"])
            cells.append(_written_by_hand(cell.source, points))
        elif role == "plain" and cell.cell_type == "code":
            cells.append(_code(cell.source, f"cell-{number}"))
        elif role == "plain":
            cells.append(_markdown(cell.source, f"cell-{number}"))
    return nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)


def _markdown(source: str, id: str) -> NotebookNode:
    return new_markdown_cell(source, id=_safe(id))


def _code(source: str, id: str, **nbgrader) -> NotebookNode:
    cell = new_code_cell(source, id=_safe(id))
    return _marked(cell, **nbgrader) if nbgrader else cell


def _written_by_hand(source: str, points: float) -> NotebookNode:
    """nbgrader's manually graded answer: the learner's own text, marked by a person."""
    cell = new_markdown_cell(source, id=WRITE_UP)
    return _marked(cell, grade=True, solution=True, points=points)


def _marked(cell: NotebookNode, **nbgrader) -> NotebookNode:
    cell.metadata["nbgrader"] = {
        "grade": False,
        "grade_id": cell.id,
        "locked": False,
        "schema_version": 3,
        "solution": False,
        "task": False,
    } | nbgrader
    return cell


def _check_cell(id: str) -> NotebookNode:
    spec = exercise(id)
    answers = ", ".join(spec.answers)
    source = (
        f'check("{id}", {answers})\n'
        "### BEGIN HIDDEN TESTS\n"
        "from autograder import grade\n"
        f'grade("{id}", {answers})\n'
        "### END HIDDEN TESTS"
    )
    return _code(source, f"ex{id}-check", grade=True, locked=True, points=spec.points)


def _safe(id: str) -> str:
    return id.replace(".", "-")


def generate(root: Path = ROOT) -> list[Path]:
    """Writes the instructor's and the learners' notebooks; returns the latter.

    Raises:
        RuntimeError: nbgrader failed, or there is no source.
    """
    found = sources(root)
    if not found:
        raise RuntimeError(f"There is no source in {root / 'solutions'}.")
    for path in found:
        nbformat.write(source_notebook(path), path.with_suffix(".ipynb"))
        log.info("%s → %s", path.name, path.with_suffix(".ipynb").name)
    released = []
    for path in found:
        target = root / "exercises" / path.stem
        shutil.rmtree(target, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "nbgrader",
            "generate_assignment",
            path.stem,
            "--force",
            "--no-db",
        ]
        command.append(f"--CourseDirectory.root={root}")
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        notebook = target / f"{path.stem}.ipynb"
        if done.returncode or not notebook.exists():
            raise RuntimeError(f"nbgrader could not generate {path.stem}:\n{done.stderr}")
        released.append(notebook)
        log.info("%s → exercises/%s", path.stem, notebook.name)
    return released


def leaks(root: Path = ROOT) -> list[str]:
    """Solution text, explanations or hidden tests found in the learners' notebooks.

    Raises:
        RuntimeError: there is nothing to scan, or a notebook is missing.
    """
    found = sources(root)
    if not found:
        raise RuntimeError(f"There is no source in {root / 'solutions'}.")
    leaked = []
    for path in found:
        released = root / "exercises" / path.stem / f"{path.stem}.ipynb"
        if not released.exists():
            raise RuntimeError(f"{released} is missing; run python -m autograder release.")
        notebook = nbformat.read(released, as_version=4)
        code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
        given = _lines(c.source for c in notebook.cells)
        everything = "\n".join(c.source for c in notebook.cells)
        leaked += [f"{path.stem}: {mark}" for mark in NEVER_RELEASED if mark in code]
        source, exercises = read(path)
        public = _lines(_public(cell) for cell in source.cells)
        for written in exercises:
            # A line that a template or another task gives away may stand there, and only there.
            leaked += [
                f"{written.id}: {line}"
                for line in written.secret_lines
                if len(line) > 3 and given[line] > public[line]
            ]
            if written.parts["explanation"] in everything:
                leaked.append(f"{written.id}: the explanation")
    extra = [p for p in (root / "exercises").rglob("*") if p.is_file() and p.suffix != ".ipynb"]
    return leaked + [
        f"a file that is no notebook: {p.relative_to(root)}"
        for p in extra
        if ".ipynb_checkpoints" not in p.parts
    ]


def _lines(texts: Iterable[str]) -> Counter[str]:
    """How often each line, stripped, stands in some texts."""
    return Counter(line.strip() for text in texts for line in text.splitlines())


def _public(cell: NotebookNode) -> str:
    """What learners receive of a cell of the source."""
    role, _ = cell_role(cell)
    if role == "answer":
        return regions.stub(cell.source)
    return "" if role == "explanation" else cell.source
