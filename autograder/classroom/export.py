"""`nbgrader export` for this course: nbgrader's columns, marks per exercise, and a remark."""

from __future__ import annotations

import csv
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExportPlugin

from autograder.classroom.names import in_order, item_of
from autograder.classroom.outcome import Outcome, outcome
from autograder.source import WRITE_UP

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
        rows, items = [], set()
        for assignment in gradebook.assignments:
            if names and assignment.name not in names:
                continue
            items |= {item_of(c.name) for n in assignment.notebooks for c in n.grade_cells}
            for student in gradebook.students:
                if not students or student.id in students:
                    rows.append(_row(gradebook, coursedir, assignment, student))
        header = [*COLUMNS, *sorted(items - {""}, key=in_order), REMARK]
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
    """Points by exercise and for the write-up, an instructor's own mark in front of the grader's.

    Raises:
        MissingEntry: nothing was handed in.
    """
    found = {}
    for notebook in gradebook.find_submission(assignment, student).notebooks:
        for grade in notebook.grades:
            item = item_of(grade.name)
            if item and (grade.auto_score is not None or grade.manual_score is not None):
                found[item] = grade.score
    return dict(sorted(found.items(), key=lambda item: in_order(item[0])))


def happened(book: Gradebook, coursedir: CourseDirectory, assignment: str, student: str) -> Outcome:
    """What happened to a submission, and whether its write-up waits for a mark.

    Raises:
        MissingEntry: nothing was handed in.
    """
    what = outcome(graded_notebook(coursedir, assignment, student))
    notebooks = book.find_submission(assignment, student).notebooks
    grades = [g for n in notebooks for g in n.grades if item_of(g.name) == WRITE_UP]
    if what.graded and any(g.auto_score is None and g.manual_score is None for g in grades):
        return Outcome(True, f"{what.words}; the write-up waits for your mark")
    return what


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
    what = happened(gradebook, coursedir, assignment.name, student.id)
    row |= {"timestamp": submission.timestamp or "", REMARK: what.words}
    if found:
        penalty = submission.late_submission_penalty or 0.0
        row |= {
            "raw_score": round(submission.score, 2),
            "late_submission_penalty": penalty,
            "score": round(max(0.0, submission.score - penalty), 2),
        }
    return row | {id: points for id, points in found.items()}
