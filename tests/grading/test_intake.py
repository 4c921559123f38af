"""Submissions are found in the layouts that instructors have; the rest is refused with a reason."""

import os

import nbformat
import pytest
from fixture_class import ASSIGNMENT, answered

from autograder import front
from autograder.classroom.command import grade_folder
from autograder.classroom.exporter import Unreadable, read
from autograder.classroom.intake import Handed, copy, find
from autograder.classroom.term import CannotGrade, Term


@pytest.fixture(scope="module")
def term(course):
    return Term(course.root)


def found_in(folder, term, *files):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("{}")
    pattern = term.config.FileNameCollectorPlugin.named_regexp
    return find(folder, pattern, ["01-math", "02-numpy"])


@pytest.mark.parametrize(
    "file",
    [
        "ada/02-numpy.ipynb",
        "ada/02-numpy/02-numpy.ipynb",
        "ada_02-numpy.ipynb",
        "ada_02-numpy (1).ipynb",
        "ada/02-numpy(3).ipynb",
        "ada_02-numpy-2.ipynb",
    ],
)
def test_a_submission_is_found(file, term, tmp_path):
    (handed,) = found_in(tmp_path, term, file).submissions
    assert (handed.student, handed.assignment) == ("ada", "02-numpy")


@pytest.mark.parametrize(
    "student", ["ada_lovelace", "Ada Lovelace", "ada.l@uni.example", "1234567", "Åsa-Lí", "a(2)"]
)
def test_names_of_students(student, term, tmp_path):
    for file in (f"{student}/01-math.ipynb", f"{student}_02-numpy.ipynb"):
        found = found_in(tmp_path, term, file)
    assert {(h.student, h.assignment) for h in found.submissions} == {
        (student, "01-math"),
        (student, "02-numpy"),
    }


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("ada/notes.txt", "not a notebook"),
        ("all.zip", "an archive"),
        ("02-numpy.ipynb", "no known assignment"),
        ("ada/homework.ipynb", "no known assignment"),
        ("ada_09-else.ipynb", "no known assignment"),
        ("week 3/ada/02-numpy.ipynb", "no known assignment"),
        ("[a-z]_02-numpy.ipynb", "characters"),
        ("=1+1/02-numpy.ipynb", "characters"),
    ],
)
def test_a_file_is_ignored_with_a_reason(file, reason, term, tmp_path):
    found = found_in(tmp_path, term, file)
    assert not found.submissions
    ((path, why),) = found.ignored
    assert path.as_posix() == file and reason in why


def test_links_and_large_files_are_ignored(term, tmp_path):
    secret = tmp_path / "outside.ipynb"
    secret.write_text("{}")
    inside = tmp_path / "in"
    found_in(inside, term, "ada/02-numpy.ipynb")
    (inside / "eve_02-numpy.ipynb").symlink_to(secret)
    with (inside / "big_02-numpy.ipynb").open("wb") as file:
        file.truncate(20_000_001)
    found = found_in(inside, term)
    assert [h.student for h in found.submissions] == ["ada"]
    assert sorted(why for _, why in found.ignored) == [
        "a link, which is not followed",
        "larger than 20 MB",
    ]


def test_of_two_files_the_newer_counts(term, tmp_path):
    found_in(tmp_path, term, "ada/02-numpy.ipynb", "ada_02-numpy.ipynb", "ada/02-numpy (1).ipynb")
    for age, file in enumerate(
        ["ada/02-numpy (1).ipynb", "ada_02-numpy.ipynb", "ada/02-numpy.ipynb"]
    ):
        os.utime(tmp_path / file, (100 - age, 100 - age))
    found = found_in(tmp_path / ".", term)
    assert found.submissions[0].file.name == "02-numpy (1).ipynb"
    assert len(found.ignored) == 2 and all("a second file" in why for _, why in found.ignored)


def test_copying_keeps_what_it_replaces(tmp_path):
    file, submitted, replaced = tmp_path / "a.ipynb", tmp_path / "submitted", tmp_path / "replaced"
    for text in ("one", "one", "two", "three"):
        file.write_text(text)
        copy(Handed("ada", "02-numpy", file), submitted, replaced)
    assert (submitted / "02-numpy.ipynb").read_text() == "three"
    assert [p.read_text() for p in sorted(replaced.iterdir())] == ["one", "two"]
    copy(Handed("ada", "02-numpy", submitted / "02-numpy.ipynb"), submitted, replaced)
    assert (submitted / "02-numpy.ipynb").read_text() == "three"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<html>", "no JSON"),
        (b'{"cells": [', "no JSON"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"[1, 2]", "not a notebook"),
        (b'{"students": []}', "not a notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "cells": 3, "metadata": {}}', "not a notebook"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_an_unreadable_file_has_a_reason(content, reason, tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_bytes(content)
    with file.open(encoding="utf8") as stream, pytest.raises(Unreadable, match=reason):
        read(stream)


def test_a_notebook_with_a_byte_order_mark_is_read(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_text("\ufeff" + nbformat.writes(answered(ASSIGNMENT)), encoding="utf8")
    with file.open(encoding="utf8") as stream:
        assert len(read(stream).cells) > 3


@pytest.fixture
def no_seed(monkeypatch, tmp_path):
    monkeypatch.delenv(front.SEED_VARIABLE, raising=False)
    monkeypatch.setattr(front, "SEED_FILE", tmp_path / "absent")


@pytest.fixture
def a_seed(monkeypatch):
    monkeypatch.setenv(front.SEED_VARIABLE, "a seed for this test")


def test_bad_input_is_refused_with_what_to_do(term, tmp_path, a_seed):
    empty, file = tmp_path / "empty", tmp_path / "file"
    empty.mkdir()
    file.write_text("")
    with pytest.raises(CannotGrade, match="does not exist"):
        term.grade(tmp_path / "nowhere")
    with pytest.raises(CannotGrade, match="is a file"):
        term.grade(file)
    with pytest.raises(CannotGrade, match=r"(?s)no submission .*STUDENT/ASSIGNMENT.*is empty"):
        term.grade(empty)
    (empty / "ada.txt").write_text("")
    with pytest.raises(CannotGrade, match=r"ada.txt: not a notebook"):
        term.grade(empty)
    with pytest.raises(CannotGrade, match=r"no assignment '09-x'. Assignments: .*02-numpy"):
        term.grade(empty, only="09-x")


def test_no_seed_no_grading(term, tmp_path, no_seed):
    (tmp_path / "ada_02-numpy.ipynb").write_text("{}")
    with pytest.raises(
        CannotGrade, match=r"secret seed for hidden tests is missing.*BATCHNORM_SECRET_SEED"
    ):
        term.grade(tmp_path)
    assert not (term.home / "submitted").exists()


def test_the_command_names_its_argument(capsys):
    assert grade_folder("") == 1
    assert "SUBMISSIONS=folder" in capsys.readouterr().err
