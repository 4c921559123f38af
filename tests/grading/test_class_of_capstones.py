"""A learner hands in one track of the capstone: checkpoints are marked, the write-up waits."""

import csv
import json

import pytest
from fixture_class import answered, mistaken, released

from autograder.registry import exercises
from autograder.source import WRITE_UP, sources, written_exercises

TRACKS = [path.stem for path in sources() if "capstone" in path.stem]
IDS = {t: [id for id, w in written_exercises().items() if w.assignment == t] for t in TRACKS}
TEXT = "**Answer.** Cannot tell."


def short(notebook):
    """Of the study's own cells the first alone: they train."""
    plain = [c for c in notebook.cells if c.cell_type == "code" and "nbgrader" not in c.metadata]
    for cell in plain[1:]:
        notebook.cells.remove(cell)
    return notebook


def written(track):
    """Right answers and a write-up."""
    notebook = short(answered(track))
    next(c for c in notebook.cells if c.get("id") == WRITE_UP).source = TEXT
    return notebook


MADE = {
    "ada-writes": written,
    "ben-blank": lambda track: short(released(track)),
    "cleo-mistakes": lambda track: short(mistaken(track, 0)),
}


def test_there_are_four_tracks_worth_the_same():
    assert len(TRACKS) == 4
    assert {sum(exercises()[id].points for id in IDS[t]) for t in TRACKS} == {12}


@pytest.fixture(scope="module")
def rows(course, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for student, make in MADE.items():
        for track in TRACKS:
            (folder / f"{student}_{track}.ipynb").write_text(json.dumps(make(track)))
    done = course.run("autograder", "grade", str(folder))
    assert done.returncode == 0, done.stderr
    with (course.gradebook / "grades.csv").open(encoding="utf8", newline="") as file:
        return {(row["student_id"], row["assignment"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("track", TRACKS)
def test_right_checkpoints_get_full_marks_and_the_write_up_waits(rows, track):
    row = rows["ada-writes", track]
    assert {id: float(row[id]) for id in IDS[track]} == {
        id: exercises()[id].points for id in IDS[track]
    }
    assert row[WRITE_UP] == "" and "the write-up waits for your mark" in row["what_happened"]
    assert float(row["max_score"]) == 20


@pytest.mark.parametrize("track", TRACKS)
def test_nothing_earns_nothing(rows, track):
    row = rows["ben-blank", track]
    assert float(row["score"]) == 0 and row["what_happened"].startswith("blank")


@pytest.mark.parametrize("track", TRACKS)
def test_mistakes_lose_marks_and_are_named(rows, track):
    row = rows["cleo-mistakes", track]
    assert all(float(row[id] or 0) < exercises()[id].points for id in IDS[track])
    assert row["what_happened"].count("looks like") == len(IDS[track])
