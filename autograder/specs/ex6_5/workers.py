"""6.5 Many workers in one process: what each of them hands to `all_reduce`, and what comes back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from autograder.compare import as_numbers, describe
from autograder.spec import AnswerError

MOST_CALLS = 20


class _Waits(BaseException):
    """Leaves a worker's function where it waits for the others."""


def run(function: Callable, inputs: Sequence[Mapping[str, Any]], what: str) -> list[Any]:
    """What `function(*inputs[k].values(), all_reduce)` returns on every worker k.

    The workers run one after the other. One that needs a sum which is not known yet is left
    there. Once all of them wait, the sum is known, and they start again from copies of their
    inputs: what came before takes the same course. So the learner writes an ordinary function,
    and the time limit can interrupt it.

    Raises:
        AnswerError: the workers do not call all_reduce equally often, with arrays of one shape;
            they call it without end; or a worker changes its inputs.
    """
    sums: list[np.ndarray] = []
    while True:
        results, waiting = [], {}
        for worker, given in enumerate(inputs):
            all_reduce = _AllReduce(sums, what)
            mine = copy.deepcopy(given)
            with suppress(_Waits):
                results.append(function(*mine.values(), all_reduce))
            if all_reduce.part is not None:
                waiting[worker] = all_reduce.part
            elif all_reduce.calls < len(sums):
                raise _deadlock(what, worker, all_reduce.calls, (worker + 1) % len(inputs))
            _unchanged(given, mine, what)
        if not waiting:
            return results
        if len(waiting) < len(inputs):
            done = next(k for k in range(len(inputs)) if k not in waiting)
            raise _deadlock(what, done, len(sums), next(iter(waiting)))
        sums.append(_summed(list(waiting.values()), what, len(sums) + 1))


class _AllReduce:
    """The function `all_reduce` of one worker in one run."""

    def __init__(self, sums: list[np.ndarray], what: str):
        self.sums, self.what = sums, what
        self.calls, self.part = 0, None

    def __call__(self, array):
        part = as_numbers(array)
        if part is None:
            raise AnswerError(
                f"`{self.what}` called all_reduce with {describe(array)}; expected one array of "
                "numbers. Several of them fit into one with np.stack or np.concatenate.",
                kind="NoArray",
            )
        if self.part is not None:  # the answer caught what should have left it
            raise _Waits
        if self.calls == MOST_CALLS:
            raise AnswerError(
                f"`{self.what}` called all_reduce more than {MOST_CALLS} times.", kind="TooOften"
            )
        self.calls += 1
        if self.calls <= len(self.sums):
            return self.sums[self.calls - 1].copy()[()]
        self.part = np.array(part)
        raise _Waits


def _summed(parts: list[np.ndarray], what: str, call: int) -> np.ndarray:
    shapes = [part.shape for part in parts]
    if len(set(shapes)) > 1:
        raise AnswerError(
            f"Call {call} of all_reduce in `{what}` got arrays of different shapes from the "
            f"workers: {', '.join(map(str, shapes))}. It adds them up, so they need one shape. "
            "Hand it sums per channel.",
            kind="Shapes",
            slip="shapes",
        )
    return np.sum(parts, axis=0)


def _deadlock(what: str, done: int, calls: int, waits: int) -> AnswerError:
    return AnswerError(
        f"Worker {done} left `{what}` after {calls} call(s) of all_reduce, and worker {waits} waits "
        "for it in the next one: a real run would hang. All workers call all_reduce equally often, "
        "whatever their shards hold.",
        kind="Deadlock",
        slip="deadlock",
    )


def _unchanged(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> None:
    for name, was in before.items():
        if isinstance(was, np.ndarray) and not np.array_equal(was, after[name], equal_nan=True):
            raise AnswerError(
                f"`{what}` changed its input `{name}` in place. Work on a copy: the caller still "
                "needs it.",
                kind="Changed",
            )
