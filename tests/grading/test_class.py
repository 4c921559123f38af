"""A class of right, wrong and unlucky notebooks gets the marks that were agreed on."""

import csv
import hashlib
import json
import shutil

import nbformat
import pytest
from course_copy import GOLDEN, SEED
from fixture_class import ASSIGNMENT, CLASS, FIRST, GARBAGE, MATH, last_exercise, make
from nbgrader.api import Gradebook

from autograder.classroom.term import CannotGrade, Term
from autograder.registry import exercises
from autograder.source import written_exercises

# The class hands in parts 1 and 2.
IDS = [id for id, w in written_exercises().items() if w.assignment in (MATH, ASSIGNMENT)]
WORDS = "what_happened"
NOT_SUBMISSIONS = (
    "ada-perfect/notes.txt",
    "ben-blank/02-numpy (1).ipynb",
    "wes_homework.ipynb",
    "xia_02-numpy.zip",
)


def digests(folder):
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def rows_of(course):
    with (course.gradebook / "grades.csv").open(encoding="utf8", newline="") as file:
        return {
            row["student_id"]: row
            for row in csv.DictReader(file)
            if row[WORDS] != "nothing handed in"
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("downloads") / "class"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def graded(course, folder):
    """The course after `python -m autograder grade folder`, with what the command printed."""
    before = digests(folder)
    exercises_before = digests(course.root / "exercises")
    course.done = course.run("autograder", "grade", str(folder))
    assert course.done.returncode == 0, course.done.stderr
    assert digests(folder) == before, "grading changed what learners handed in"
    assert digests(course.root / "exercises") == exercises_before
    return course


def test_the_marks_are_the_golden_ones(graded, tmp_path):
    columns = ["student_id", "assignment", *IDS, "score", WORDS]
    made = tmp_path / "golden.csv"
    with made.open("w", encoding="utf8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows_of(graded).values())
    assert made.read_text(encoding="utf8") == GOLDEN.read_text(encoding="utf8"), (
        f"Are the new marks right? Then: cp {made} {GOLDEN}"
    )


def test_the_golden_marks_make_sense():
    """What must hold whatever the exercises are worth, so that no slip gets into the file."""
    with GOLDEN.open(encoding="utf8", newline="") as file:
        golden = {row["student_id"]: row for row in csv.DictReader(file)}
    assert golden.keys() == CLASS.keys() | GARBAGE.keys()
    written = written_exercises()
    for student, row in golden.items():
        ids = [id for id in IDS if written[id].assignment == row["assignment"]]
        most = {id: exercises()[id].points for id in ids}
        marks = {id: float(row[id]) for id in ids if row[id]}
        if student in GARBAGE:
            assert not marks and row["score"] == "" and "not graded" in row[WORDS]
            continue
        assert marks.keys() == most.keys()
        assert float(row["score"]) == pytest.approx(sum(marks.values()))
        if student in ("ben-blank", "oda-check-edited"):
            assert sum(marks.values()) == 0 and row[WORDS].startswith("blank")
        elif "mistakes" in student:
            assert all(marks[id] < most[id] for id in ids), "a mistake has full marks"
            assert row[WORDS].count("looks like") == len(ids)
        else:  # what happened to one exercise does not cost another
            touched = {FIRST, last_exercise()} if student == "mia-deleted-copied" else {FIRST}
            assert all(marks[id] == most[id] for id in ids if id not in touched)
    assert golden["ada-perfect"][WORDS] == "graded"
    partial = [float(row[FIRST] or 0) for row in golden.values()]
    assert any(0 < points < exercises()[FIRST].points for points in partial), "no partial credit"


def test_the_summary_says_what_happened_to_everyone(graded):
    printed = graded.done.stdout
    for student, row in rows_of(graded).items():
        line = next(line for line in printed.splitlines() if line.startswith(student + " "))
        assert row[WORDS].split()[0] in line
    for file in NOT_SUBMISSIONS:
        assert f"  {file}: " in printed, "an ignored file is not mentioned"
    assert "Grading" in graded.done.stderr and "100%" in graded.done.stderr
    assert "Traceback" not in printed + graded.done.stderr


def test_every_submission_was_copied_as_it_was(graded, folder):
    copies = digests(graded.gradebook / "submitted")
    assert len(copies) == len(CLASS) + len(GARBAGE)
    assert set(copies.values()) <= set(digests(folder).values())


@pytest.fixture(scope="module")
def pages(graded):
    found = {p.parts[-3]: p.read_text(encoding="utf8") for p in graded.gradebook.rglob("*.html")}
    assert found.keys() == CLASS.keys() | GARBAGE.keys()
    return found


def test_feedback_has_the_verdict(pages):
    assert f"Exercise {FIRST} passes" in pages["ada-perfect"]
    wrong = pages["cleo-eps"]
    assert f"Exercise {FIRST} does not pass yet" in wrong and "Looks like" in wrong
    assert "eps is missing from the square root" in wrong
    assert "could not be graded" in pages["tom-garbage"]


def test_feedback_shows_neither_the_seed_nor_runs_anything(pages, graded):
    for file in graded.gradebook.rglob("*"):
        if file.is_file() and "submitted" not in file.parts:
            assert SEED.encode() not in file.read_bytes(), f"{file} shows the seed"
    noisy = pages["ray-noisy"]
    assert "my plot" in noisy and "(secret)" in noisy
    assert "<script>steal" not in noisy and "&lt;script&gt;steal" in noisy
    assert "what was hidden" not in noisy, "prints of an answer show the hidden cases"


def test_grading_again(graded, folder, tmp_path, monkeypatch):
    """A second hand-in replaces the marks, and the first file is kept. An instructor's own
    mark stays. Learners who are not in the folder keep their rows."""
    again = tmp_path / "again"
    (again / "ada-perfect").mkdir(parents=True)
    (again / "ada-perfect" / f"{ASSIGNMENT}.ipynb").write_text("{}")
    shutil.copy(folder / f"cleo-eps_{ASSIGNMENT}.ipynb", again)
    first = (folder / "ada-perfect" / f"{ASSIGNMENT}.ipynb").read_bytes()
    with Gradebook(f"sqlite:///{graded.gradebook / 'gradebook.db'}") as book:
        check = f"ex{FIRST.replace('.', '-')}-check"
        book.find_grade(check, ASSIGNMENT, ASSIGNMENT, "cleo-eps").manual_score = 3.5
        book.db.commit()
    monkeypatch.setenv("BATCHNORM_SECRET_SEED", SEED)
    before = rows_of(graded)
    report = Term(graded.root).grade(again)
    assert [line.student for line in report.lines] == ["ada-perfect", "cleo-eps"]
    after = rows_of(graded)
    assert after["ada-perfect"]["score"] == after["ada-perfect"][FIRST] == ""
    assert "not graded" in after["ada-perfect"][WORDS]
    (kept,) = (graded.gradebook / "replaced" / "ada-perfect").rglob("*.ipynb")
    assert kept.read_bytes() == first
    assert after["cleo-eps"][FIRST] == "3.5"
    others = before.keys() - {"ada-perfect", "cleo-eps"}
    assert others and all(before[student] == after[student] for student in others)


def test_graded_notebooks_are_valid(graded):
    found = list((graded.gradebook / "autograded").rglob("*.ipynb"))
    assert len(found) == len(CLASS) + len(GARBAGE)
    for path in found:
        nbformat.validate(json.loads(path.read_text(encoding="utf8")))


def test_exercises_that_changed_need_a_new_gradebook(graded, folder, monkeypatch):
    source = graded.root / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.md"
    text = source.read_text(encoding="utf8")
    start = text.index(f'+++ {{"tags": ["exercise-{last_exercise()}"]}}')
    source.write_text(text[:start], encoding="utf8")
    monkeypatch.setenv("BATCHNORM_SECRET_SEED", SEED)
    before = rows_of(graded)
    with pytest.raises(CannotGrade, match=r"added or removed .*rename the folder"):
        Term(graded.root).grade(folder, ASSIGNMENT)
    assert rows_of(graded) == before
