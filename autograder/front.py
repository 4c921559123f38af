"""The front door: `check` for learners, `grade` for the hidden cells of a class."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

from autograder.judge import judge
from autograder.registry import exercise, exercises
from autograder.spec import Exercise
from autograder.verdict import Verdict

PUBLIC_SEED = "public"
SEED_VARIABLE = "BATCHNORM_SECRET_SEED"
SEED_FILE = Path(__file__).resolve().parent.parent / ".secret_seed"
SHORTEST_SEED = 8
MARKS_TYPE = "application/vnd.batchnorm-inside-out.marks+json"


def _warm_up() -> None:
    """Loads what the references need, so that the first check is as quick as the next:
    PyTorch, and the half second of modules that it imports with its first gradient."""
    import torch

    exercises()
    leaf = torch.ones(1, requires_grad=True)
    torch.autograd.grad(leaf.sum(), leaf, torch.ones(()))


if "ipykernel" in sys.modules:  # in a notebook; nbgrader's commands need not wait for this
    _warm_up()


class NotPassed(AssertionError):
    """Raised under `nbgrader validate`, where a failing check must be an error."""


class MissingSeed(RuntimeError):
    """There is no secret seed to draw the hidden cases from."""


def check(id: str, *answers: Any) -> Verdict:
    """Checks an answer on the public cases of an exercise.

    Args:
        id: the exercise, "2.1".
        answers: what you wrote: the functions or classes that the exercise
            names, in that order.

    Returns:
        A verdict; a notebook shows it when the call is the last line of a cell.

    Raises:
        LookupError: there is no such exercise.
        TypeError: the number of answers is wrong.
    """
    spec = exercise(id)
    _count(spec, answers, "check")
    verdict = judge(spec, answers, PUBLIC_SEED)
    if os.environ.get("NBGRADER_EXECUTION") == "validate" and not verdict.ok:
        raise NotPassed(str(verdict))
    return verdict


class Marks(float):
    """Points for an exercise: nbgrader reads the number, people read the verdict.

    The third form, under `MARKS_TYPE`, is for grading a class: what happened, as data.
    """

    verdict: Verdict

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        verdict = self.verdict
        facts = {
            "exercise": verdict.exercise,
            "points": float(self),
            "passed": verdict.passed,
            "total": verdict.total,
            "mistakes": list(verdict.mistakes),
            "kinds": sorted({f.kind for f in verdict.failures if f.kind}),
        }
        html = verdict._repr_html_()
        return {"text/plain": repr(float(self)), "text/html": html, MARKS_TYPE: facts}


def grade(id: str, *answers: Any) -> Marks:
    """Marks an answer on hidden cases: the exercise's points times the share of cases passed.

    Raises:
        MissingSeed: no secret seed is set.
        LookupError, TypeError: as for `check`.
    """
    spec = exercise(id)
    _count(spec, answers, "grade")
    seed = secret_seed()
    # nbgrader takes any text on stderr for a failure, and a right answer may warn.
    with contextlib.redirect_stderr(io.StringIO()):
        verdict = judge(spec, answers, seed)
    marks = Marks(round(spec.points * verdict.share, 2))
    marks.verdict = verdict
    return marks


def secret_seed() -> str:
    """The instructor's seed, from the environment or from the ignored file.

    Raises:
        MissingSeed: neither is there, or the seed is shorter than 8 characters.
    """
    seed = os.environ.get(SEED_VARIABLE, "")
    if not seed and SEED_FILE.exists():
        seed = SEED_FILE.read_text(encoding="utf8")
    seed = seed.strip()
    if len(seed) < SHORTEST_SEED:
        problem = "is missing" if not seed else f"is shorter than {SHORTEST_SEED} characters"
        raise MissingSeed(
            f"The secret seed for hidden tests {problem}. Set the environment variable {SEED_VARIABLE}, "
            f"or write a line of random text to {SEED_FILE.name} in the course folder "
            '(python -c "import secrets; print(secrets.token_hex(16))" > .secret_seed).'
        )
    return seed


def _count(spec: Exercise, answers: tuple[Any, ...], function: str) -> None:
    if len(answers) != len(spec.answers):
        call = f'{function}("{spec.id}", {", ".join(spec.answers)})'
        raise TypeError(
            f"Exercise {spec.id} takes {len(spec.answers)} answer(s); call it as {call}."
        )
