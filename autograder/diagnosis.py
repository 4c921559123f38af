"""Names the mistakes that a wrong answer agrees with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from autograder.compare import as_numbers, difference
from autograder.spec import Case, Measured, Mistake, Runs

if TYPE_CHECKING:
    from autograder.judge import Outcome, Trial

# What stops an answer, and says nothing about how it came to that: not written yet, does
# not compile, never ends, is too much for the lab.
_NO_MISTAKES = ("NotImplementedError", "CompileError", "TimeLimit", "LimitReached", "LabFailure")


def diagnose(trial: Trial, outcomes: list[Outcome]) -> list[Mistake]:
    """The mistakes that an answer agrees with.

    First a mistake that does the same in every case and every output; of several
    with the same faults, the one whose own lines were quoted for them. Failing
    that, one per wrong output, so that two independent slips are both named.
    """
    if any(outcome.kind in _NO_MISTAKES for outcome in outcomes):
        return []
    quoted = [_quote(outcome) for outcome in outcomes]
    alike = []
    for mistake in trial.exercise.mistakes:
        if _does_the_same(trial, mistake, outcomes):
            alike.append(mistake)
            if quoted == [_quote(trial.meet(mistake, n)) for n in range(len(outcomes))]:
                return [mistake]
    if alike:
        return alike[:1]
    if any(o.error or o.changed for o in outcomes):
        return []
    named = []
    for output in dict.fromkeys(name for want in trial.wanted for name in want):
        if not _is_wrong(trial, output, outcomes):
            continue
        for mistake in trial.exercise.mistakes:
            if _explains(trial, mistake, output, outcomes):
                named += [mistake] if mistake not in named else []
                break
    return named


def _does_the_same(trial: Trial, mistake: Mistake, outcomes: list[Outcome]) -> bool:
    """Whether a mistake agrees in every case; it runs no further than the first that differs."""
    return all(
        _agrees(trial.cases[number], outcome, trial.meet(mistake, number))
        for number, outcome in enumerate(outcomes)
    )


def _quote(outcome: Outcome) -> str:
    """The text of the line that was quoted, without its number."""
    return outcome.line.partition(": ")[2]


def _is_wrong(trial: Trial, output: str, outcomes: list[Outcome]) -> bool:
    """Whether an output differs from the reference in a case that has it."""
    return not all(
        _numbers_agree(case, output, outcome.outputs, want)
        for case, outcome, want in zip(trial.cases, outcomes, trial.wanted, strict=True)
        if output in want
    )


def _explains(trial: Trial, mistake: Mistake, output: str, outcomes: list[Outcome]) -> bool:
    """Whether a mistake agrees in one output, in every case that has it."""
    for number, outcome in enumerate(outcomes):
        if output not in trial.wanted[number]:
            continue
        theirs = trial.meet(mistake, number)
        if theirs.error or output not in theirs.outputs:
            return False
        if not _numbers_agree(trial.cases[number], output, outcome.outputs, theirs.outputs):
            return False
    return True


def _agrees(case: Case, mine: Outcome, theirs: Outcome) -> bool:
    if mine.error or theirs.error:
        # A mistake that raises is recognised by what it raises, whatever the order
        # of the shapes in it (a * b or b * a).
        same = (mine.kind, mine.slip) == (theirs.kind, theirs.slip)
        return same and (
            bool(mine.slip) or sorted(mine.error.split()) == sorted(theirs.error.split())
        )
    if mine.changed != theirs.changed or mine.outputs.keys() != theirs.outputs.keys():
        return False
    return all(_numbers_agree(case, k, mine.outputs, theirs.outputs) for k in theirs.outputs)


def _numbers_agree(case: Case, name: str, mine: Mapping, theirs: Mapping) -> bool:
    if isinstance(mine.get(name), Runs):
        runs, other = mine[name].arrays, theirs[name]
        others = other.arrays if isinstance(other, Runs) else dict.fromkeys(runs, other)
        return all(_numbers_agree(case, name, {name: runs[r]}, {name: others[r]}) for r in runs)
    if isinstance(mine.get(name), Measured):
        other = theirs[name]
        if isinstance(other, Measured):
            return mine[name].kind == other.kind
        return difference(name, mine[name], other, case.tolerance) is None
    a, b = as_numbers(mine.get(name)), as_numbers(theirs[name])
    if a is None or b is None or a.shape != b.shape:
        return False
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return False
    both = np.isfinite(a)
    if not both.any():
        return True
    scale = case.scale.get(name, 0.0)
    return difference(name, a[both], b[both], case.tolerance, scale) is None
