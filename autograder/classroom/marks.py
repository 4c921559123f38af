"""Records marks, and only those that the grader gave.

nbgrader takes a check without output for full marks, and any text on stderr for none.
Here a mark counts when the check's last result says for this exercise what was earned.
"""

from __future__ import annotations

from nbformat import NotebookNode
from nbgrader.preprocessors import SaveAutoGrades
from nbgrader.utils import is_solution

from autograder.classroom.names import NOTES, exercise_of, name_of
from autograder.front import MARKS_TYPE


def facts_of(cell: NotebookNode) -> dict:
    """What the grader reported in a check cell, {} if it did not or not soundly."""
    if any(output.output_type == "error" for output in cell.get("outputs", [])):
        return {}
    found = [
        output.data[MARKS_TYPE]
        for output in cell.get("outputs", [])
        if output.output_type == "execute_result" and MARKS_TYPE in output.data
    ]
    facts = found[-1] if found and isinstance(found[-1], dict) else {}
    points = facts.get("points")
    sound = (
        facts.get("exercise") == exercise_of(name_of(cell))
        and isinstance(points, (int, float))
        and 0 <= points <= cell.metadata.nbgrader["points"]
    )
    return facts if sound else {}


# What may be missing when a check runs, and is no fault of the answer.
_MISSING = {
    "MissingSeed": "the secret seed was out of reach",
    "CompilerMissing": "no compiler for CUDA C++ is installed",
}


def could_not_be_graded(notebook: NotebookNode, cell: NotebookNode) -> str:
    """Why an exercise has no mark at all, rather than none earned; "" if it has one."""
    if "unreadable" in notebook.metadata.get(NOTES, {}):
        return notebook.metadata[NOTES]["unreadable"]
    raised = (_MISSING.get(output.get("ename")) for output in cell.get("outputs", []))
    return next(filter(None, raised), "")


class SaveEarnedMarks(SaveAutoGrades):
    """nbgrader's SaveAutoGrades with the rule above.

    What could not be graded gets no mark and is flagged for the instructor; so is a write-up.
    """

    def preprocess(self, nb, resources):
        self._notebook = nb
        return super().preprocess(nb, resources)

    def _add_score(self, cell, resources):
        grade = self.gradebook.find_grade(
            name_of(cell), self.notebook_id, self.assignment_id, self.student_id
        )
        missing = could_not_be_graded(self._notebook, cell)
        if is_solution(cell) and not missing:
            return super()._add_score(cell, resources)  # a write-up: nothing written, or a person's
        grade.auto_score = None if missing else float(facts_of(cell).get("points", 0))
        grade.needs_manual_grade = bool(missing) or grade.manual_score is not None
        self.gradebook.db.commit()
