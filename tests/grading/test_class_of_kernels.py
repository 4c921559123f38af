"""A class hands in kernels: right ones, none, wrong ones and hostile ones."""

import csv
import json

import pytest
from fixture_class import answered, mistaken, released

from autograder.registry import exercises
from autograder.source import written_exercises

ASSIGNMENT = "03-cuda"
IDS = [id for id, w in written_exercises().items() if w.assignment == ASSIGNMENT]
PREFIX = 'extern "C" __global__ void bn_eval(const float* x, const float* mean, const float* var, '
SIGNATURE = PREFIX + (
    "const float* gamma, const float* beta, float* y, int N, int C, int HW, float eps)"
)
ENDLESS = f'eval_source = r"""\n{SIGNATURE}\n{{\n    while (true) y[0] = N;\n}}\n"""'


def reads(file):
    return f'eval_source = r"""\n#include "{file}"\n{SIGNATURE} {{ y[0] = 0; }}\n"""'


@pytest.fixture(scope="module")
def rows(course, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    secret = folder.parent / "secret.txt"
    secret.write_text("the-secret-text")
    made = {
        "ada-right": answered(ASSIGNMENT),
        "ben-blank": released(ASSIGNMENT),
        "cleo-mistakes": mistaken(ASSIGNMENT, 0),
        "dan-endless": answered(ASSIGNMENT, ex3_1=ENDLESS),
        "eve-reads": answered(ASSIGNMENT, ex3_1=reads(secret)),
    }
    for student, notebook in made.items():
        (folder / f"{student}_{ASSIGNMENT}.ipynb").write_text(json.dumps(notebook))
    done = course.run("autograder", "grade", str(folder))
    assert done.returncode == 0, done.stderr
    with (course.gradebook / "grades.csv").open(encoding="utf8", newline="") as file:
        found = {row["student_id"]: row for row in csv.DictReader(file)}
    assert found.keys() == made.keys()
    return found


def marks(row):
    return {id: float(row[id] or 0) for id in IDS}


def test_right_kernels_get_full_marks(rows):
    assert marks(rows["ada-right"]) == {id: exercises()[id].points for id in IDS}


def test_no_kernels_get_none(rows):
    assert set(marks(rows["ben-blank"]).values()) == {0}


def test_mistakes_lose_marks_and_are_named(rows):
    lost = marks(rows["cleo-mistakes"])
    assert all(lost[id] < exercises()[id].points for id in IDS)
    assert rows["cleo-mistakes"]["what_happened"].count("looks like") == len(IDS)


@pytest.mark.parametrize("student", ["dan-endless", "eve-reads"])
def test_a_hostile_kernel_costs_its_own_exercise_only(rows, student):
    got = marks(rows[student])
    assert got.pop("3.1") == 0
    assert got == {id: exercises()[id].points for id in IDS if id != "3.1"}


def test_no_file_of_the_instructor_reaches_feedback(rows, course):
    pages = list(course.gradebook.rglob("eve-reads/**/*.html"))
    assert pages and all("the-secret-text" not in p.read_text(encoding="utf8") for p in pages)
    assert any("#include" in p.read_text(encoding="utf8") for p in pages)
