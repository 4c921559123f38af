"""What an exercise is: cases, reference, tolerance and named mistakes.

One `Exercise` serves the learner's `check`, the hidden tests of a class, the
mutation test of the grader and the table of scores in the book.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Answers may compute in single precision: 64 roundings of it are forgiven,
# times the condition number of the case.
SINGLE_ROUNDOFF = 2.0**-23
FORGIVEN_ROUNDINGS = 64


class AnswerError(Exception):
    """The answer is, returned or did something the exercise did not ask for.

    Attributes:
        kind: what happened, for the instructor's table.
        slip: what answers with the same mistake have in common, where that is not the
            message: "out of bounds: load of global memory", without names and numbers.
        line: the learner's own line, "line 7: y[i] = x[i];", or "".
    """

    def __init__(self, message: str, *, kind: str = "AnswerError", slip: str = "", line: str = ""):
        super().__init__(message)
        self.kind, self.slip, self.line = kind, slip, line


@dataclass(frozen=True)
class Measured:
    """An output that is measured and passes up to a limit: the reference's value.

    Args:
        amount: what was measured.
        says: a sentence to the learner, for when the amount is over the limit.
        kind: what made it too large, "" when nothing did. Answers of the same
            kind make the same mistake, whatever their amounts.
    """

    amount: float
    says: str
    kind: str


@dataclass(frozen=True)
class Runs:
    """An output of several runs of the same case; each must be right.

    Args:
        arrays: the output of each run, by what is special about it, as a learner reads it
            ("with the warps in another order"); "" for the first.
    """

    arrays: Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One set of inputs.

    Args:
        name: what the case is about, shown to the learner ("one channel, C = 1").
        inputs: keyword arguments of `Exercise.call` and `Exercise.reference`.
        condition: how much the problem amplifies a rounding of its inputs
            (see `condition_number`).
        scale: per output, the size errors are measured against where that is
            larger than the largest expected value; for outputs that nearly
            vanish by cancellation, such as dx of a batch of two.
    """

    name: str
    inputs: Mapping[str, Any]
    condition: float = 1.0
    scale: Mapping[str, float] = field(default_factory=dict)

    @property
    def tolerance(self) -> float:
        """Largest error that passes, relative to the size of the output."""
        return FORGIVEN_ROUNDINGS * SINGLE_ROUNDOFF * self.condition


@dataclass(frozen=True)
class Mistake:
    """A wrong implementation that learners write, and what to tell them.

    Args:
        name: short and unique within the exercise ("biased running variance").
        says: one or two sentences to the learner: what it looks like and why
            it is wrong.
        answers: the wrong implementation, one object per name in
            `Exercise.answers`.
    """

    name: str
    says: str
    answers: tuple[Any, ...]


@dataclass(frozen=True)
class Exercise:
    """An exercise, specified once.

    Args:
        id: part and number, "2.1".
        title: as in the notebook's heading.
        answers: names of what the learner writes, in the order of `check`.
        shows: the call as a learner would write it, shown in verdicts.
        minutes: time it takes most learners.
        difficulty: in words: "gentle", "moderate", "demanding", "stretch".
        points: marks in a class.
        read: where to read again, "Chapter 2.1, section “…”".
        cases: draws the cases from a random generator. Same generator state,
            same cases.
        call: runs the answers on a copy of a case's inputs; returns a dict of
            named arrays. It raises `AnswerError` for a result of the wrong form.
        reference: the right outputs, from an implementation that is not the
            worked solution's; same inputs, same names.
        mistakes: wrong answers with their diagnosis.
        right_ways: other right answers, which must pass; name to answers.
        seconds: time limit of one check.
        accepts: looks at an answer, given its name and the answer, before any case and outside the
            time limit. It raises `AnswerError` for one that cannot be judged. For answers that are
            sources; None: answers are called, so they must be callable.
        describe: a case's inputs in words. None: shapes, dtypes and values.
    """

    id: str
    title: str
    answers: tuple[str, ...]
    shows: str
    minutes: int
    difficulty: str
    points: int
    read: str
    cases: Callable[[np.random.Generator], list[Case]]
    call: Callable[..., dict[str, Any]]
    reference: Callable[..., dict[str, Any]]
    mistakes: tuple[Mistake, ...]
    right_ways: Mapping[str, tuple[Any, ...]]
    seconds: float = 2.0
    accepts: Callable[[str, Any], None] | None = None
    describe: Callable[[Mapping[str, Any]], str] | None = None


def condition_number(x: np.ndarray, axis=0, eps: float = 1e-5) -> float:
    """Condition of the batch statistics of x: the largest sqrt(1 + mean²/(var + eps)).

    Args:
        x: any shape, float.
        axis: axis or axes of the statistics.
        eps: added to the variance, as in the normalisation.

    Source: Chan, Golub & LeVeque, "Algorithms for computing the sample
    variance", The American Statistician 37(3), 1983 (with eps = 0).
    """
    x = np.asarray(x, dtype=np.float64)
    mean, var = x.mean(axis), x.var(axis)
    return float(np.sqrt(1 + mean**2 / (var + eps)).max())


def returned(value: Any, names: tuple[str, ...], what: str) -> tuple[Any, ...]:
    """Unpacks a tuple result, or says what was expected instead.

    Raises:
        AnswerError: `value` is not a tuple or list of `len(names)` items.
    """
    if isinstance(value, (tuple, list)) and len(value) == len(names):
        return tuple(value)
    if isinstance(value, (tuple, list)):
        got = f"{len(value)} values"
    else:
        got = "None (is the return missing?)" if value is None else f"one {type(value).__name__}"
    raise AnswerError(f"{what} returned {got}; expected {len(names)}: {', '.join(names)}.")


def entry(mapping: Any, key: str, what: str) -> Any:
    """Takes one named entry of a returned dict, or says that it is missing.

    Raises:
        AnswerError: `mapping` is not a dict or has no such key.
    """
    if not isinstance(mapping, Mapping):
        raise AnswerError(f"{what} should be a dict, but is {type(mapping).__name__}.")
    if key not in mapping:
        raise AnswerError(f"{what} has no entry {key!r}; it has {sorted(map(str, mapping))}.")
    return mapping[key]


def attribute(instance: Any, name: str, what: str) -> Any:
    """Takes an attribute of an instance of the learner's class, or says that it is missing.

    Raises:
        AnswerError: there is no such attribute.
    """
    if not hasattr(instance, name):
        raise AnswerError(f"{what} has no attribute `{name}`. Set `self.{name}` in `__init__`.")
    return getattr(instance, name)
