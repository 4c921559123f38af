"""Says in words what happened to a submission, from its graded notebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from autograder.classroom.marks import could_not_be_graded, facts_of
from autograder.classroom.names import NOTES, exercise_of, in_order, name_of
from autograder.source import WRITE_UP

NOT_WRITTEN = "not written"
_SYNTAX = ("SyntaxError", "IndentationError", "TabError")
# What an error in an answer cell means; other errors are named as they are.
_ANSWER = dict.fromkeys(_SYNTAX, "syntax error in the answer") | {
    "CellTimeoutError": "endless loop in the answer cell, stopped",
    "KeyboardInterrupt": "endless loop in the answer cell, stopped",
    "PythonEnded": "the answer cell ended Python",
    "SystemExit": "exit in the answer cell",
    "NotRun": "not run: the notebook took too long or ended Python too often",
}
_CHECK = {
    "CellTimeoutError": "endless loop in the answer, stopped",
    "KeyboardInterrupt": "endless loop in the answer, stopped",
    "PythonEnded": "the answer ended Python",
    "NotRun": "not run: the notebook took too long or ended Python too often",
    "NameError": "the answer is missing",
}
# The same in a cell that belongs to no exercise; its other errors are the learner's affair.
_OTHER = {
    "CellTimeoutError": "endless loop in another cell, stopped",
    "PythonEnded": "another cell ended Python",
    "NotRun": "some cells were not run",
}
# What stopped the answer while it was called.
_CALL = {
    "NotImplementedError": NOT_WRITTEN,
    "TimeLimit": "endless loop in the answer, stopped",
    "SystemExit": "the answer calls exit",
    "LimitReached": "stopped in the lab: an endless loop, or too much memory or output",
    "LabFailure": "the CUDA lab failed on the answer: mark it by hand",
    "NotCallable": "the answer is not a function or class",
    "NotASource": "the answer is not the source of the kernel",
    "CompileError": "does not compile",
    "LaunchError": "does not fit the launch",
    "AnswerError": "returns something else than asked",
}


@dataclass(frozen=True)
class Outcome:
    """What happened to one submission.

    Attributes:
        graded: whether it has marks at all.
        words: one line for the instructor.
    """

    graded: bool
    words: str


def outcome(path: Path) -> Outcome:
    """What happened to the submission whose graded notebook is at `path`."""
    if not path.exists():
        return Outcome(False, "not graded")
    return describe(nbformat.read(path, as_version=4))


def describe(notebook: NotebookNode) -> Outcome:
    """What a graded notebook tells."""
    notes = notebook.metadata.get(NOTES, {})
    if "unreadable" in notes:
        return Outcome(False, f"not graded: {notes['unreadable']}")
    answers, checks, others = {}, {}, []
    for cell in notebook.cells:
        name = name_of(cell)
        if exercise_of(name):
            (answers if name.endswith("answer") else checks)[exercise_of(name)] = cell
        elif cell.cell_type == "code":
            others += [_OTHER[o.ename] for o in cell.outputs if o.get("ename") in _OTHER]
    for cell in checks.values():
        if why := could_not_be_graded(notebook, cell):
            return Outcome(False, f"not graded: {why}")
    said: dict[str, list[str]] = {}
    for id in sorted(checks, key=in_order):
        said[id] = [words for words in [_answer(answers.get(id)), _check(checks[id])] if words]
        if len(said[id]) > 1 and said[id][1] == _CHECK["NameError"]:
            del said[id][1]  # it follows from the first
    for cell in notebook.cells:
        if name_of(cell) == WRITE_UP:
            same = compute_checksum(cell) == cell.metadata.nbgrader.checksum
            said[WRITE_UP] = [NOT_WRITTEN] if same else []
    start = []
    if all(words == [NOT_WRITTEN] for words in said.values()):
        start, said = ["blank"], {}
    for id, words in notes.get("repairs", []):
        said.setdefault(id, []).append(words)
    return Outcome(True, "; ".join(start + _joined(said) + sorted(set(others))) or "graded")


def _answer(cell: NotebookNode | None) -> str:
    names = [o.ename for o in cell.outputs if o.output_type == "error"] if cell else []
    return _ANSWER.get(names[-1], f"{names[-1]} in the answer cell") if names else ""


def _check(cell: NotebookNode) -> str:
    errors = [o for o in cell.outputs if o.output_type == "error"]
    if errors:
        return _CHECK.get(errors[-1].ename, f"{errors[-1].ename} in the check cell")
    facts = facts_of(cell)
    if not facts:
        return "the check gave no verdict"
    if facts["passed"] == facts["total"]:
        return ""
    kinds = facts["kinds"]
    known = [_CALL[kind] for kind in kinds if kind in _CALL]
    if facts["mistakes"]:
        return f"looks like “{'”, “'.join(facts['mistakes'])}”"
    if known:
        return ", ".join(known)
    words = [kind for kind in kinds if " " in kind]  # the CUDA lab's; others name exceptions
    if names := [kind for kind in kinds if kind not in words]:
        words.append(f"raises {', '.join(names)}")
    if words:
        return ", ".join(words)
    return f"wrong in {facts['total'] - facts['passed']} of {facts['total']} cases"


def _joined(said: dict[str, list[str]]) -> list[str]:
    """“2.1, 2.3: not written”, “2.4: …”: exercises with the same words together."""
    groups: dict[str, list[str]] = {}
    for id in sorted(said, key=in_order):
        if said[id]:
            groups.setdefault(", ".join(said[id]), []).append(id)
    return [f"{', '.join(ids)}: {words}" for words, ids in groups.items()]
