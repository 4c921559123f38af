"""A class hands in modules, functions and operators of PyTorch: right ones, none and wrong ones."""

import csv
import json

import pytest
from fixture_class import answered, mistaken, released

from autograder.registry import exercises
from autograder.source import written_exercises

ASSIGNMENTS = ("04-pytorch", "05-alternatives", "06-production")
IDS = {a: [id for id, w in written_exercises().items() if w.assignment == a] for a in ASSIGNMENTS}
MADE = {
    "ada-right": answered,
    "ben-blank": released,
    "cleo-mistakes": lambda assignment: mistaken(assignment, 0),
}


@pytest.fixture(scope="module")
def rows(course, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for student, make in MADE.items():
        for assignment in ASSIGNMENTS:
            (folder / f"{student}_{assignment}.ipynb").write_text(json.dumps(make(assignment)))
    done = course.run("autograder", "grade", str(folder))
    assert done.returncode == 0, done.stderr
    with (course.gradebook / "grades.csv").open(encoding="utf8", newline="") as file:
        found = {(row["student_id"], row["assignment"]): row for row in csv.DictReader(file)}
    assert found.keys() == {(s, a) for s in MADE for a in ASSIGNMENTS}
    return found


def marks(row, assignment):
    return {id: float(row[id] or 0) for id in IDS[assignment]}


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_right_answers_get_full_marks(rows, assignment):
    got = marks(rows["ada-right", assignment], assignment)
    assert got and got == {id: exercises()[id].points for id in IDS[assignment]}


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_no_answers_get_none(rows, assignment):
    assert set(marks(rows["ben-blank", assignment], assignment).values()) == {0}


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_mistakes_lose_marks_and_are_named(rows, assignment):
    row = rows["cleo-mistakes", assignment]
    lost = marks(row, assignment)
    assert all(lost[id] < exercises()[id].points for id in lost)
    assert row["what_happened"].count("looks like") == len(lost)
