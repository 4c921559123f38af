"""`python -m autograder release | grade FOLDER`: the course's commands."""

from __future__ import annotations

import argparse
import logging
import sys


def release(options: argparse.Namespace) -> int:
    """Generates the learners' notebooks."""
    from autograder import release

    release.generate()
    return 0


def grade(options: argparse.Namespace) -> int:
    """Grades a folder of submissions and prints what happened."""
    try:
        from autograder.classroom.command import grade_folder
    except ModuleNotFoundError as missing:
        print(
            f"Grading needs {missing.name}: pip install -e '.[exercises]', or use make grade.",
            file=sys.stderr,
        )
        return 1
    return grade_folder(options.folder, options.assignment)


def parser() -> argparse.ArgumentParser:
    """The command line; a further command is a further subparser."""
    main = argparse.ArgumentParser(
        prog="python -m autograder", description="The course's commands."
    )
    commands = main.add_subparsers(required=True, metavar="command")
    one = commands.add_parser("release", help="generate exercises/ from solutions/")
    one.set_defaults(run=release)
    one = commands.add_parser("grade", help="grade a class")
    one.add_argument("folder", help="the folder with the submissions, as downloaded")
    one.add_argument("--assignment", default="", help="grade this one only, e.g. 02-numpy")
    one.set_defaults(run=grade)
    return main


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chosen = parser().parse_args()
    sys.exit(chosen.run(chosen))
