"""Finds the submissions in a folder and copies them to where nbgrader wants them."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from autograder.classroom.exporter import LARGEST_BYTES

LAYOUTS = (
    "  STUDENT/ASSIGNMENT.ipynb\n  STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb\n  STUDENT_ASSIGNMENT.ipynb"
)
# Names that nbgrader's patterns, a file system or a spreadsheet would misread are refused.
_STUDENT = re.compile(r"\w[\w .@,'()+-]*", re.UNICODE)
_CLUTTER = (".ipynb_checkpoints", "__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
_ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar")


@dataclass(frozen=True)
class Handed:
    """One submission: whose, of what, and the file."""

    student: str
    assignment: str
    file: Path


@dataclass(frozen=True)
class Found:
    """What a folder holds: submissions, and files left out with the reason."""

    submissions: tuple[Handed, ...]
    ignored: tuple[tuple[Path, str], ...]


def find(folder: Path, pattern: str, assignments: list[str]) -> Found:
    """Looks through a folder of submissions.

    Args:
        folder: as downloaded; nothing in it is changed.
        pattern: a regular expression for paths inside it, with the groups
            `student_id` and `file_id` (nbgrader's `named_regexp`).
        assignments: the names that are known.
    """
    chosen: dict[tuple[str, str], Path] = {}
    ignored = []
    for file in sorted(p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()):
        inside = file.relative_to(folder)
        if any(part in _CLUTTER for part in inside.parts):
            continue
        match = re.match(pattern, inside.as_posix())
        reason = _why_not(file, match, assignments)
        if reason:
            ignored.append((inside, reason))
            continue
        key = (match["student_id"].strip(), match["file_id"])
        other = chosen.get(key)
        if other and other.stat().st_mtime > file.stat().st_mtime:
            file, other = other, file
        if other:
            newer = file.relative_to(folder)
            ignored.append((other.relative_to(folder), f"a second file; {newer} is newer"))
        chosen[key] = file
    handed = [Handed(student, name, file) for (student, name), file in sorted(chosen.items())]
    return Found(tuple(handed), tuple(ignored))


def _why_not(file: Path, match: re.Match | None, assignments: list[str]) -> str:
    """Why a file is no submission, "" if it is one."""
    if file.is_symlink():
        return "a link, which is not followed"
    if file.suffix in _ARCHIVES:
        return "an archive: unpack it first"
    if file.suffix != ".ipynb":
        return "not a notebook"
    if not match or match["file_id"] not in assignments:
        return f"no known assignment in its name ({', '.join(assignments)})"
    if not _STUDENT.fullmatch(match["student_id"].strip()):
        return "the student's name has characters that nbgrader cannot handle: rename it"
    if file.stat().st_size > LARGEST_BYTES:
        return f"larger than {LARGEST_BYTES // 1_000_000} MB"
    return ""


def copy(handed: Handed, submitted: Path, replaced: Path) -> None:
    """Copies a submission to nbgrader's folder; an older, different one moves to `replaced`.

    Args:
        handed: the submission.
        submitted: nbgrader's folder for this student and assignment.
        replaced: where earlier versions are kept.
    """
    target = submitted / f"{handed.assignment}.ipynb"
    if target.exists():
        if target.samefile(handed.file) or target.read_bytes() == handed.file.read_bytes():
            return
        replaced.mkdir(parents=True, exist_ok=True)
        number = 1 + len(list(replaced.glob("*.ipynb")))
        shutil.move(target, replaced / f"{handed.assignment}-{number}.ipynb")
    submitted.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(handed.file, target)
