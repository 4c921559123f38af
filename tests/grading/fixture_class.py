"""Makes a class of submissions from the solutions: right, wrong and unlucky ones.

`python tests/grading/fixture_class.py FOLDER` writes it to a folder, to try grading by hand.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.registry import exercises
from autograder.source import ROOT, written_exercises

ASSIGNMENT = "02-numpy"
FIRST = "2.1"  # the exercise that accidents happen to
MATH = "01-math"

EPS_MISSING = """
def forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    inv_std = 1 / np.sqrt(x.var(axis=0))
    x_hat = (x - mu) * inv_std
    return gamma * x_hat + beta, {"x_hat": x_hat, "inv_std": inv_std, "gamma": gamma}
"""
SYNTAX_ERROR = """
def forward(x, gamma, beta, eps=1e-5)
    return x
"""
LOOP_IN_FUNCTION = """
def forward(x, gamma, beta, eps=1e-5):
    while True:
        pass
"""
SYS_EXIT = """
import sys

def forward(x, gamma, beta, eps=1e-5):
    sys.exit(0)
"""
OS_EXIT = """
import os

def forward(x, gamma, beta, eps=1e-5):
    os._exit(0)
"""
NOISE = """
import os
import sys
import warnings
from IPython.display import HTML

display(HTML("<b>my plot</b><script>steal()</script>"))
print(dict(os.environ))
given = forward

def forward(x, gamma, beta, eps=1e-5):
    warnings.warn("a warning on stderr")
    print("a line on stderr", file=sys.stderr)
    print("what was", "hidden", x)
    return given(x, gamma, beta, eps)
"""
LOOP_AFTER_ANSWER = """
while True:
    print("still training")
"""


def released(assignment: str) -> NotebookNode:
    """The notebook as learners receive it."""
    return nbformat.read(ROOT / "exercises" / assignment / f"{assignment}.ipynb", as_version=4)


def cell_of(notebook: NotebookNode, id: str, role: str) -> NotebookNode:
    """The answer or check cell of an exercise."""
    return next(c for c in notebook.cells if c.get("id") == f"ex{id.replace('.', '-')}-{role}")


def answered(assignment: str, **changed: str) -> NotebookNode:
    """A notebook with the worked solutions, apart from the answers in `changed`.

    Args:
        assignment: its name.
        changed: answers by exercise, "ex2_1" for 2.1.
    """
    notebook = released(assignment)
    for id, written in written_exercises().items():
        if written.assignment == assignment:
            text = changed.get(f"ex{id.replace('.', '_')}", written.solution)
            cell_of(notebook, id, "answer").source = text
    return notebook


def last_exercise() -> str:
    """The last exercise of the assignment."""
    return [w.id for w in written_exercises().values() if w.assignment == ASSIGNMENT][-1]


def solution(id: str) -> str:
    return written_exercises()[id].solution


def mistaken(assignment: str, number: int) -> NotebookNode:
    """A notebook with one of the named mistakes in every exercise."""
    wrong = {}
    for id, written in written_exercises().items():
        if written.assignment == assignment:
            names = ", ".join(exercises()[id].answers)
            wrong[f"ex{id.replace('.', '_')}"] = (
                "from autograder.registry import exercise\n\n"
                f'({names},) = exercise("{id}").mistakes[{number}].answers'
            )
    return answered(assignment, **wrong)


def deleted_and_copied() -> NotebookNode:
    """A right notebook without the first exercise's check and the last one's answer, and
    with the second exercise's cells copied, metadata and all."""
    notebook = answered(ASSIGNMENT)
    first, second, *_, last = (
        w.id for w in written_exercises().values() if w.assignment == ASSIGNMENT
    )
    notebook.cells.remove(cell_of(notebook, first, "check"))
    notebook.cells.remove(cell_of(notebook, last, "answer"))
    for role in ("answer", "check"):
        cell = cell_of(notebook, second, role)
        notebook.cells.insert(notebook.cells.index(cell) + 1, copy.deepcopy(cell))
    return notebook


def edited_check() -> NotebookNode:
    """A blank notebook whose first check cell claims full marks."""
    notebook = released(ASSIGNMENT)
    cell_of(notebook, FIRST, "check").source = "4.0"
    return notebook


def stripped() -> NotebookNode:
    """A right notebook from an editor that keeps neither metadata nor ids of cells."""
    notebook = answered(ASSIGNMENT)
    notebook.nbformat_minor = 4
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        cell.pop("id", None)
    return notebook


def exits() -> NotebookNode:
    """A notebook whose first answer calls sys.exit, with two stray cells that end Python."""
    notebook = answered(ASSIGNMENT, ex2_1=SYS_EXIT)
    notebook.cells.insert(2, new_code_cell("import os\nos._exit(1)", id="stray"))
    notebook.cells.insert(3, new_code_cell("exit()", id="stray-too"))
    return notebook


# Student to notebook. The order is the alphabet's, as in the gradebook.
CLASS: dict[str, Callable[[], NotebookNode]] = {
    "ada-perfect": lambda: answered(ASSIGNMENT),
    "ben-blank": lambda: released(ASSIGNMENT),
    "cleo-eps": lambda: answered(ASSIGNMENT, ex2_1=EPS_MISSING),
    "dan-first-mistakes": lambda: mistaken(ASSIGNMENT, 0),
    "gus-syntax-error": lambda: answered(ASSIGNMENT, ex2_1=SYNTAX_ERROR),
    "hal-loop": lambda: answered(ASSIGNMENT, ex2_1=LOOP_IN_FUNCTION),
    "ida-loop-in-cell": lambda: answered(ASSIGNMENT, ex2_1=solution(FIRST) + LOOP_AFTER_ANSWER),
    "jon-exits": exits,
    "kim-os-exit": lambda: answered(ASSIGNMENT, ex2_1=OS_EXIT),
    "mia-deleted-copied": deleted_and_copied,
    "oda-check-edited": edited_check,
    "quinn-stripped": stripped,
    "ray-noisy": lambda: answered(ASSIGNMENT, ex2_1=solution(FIRST) + NOISE),
    "sue-math-mistakes": lambda: mistaken(MATH, 1),
}
GARBAGE = {
    "tom-garbage": "<html>Your session has expired. Please log in.</html>",
    "una-half": '{"cells": [{"cell_type": "code", "sou',
    "vic-other-json": '{"students": []}',
}


def make(folder: Path) -> None:
    """Writes the class in the three layouts, with some files that are no submissions."""
    folder.mkdir(parents=True)
    for number, (student, notebook) in enumerate(CLASS.items()):
        assignment = MATH if "math" in student else ASSIGNMENT
        text = json.dumps(notebook(), ensure_ascii=False)
        _write(folder, student, assignment, number, text)
    for number, (student, text) in enumerate(GARBAGE.items()):
        _write(folder, student, ASSIGNMENT, number, text)
    (folder / "ada-perfect" / "notes.txt").write_text("a note")
    (folder / "wes_homework.ipynb").write_text("{}")
    (folder / "xia_02-numpy.zip").write_bytes(b"PK")
    old = folder / "ben-blank" / "02-numpy (1).ipynb"
    old.write_text("an older download")
    os.utime(old, (1, 1))


def _write(folder: Path, student: str, assignment: str, number: int, text: str) -> None:
    name = f"{assignment}.ipynb"
    layouts = (f"{student}/{name}", f"{student}/{assignment}/{name}", f"{student}_{name}")
    file = folder / layouts[0 if student[0] in "ab" else number % 3]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
