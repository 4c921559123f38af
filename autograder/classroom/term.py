"""The whole round for a class: collect, grade, give feedback, export, say what happened."""

from __future__ import annotations

import logging
import os
import shutil
import time
import warnings
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, PyFileConfigLoader
from traitlets.log import get_logger

from autograder.classroom import kernels
from autograder.classroom.export import MarksCsv, happened, marks
from autograder.classroom.exporter import NoSeed
from autograder.classroom.intake import LAYOUTS, Found, Handed, copy, find
from autograder.classroom.names import item_of
from autograder.classroom.table import Line
from autograder.front import MissingSeed, secret_seed
from autograder.release import source_notebook
from autograder.source import ROOT, sources


class CannotGrade(RuntimeError):
    """Nothing was graded; the message says why and what to do."""


@dataclass(frozen=True)
class Report:
    """What a round did.

    Attributes:
        lines: one per submission.
        most: for each assignment, the points of its exercises.
        found: the submissions and the files that were ignored.
        grades: the exported marks.
        feedback: the folder of feedback pages.
        log: nbgrader's messages.
        seconds: per submission, in the order of `lines`.
    """

    lines: tuple[Line, ...]
    most: dict[str, dict[str, float]]
    found: Found
    grades: Path
    feedback: Path
    log: Path
    seconds: tuple[float, ...]


class Term:
    """A course folder with its gradebook, as `nbgrader_config.py` sets it up."""

    def __init__(self, root: Path = ROOT):
        """Reads the settings of the course in `root`."""
        loader = PyFileConfigLoader("nbgrader_config.py", path=str(root))
        self.config: Config = loader.load_config()
        self.config.RunNotebook.ahead = True
        self.courses = CourseDirectory(config=self.config)
        self.root = root
        self.home = root / "gradebook"

    def grade(self, folder: Path, only: str = "", progress=iter) -> Report:
        """Grades every submission in a folder.

        Args:
            folder: submissions as downloaded, in one of the layouts of `intake`.
            only: an assignment, or "" for all.
            progress: wraps the submissions, to show how far the round is.

        Raises:
            CannotGrade: the input is not such that anything could be graded.
        """
        found = self._collected(folder, only)
        with _logged(self.home / "grading.log"):
            for name in sorted({handed.assignment for handed in found.submissions}):
                self._register(name)
            lines, seconds = [], []
            for handed in progress(found.submissions):
                start = time.perf_counter()
                lines.append(self._grade_one(handed))
                seconds.append(time.perf_counter() - start)
            grades = self.home / "grades.csv"
            with self._gradebook() as book:
                exporter = MarksCsv(config=self.config)
                exporter.to = str(grades)
                exporter.export(book)
                names = {line.assignment for line in lines}
                most = {name: _points(book, name) for name in names}
        return Report(
            tuple(lines),
            most,
            found,
            grades,
            self.root / self.courses.feedback_directory,
            self.home / "grading.log",
            tuple(seconds),
        )

    def _collected(self, folder: Path, only: str) -> Found:
        """Checks the input and copies the submissions."""
        known = [path.stem for path in sources(self.root)]
        if only and only not in known:
            raise CannotGrade(f"There is no assignment {only!r}. Assignments: {', '.join(known)}.")
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise CannotGrade(f"The folder {folder} {what}. Name the folder with the submissions.")
        try:
            secret_seed()
        except MissingSeed as missing:
            raise CannotGrade(f"Nothing was graded. {missing}") from None
        pattern = self.config.FileNameCollectorPlugin.named_regexp
        found = find(folder, pattern, [only] if only else known)
        if not found.submissions:
            left_out = "".join(f"\n  {file}: {why}" for file, why in found.ignored)
            raise CannotGrade(
                f"There is no submission in {folder}. Files should be named like this, with "
                f"ASSIGNMENT one of {', '.join(known)}:\n{LAYOUTS}"
                + (f"\nIgnored:{left_out}" if left_out else "\nThe folder is empty.")
            )
        for handed in found.submissions:
            place = Path(handed.student) / handed.assignment
            submitted = self.root / self.courses.submitted_directory / place
            copy(handed, submitted, self.home / "replaced" / place)
        return found

    def _register(self, assignment: str) -> None:
        """Tells the gradebook what the assignment consists of, hidden tests included.

        The release that nbgrader writes on the way goes to the gradebook's folder:
        an instructor may have been working in exercises/.
        """
        path = next(p for p in sources(self.root) if p.stem == assignment)
        made = nbformat.writes(source_notebook(path)) + "\n"
        notebook = path.with_suffix(".ipynb")
        if not notebook.exists() or notebook.read_text(encoding="utf8") != made:
            notebook.write_text(made, encoding="utf8")
        with _set(self.courses, assignment_id=assignment, release_directory="gradebook/release"):
            step = GenerateAssignment(coursedir=self.courses, config=self.config)
            step.force = True
            try:
                step.start()
            except Exception as error:
                raise CannotGrade(
                    f"The gradebook did not accept {assignment}; nbgrader says why at the end of "
                    f"{self.home / 'grading.log'}. If exercises were added or removed since it was "
                    f"first graded: rename the folder {self.home} and grade again."
                ) from error

    def _grade_one(self, handed: Handed) -> Line:
        """Grades one submission and writes its feedback."""
        student, assignment = handed.student, handed.assignment
        problem = ""
        with _set(self.courses, assignment_id=assignment, student_id=student):
            for step in (Autograde, GenerateFeedback):
                converter = step(coursedir=self.courses, config=self.config)
                converter.force = True
                try:
                    converter.start()
                except NoSeed as missing:
                    raise CannotGrade(str(missing)) from None
                except Exception as error:
                    problem = f"not graded: {error}"
                    get_logger().exception("%s, %s", student, assignment)
                    break
        with self._gradebook() as book:
            if problem:
                self._forget(book, handed)
                return Line(student, assignment, {}, problem)
            points = marks(book, assignment, student)
            what = happened(book, self.courses, assignment, student)
        return Line(student, assignment, points if what.graded else {}, what.words)

    def _forget(self, book: Gradebook, handed: Handed) -> None:
        """Withdraws the marks and feedback of an earlier version of a submission."""
        try:
            submission = book.find_submission(handed.assignment, handed.student)
        except MissingEntry:
            return
        for grade in (grade for notebook in submission.notebooks for grade in notebook.grades):
            grade.auto_score, grade.needs_manual_grade = None, True
        book.db.commit()
        folder = self.root / self.courses.feedback_directory / handed.student / handed.assignment
        shutil.rmtree(folder, ignore_errors=True)

    def _gradebook(self) -> Gradebook:
        return Gradebook(self.courses.db_url, self.courses.course_id)


def _points(book: Gradebook, assignment: str) -> dict[str, float]:
    cells = [cell for n in book.find_assignment(assignment).notebooks for cell in n.grade_cells]
    return {item_of(cell.name): cell.max_score for cell in cells if item_of(cell.name)}


@contextmanager
def _set(target: object, **values: str) -> Iterable[None]:
    """Sets attributes for a while."""
    before = {name: getattr(target, name) for name in values}
    for name, value in values.items():
        setattr(target, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(target, name, value)


@contextmanager
def _logged(file: Path) -> Iterable[None]:
    """Sends nbgrader's messages to a file instead of the terminal."""
    file.parent.mkdir(parents=True, exist_ok=True)
    logger = get_logger()
    handler = logging.FileHandler(file, encoding="utf8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level, spreads = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    here = os.getcwd()
    try:
        with warnings.catch_warnings():
            # nbgrader's own way with its database; nothing an instructor can act on.
            warnings.simplefilter("ignore", SAWarning)
            yield
    finally:
        kernels.stop()
        os.chdir(here)
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = spreads
        handler.close()
