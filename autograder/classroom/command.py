"""`python -m autograder grade FOLDER`: the round, with a progress bar and a summary."""

from __future__ import annotations

import sys
from pathlib import Path

from tqdm import tqdm

from autograder.classroom.table import summary
from autograder.classroom.term import CannotGrade, Report, Term


def grade_folder(folder: str, assignment: str = "") -> int:
    """Grades a folder, prints the summary and returns the exit status."""
    if not folder:
        print(
            "Name the folder with the submissions: make grade SUBMISSIONS=folder", file=sys.stderr
        )
        return 1
    print("Collecting the submissions …", file=sys.stderr)
    try:
        report = Term().grade(Path(folder).resolve(), assignment, _progress)
    except CannotGrade as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Run the same command again to grade the class.", file=sys.stderr)
        return 130
    print(_text(report))
    return 0


def _progress(submissions):
    bar = tqdm(submissions, unit="notebook", desc="Grading", dynamic_ncols=True)
    for handed in bar:
        bar.set_postfix_str(f"{handed.student}, {handed.assignment}")
        yield handed
    bar.set_postfix_str("")


def _text(report: Report) -> str:
    parts = [summary(report.lines, report.most)]
    if report.found.ignored:
        ignored = "\n".join(f"  {file}: {why}" for file, why in report.found.ignored)
        parts.append(f"Files that were not graded:\n{ignored}")
    parts.append(
        f"{len(report.lines)} notebooks in {sum(report.seconds):.0f} s\n"
        f"marks     {_short(report.grades)}\n"
        f"feedback  {_short(report.feedback)}\n"
        f"messages  {_short(report.log)}"
    )
    return "\n\n".join(parts)


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
