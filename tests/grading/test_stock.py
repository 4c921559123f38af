"""Stock nbgrader commands do the whole round with this course's settings, one by one."""

import csv
import json
import shutil
import zipfile

import nbformat
import pytest
from course_copy import GOLDEN, SEED
from fixture_class import ASSIGNMENT, EPS_MISSING, FIRST, GARBAGE, answered, released
from nbgrader.api import Gradebook

from autograder.registry import exercises

NBGRADER = "nbgrader"


@pytest.fixture(scope="module")
def generated(course):
    shutil.rmtree(course.root / "exercises" / ASSIGNMENT)
    done = course.run(NBGRADER, "generate_assignment", ASSIGNMENT, "--force")
    assert done.returncode == 0, done.stderr
    return course


@pytest.fixture(scope="module")
def collected(generated):
    archive = generated.gradebook / "downloaded" / ASSIGNMENT / "archive"
    (archive / "cleo").mkdir(parents=True)
    (archive / "tom" / ASSIGNMENT).mkdir(parents=True)
    name = f"{ASSIGNMENT}.ipynb"
    (archive / f"ann_{name}").write_text(json.dumps(released(ASSIGNMENT)))
    (archive / "cleo" / name).write_text(json.dumps(answered(ASSIGNMENT, ex2_1=EPS_MISSING)))
    (archive / "tom" / ASSIGNMENT / name).write_text(GARBAGE["tom-garbage"])
    with zipfile.ZipFile(archive / "hal.zip", "w") as packed:
        packed.writestr(name, GARBAGE["una-half"])
    (archive / "una_homework.ipynb").write_text("{}")
    done = generated.run(NBGRADER, "zip_collect", ASSIGNMENT)
    assert done.returncode == 0, done.stderr
    return generated


def marks_of(course):
    with (course.gradebook / "grades.csv").open(encoding="utf8", newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def test_generate_assignment_keeps_hidden_tests_and_solutions(generated):
    made = nbformat.read(generated.root / "exercises" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", 4)
    code = "\n".join(cell.source for cell in made.cells if cell.cell_type == "code")
    assert f'check("{FIRST}", ' in code and "raise NotImplementedError" in code
    assert "HIDDEN" not in code and "grade(" not in code and "SOLUTION" not in code


def test_release_assignment_puts_it_in_the_exchange(generated):
    done = generated.run(NBGRADER, "release_assignment", ASSIGNMENT)
    assert done.returncode == 0, done.stderr
    (given,) = (generated.gradebook / "exchange").rglob("*.ipynb")
    made = generated.root / "exercises" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    assert given.read_bytes() == made.read_bytes()


def test_zip_collect_knows_three_layouts_and_archives(collected):
    submitted = collected.gradebook / "submitted"
    found = {p.relative_to(submitted).as_posix() for p in submitted.rglob("*.ipynb")}
    name = f"{ASSIGNMENT}/{ASSIGNMENT}.ipynb"
    assert found == {f"{student}/{name}" for student in ("ann", "cleo", "hal", "tom")}


def test_without_a_seed_nothing_is_graded(collected):
    """Marks of zero for a class would be worse than no marks."""
    done = collected.run(NBGRADER, "autograde", ASSIGNMENT, seed="")
    assert done.returncode == 1
    assert "Nothing was graded. The secret seed for hidden tests is missing" in done.stderr
    assert "BATCHNORM_SECRET_SEED" in done.stderr and "Traceback" not in done.stderr
    assert not (collected.gradebook / "autograded").exists()
    with Gradebook(f"sqlite:///{collected.gradebook / 'gradebook.db'}") as book:
        assert book.students == [] and book.find_assignment(ASSIGNMENT).submissions == []


def test_autograde_feedback_and_export(collected):
    for command in (["autograde", ASSIGNMENT], ["generate_feedback", ASSIGNMENT], ["export"]):
        done = collected.run(NBGRADER, *command)
        assert done.returncode == 0, done.stderr
    marks = marks_of(collected)
    assert marks.keys() == {"ann", "cleo", "hal", "tom"}
    with GOLDEN.open(encoding="utf8", newline="") as file:
        golden = {row["student_id"]: row for row in csv.DictReader(file)}
    assert marks["ann"]["what_happened"] == "blank" and marks["ann"]["score"] == "0.0"
    assert marks["cleo"]["score"] == golden["cleo-eps"]["score"], "make grade gives other marks"
    assert 0 < float(marks["cleo"][FIRST]) < exercises()[FIRST].points
    for unreadable in ("hal", "tom"):
        assert marks[unreadable]["score"] == "", "what is not graded has no mark, not zero"
        assert "not graded" in marks[unreadable]["what_happened"]
    page = collected.gradebook / "feedback" / "cleo" / ASSIGNMENT / f"{ASSIGNMENT}.html"
    text = page.read_text(encoding="utf8")
    assert "does not pass yet" in text and "Looks like" in text and SEED not in text
