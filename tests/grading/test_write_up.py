"""A write-up is released as it stands, never marked by the machine, and a person's mark stays."""

import csv
import json
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.registry import exercise
from autograder.release import source_notebook
from autograder.source import SourceError, read

NAME = "90-essay"
SOURCE = """\
---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

```{code-cell} ipython3
from autograder import check
```

+++ {"tags": ["exercise-1.6"]}

A task.

+++ {"tags": ["hint"]}

A hint.

+++ {"tags": ["template"]}

A template.

```{code-cell} ipython3
:tags: [answer]

def wrong():
    ### BEGIN SOLUTION
    return 0
    ### END SOLUTION


ANSWERS
```

+++ {"tags": ["explanation"]}

Why.

+++

Write what you found.

+++ {"tags": ["write-up"], "points": 8}

*Write here.*
"""


def source(folder, text=SOURCE):
    names = "".join(f"{name} = wrong\n" for name in exercise("1.6").answers)
    path = Path(folder) / "solutions" / NAME / f"{NAME}.md"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace("ANSWERS\n", names), encoding="utf8")
    return path


def handed_in(path, change):
    notebook = source_notebook(path)
    change(notebook)
    return json.dumps(notebook)


def essay(notebook):
    return next(cell for cell in notebook.cells if cell.id == "write-up")


def writes(text, **pictures):
    def change(notebook):
        essay(notebook).source = text
        essay(notebook)["attachments"] = pictures

    return change


STUDENTS = {
    "ada-writes": writes("I found it.", **{"plot.png": {"image/png": "aGk="}}),
    "ben-blank": lambda notebook: None,
    "cleo-deletes": lambda notebook: notebook.cells.remove(essay(notebook)),
    "dan-forges": lambda notebook: essay(notebook).metadata.nbgrader.update(
        points=80, solution=False
    ),
}


@pytest.fixture(scope="module")
def graded(course, tmp_path_factory):
    path = source(course.root)
    folder = tmp_path_factory.mktemp("class")
    for student, change in STUDENTS.items():
        (folder / f"{student}_{NAME}.ipynb").write_text(handed_in(path, change), encoding="utf8")
    done = course.run("autograder", "grade", str(folder))
    assert done.returncode == 0, done.stderr
    return course, folder


def rows(course):
    with (course.gradebook / "grades.csv").open(encoding="utf8", newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file) if row["assignment"] == NAME}


def test_it_is_released_as_it_stands(graded):
    course, _ = graded
    released = course.gradebook / "release" / NAME / f"{NAME}.ipynb"
    cell = essay(nbformat.read(released, as_version=4))
    assert cell.source == "*Write here.*"
    assert cell.metadata.nbgrader.points == 8 and not cell.metadata.nbgrader.locked


def test_a_written_one_waits_for_a_person(graded):
    row = rows(graded[0])["ada-writes"]
    assert row["write-up"] == "" and "the write-up waits for your mark" in row["what_happened"]


@pytest.mark.parametrize("student", ["ben-blank", "cleo-deletes", "dan-forges"])
def test_an_empty_one_earns_nothing_and_nobody_waits(graded, student):
    row = rows(graded[0])[student]
    assert float(row["write-up"]) == 0
    assert "write-up: not written" in row["what_happened"]
    assert "waits" not in row["what_happened"]


def test_points_are_the_instructors(graded):
    most = 8 + float(rows(graded[0])["dan-forges"]["max_score"])
    assert 8 < most < 80


def test_pictures_stay(graded):
    course, _ = graded
    path = course.gradebook / "autograded" / "ada-writes" / NAME / f"{NAME}.ipynb"
    assert "plot.png" in essay(nbformat.read(path, as_version=4)).attachments


def test_a_persons_mark_counts_and_survives_grading_again(graded):
    course, folder = graded
    database = f"sqlite:///{course.gradebook / 'gradebook.db'}"
    with Gradebook(database, "batchnorm-inside-out") as book:
        grade = book.find_grade("write-up", NAME, NAME, "ada-writes")
        assert grade.needs_manual_grade
        grade.manual_score, grade.needs_manual_grade = 6.5, False
        book.db.commit()
    assert course.run("autograder", "grade", str(folder)).returncode == 0
    row = rows(course)["ada-writes"]
    assert float(row["write-up"]) == 6.5 and "waits" not in row["what_happened"]
    assert float(row["score"]) >= 6.5


@pytest.mark.parametrize(
    "wrong",
    [
        SOURCE.replace(', "points": 8', ""),
        SOURCE + '\n+++ {"tags": ["write-up"], "points": 8}\n\nAgain.\n',
    ],
)
def test_a_source_that_cannot_be_marked_is_refused(tmp_path, wrong):
    with pytest.raises(SourceError, match="one write-up at most"):
        read(source(tmp_path, wrong))
