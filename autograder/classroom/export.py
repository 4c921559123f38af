"""`nbgrader export` for this course: nbgrader's columns, marks per exercise, and a remark."""

from __future__ import annotations

import csv
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExportPlugin

from autograder.classroom.names import exercise_of, in_order
from autograder.classroom.outcome import Outcome, outcome

# In the order of nbgrader's own export, so that scripts made for that read this one too.
COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)
REMARK = "what_happened"


class MarksCsv(ExportPlugin):
    """A row per student and assignment. What was not graded has empty marks, never zeros."""

    def export(self, gradebook: Gradebook) -> None:
        coursedir = getattr(self.parent, "coursedir", None) or CourseDirectory(parent=self)
        names = [str(name) for name in self.assignment]
        students = [str(name) for name in self.student]
        rows, exercises = [], set()
        for assignment in gradebook.assignments:
            if names and assignment.name not in names:
                continue
            exercises |= {exercise_of(c.name) for n in assignment.notebooks for c in n.grade_cells}
            for student in gradebook.students:
                if not students or student.id in students:
                    rows.append(_row(gradebook, coursedir, assignment, student))
        header = [*COLUMNS, *sorted(exercises - {""}, key=in_order), REMARK]
        destination = Path(self.to or "grades.csv")
        with destination.open("w", newline="", encoding="utf8") as file:
            writer = csv.DictWriter(file, header, restval="")
            writer.writeheader()
            writer.writerows(rows)
        self.log.info("Marks written to %s", destination)


def graded_notebook(coursedir: CourseDirectory, assignment: str, student: str) -> Path:
    """Where nbgrader puts the graded copy of a submission."""
    folder = coursedir.format_path(coursedir.autograded_directory, student, assignment)
    return Path(folder) / f"{assignment}.ipynb"


def marks(gradebook: Gradebook, assignment: str, student: str) -> dict[str, float]:
    """Points by exercise, an instructor's own mark in front of the grader's.

    Raises:
        MissingEntry: nothing was handed in.
    """
    found = {}
    for notebook in gradebook.find_submission(assignment, student).notebooks:
        for grade in notebook.grades:
            id = exercise_of(grade.name)
            if id and (grade.auto_score is not None or grade.manual_score is not None):
                found[id] = grade.score
    return dict(sorted(found.items(), key=lambda item: in_order(item[0])))


def _row(gradebook, coursedir, assignment, student) -> dict[str, object]:
    row: dict[str, object] = {
        "assignment": assignment.name,
        "duedate": assignment.duedate or "",
        "student_id": student.id,
        "last_name": student.last_name or "",
        "first_name": student.first_name or "",
        "email": student.email or "",
        "max_score": assignment.max_score,
    }
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return row | {REMARK: "nothing handed in"}
    found = marks(gradebook, assignment.name, student.id)
    what: Outcome = outcome(graded_notebook(coursedir, assignment.name, student.id))
    row |= {"timestamp": submission.timestamp or "", REMARK: what.words}
    if found:
        penalty = submission.late_submission_penalty or 0.0
        row |= {
            "raw_score": round(submission.score, 2),
            "late_submission_penalty": penalty,
            "score": round(max(0.0, submission.score - penalty), 2),
        }
    return row | {id: points for id, points in found.items()}
