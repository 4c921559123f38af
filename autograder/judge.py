"""Runs an answer on the cases of an exercise and says what is wrong with it."""

from __future__ import annotations

import copy
import hashlib
import linecache
import os
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import bnlab
from autograder.compare import Difference, describe, difference, kept
from autograder.diagnosis import diagnose
from autograder.limits import TimeLimit, one_thread, own_settings, time_limit
from autograder.spec import AnswerError, Case, Exercise, Mistake
from autograder.verdict import Failure, Verdict

_NOT_THE_LEARNERS = tuple(
    os.path.realpath(p)
    for p in (
        os.path.dirname(__file__),
        os.path.dirname(bnlab.__file__),
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
    )
)


@dataclass
class Outcome:
    """What happened when an answer met a case."""

    outputs: dict[str, Any] = field(default_factory=dict)
    error: str = ""  # why there are no outputs, for the learner
    kind: str = ""  # what stopped it: the exception's type, or an AnswerError's own kind
    slip: str = ""  # what a mistake must share with it, where that is not the error's words
    line: str = ""  # the learner's own line that raised
    changed: tuple[str, ...] = ()  # inputs that were modified


def generator(seed: str, exercise_id: str) -> np.random.Generator:
    """The generator that draws an exercise's cases; any text is a seed."""
    digest = hashlib.sha256(f"{seed}\n{exercise_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))


def judge(exercise: Exercise, answers: tuple[Any, ...], seed: str) -> Verdict:
    """Judges answers on the cases that `seed` draws.

    Args:
        exercise: the specification.
        answers: one object per name in `exercise.answers`; anything at all.
        seed: any text.

    Returns:
        A verdict; it never raises for what the answer does. KeyboardInterrupt
        (the learner's stop button) passes through.
    """
    return Trial(exercise, seed).judge(answers)


class Trial:
    """The cases that a seed draws, with all that does not depend on the answer judged.

    Several answers judged in one trial share the references, and the runs of the
    mistakes that they are compared with.
    """

    @one_thread
    @own_settings()
    def __init__(self, exercise: Exercise, seed: str):
        self.exercise = exercise
        self.cases = exercise.cases(generator(seed, exercise.id))
        self.wanted = [_reference(exercise, case) for case in self.cases]
        self._met: dict[tuple[str, int], Outcome] = {}

    def meet(self, mistake: Mistake, number: int) -> Outcome:
        """What happens when a mistake meets a case."""
        key = mistake.name, number
        if key not in self._met:
            [self._met[key]] = run_cases(self.exercise, mistake.answers, [self.cases[number]])
        return self._met[key]

    @one_thread
    @own_settings()
    def judge(self, answers: tuple[Any, ...]) -> Verdict:
        """As the function `judge`."""
        exercise, cases = self.exercise, self.cases
        outcomes = run_cases(exercise, answers, cases)
        failures = [
            _failure(exercise, case, outcome, want)
            for case, outcome, want in zip(cases, outcomes, self.wanted, strict=True)
        ]
        wrong = [f for f in failures if f]
        looks_like = diagnose(self, outcomes) if wrong else []
        return Verdict(
            exercise=exercise.id,
            title=exercise.title,
            shows=exercise.shows,
            passed=len(cases) - len(wrong),
            total=len(cases),
            failures=tuple(wrong),
            looks_like=tuple(m.says for m in looks_like),
            mistakes=tuple(m.name for m in looks_like),
            read=exercise.read,
        )


def run_cases(exercise: Exercise, answers: tuple[Any, ...], cases: list[Case]) -> list[Outcome]:
    """Runs the answers on every case within the exercise's time limit.

    After the limit, or after a kernel that the lab had to stop, the remaining cases count as
    out of time as well.
    """
    accepts = exercise.accepts or _callable
    try:
        for name, answer in zip(exercise.answers, answers, strict=True):
            accepts(name, answer)
    except AnswerError as wrong:
        return [_stopped(wrong) for _ in cases]
    outcomes: list[Outcome] = []
    try:
        with time_limit(exercise.seconds):
            for case in cases:
                stopped = outcomes and outcomes[-1].kind == "LimitReached"
                outcomes.append(outcomes[-1] if stopped else _run(exercise, answers, case))
    except TimeLimit as limit:
        line = learners_line(limit)
        says = f"It was still running after {exercise.seconds:g} s and was stopped. Is there a loop that never ends?"
        rest = len(cases) - len(outcomes)
        outcomes += [Outcome(error=says, kind="TimeLimit", line=line) for _ in range(rest)]
    return outcomes


def _callable(name: str, answer: Any) -> None:
    if not callable(answer):
        says = f"`{name}` is {describe(answer)}, not something that can be called. Define it in the cell above and run that cell."
        raise AnswerError(says, kind="NotCallable")


def _stopped(wrong: AnswerError) -> Outcome:
    return Outcome(error=str(wrong), kind=wrong.kind, slip=wrong.slip, line=wrong.line)


def _run(exercise: Exercise, answers: tuple[Any, ...], case: Case) -> Outcome:
    inputs = copy.deepcopy(dict(case.inputs))
    try:
        outputs = exercise.call(*answers, **inputs)
        # Copies: an answer may hand back the same buffer for every case.
        outputs = {name: kept(value) for name, value in outputs.items()}
    except (KeyboardInterrupt, TimeLimit):
        raise
    except AnswerError as wrong:
        return _stopped(wrong)
    except BaseException as error:  # SystemExit and friends too: nothing may stop the grading
        if exercise.accepts:  # a source: none of the learner's Python ran
            what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            says = (
                f"The CUDA lab failed on this source ({what}). That is its fault; please report it."
            )
            return Outcome(error=says, kind="LabFailure")
        return Outcome(
            error=_explain(error, exercise), kind=type(error).__name__, line=learners_line(error)
        )
    return Outcome(outputs=outputs, changed=_changed(inputs, case.inputs))


def _explain(error: BaseException, exercise: Exercise) -> str:
    if isinstance(error, NotImplementedError):
        names = " or ".join(f"`{n}`" for n in exercise.answers)
        return f"Not written yet: {names} still raises NotImplementedError. Start with the hint."
    if isinstance(error, SystemExit):
        return "It called `exit()` or `sys.exit()`. Return a result instead."
    try:
        text = " ".join(str(error).split())
    except Exception:  # the learner's own exception class cannot say what it is
        text = ""
    return (
        f"It raised {type(error).__name__}: {text[:300]}"
        if text
        else f"It raised {type(error).__name__}."
    )


def learners_line(error: BaseException) -> str:
    """The innermost line of the learner's own code in a traceback, or ''."""
    found = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        inside = os.path.realpath(name).startswith(_NOT_THE_LEARNERS)
        if not inside and not name.startswith("<frozen"):
            source = linecache.getline(name, trace.tb_lineno, trace.tb_frame.f_globals).strip()
            if source:
                found = f"line {trace.tb_lineno}: {source}"
        trace = trace.tb_next
    return found


def _changed(inputs: Mapping, before: Mapping) -> tuple[str, ...]:
    """Names of the inputs that differ from what they were; "cache['x_hat']" for an entry of a dict."""
    names: list[str] = []
    for name, was in before.items():
        now = inputs[name]
        if isinstance(was, dict) and isinstance(now, dict) and now.keys() == was.keys():
            names += [f"{name}[{k!r}]" for k in was if not _same(now[k], was[k])]
        elif not _same(now, was):
            names.append(name)
    return tuple(names)


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):  # an array in place of a number, None in place of an array
        return False
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return bool(a == b)


def _reference(exercise: Exercise, case: Case) -> dict[str, np.ndarray]:
    outputs = exercise.reference(**copy.deepcopy(dict(case.inputs)))
    return {name: np.asarray(value) for name, value in outputs.items()}


def _differences(case: Case, outputs: Mapping, want: Mapping) -> dict[str, Difference | None]:
    return {
        name: difference(
            name, outputs.get(name), want[name], case.tolerance, case.scale.get(name, 0.0)
        )
        for name in want
    }


def _failure(exercise: Exercise, case: Case, outcome: Outcome, want: Mapping) -> Failure | None:
    problem = None
    differences: tuple[Difference, ...] = ()
    if outcome.error:
        problem = outcome.error
    elif outcome.changed:
        names = ", ".join(f"`{n}`" for n in outcome.changed)
        problem = f"It changed its input {names} in place. Work on a copy: the caller still needs the input."
    if not outcome.error:
        found = _differences(case, outcome.outputs, want)
        differences = tuple(d for d in found.values() if d)
    if not problem and not differences:
        return None
    return Failure(
        case=case.name,
        inputs=(exercise.describe or _describe_inputs)(case.inputs),
        problem=problem or "",
        line=outcome.line,
        differences=differences,
        kind=outcome.kind,
    )


def _describe_inputs(inputs: Mapping[str, Any]) -> str:
    parts = []
    for name, value in inputs.items():
        if isinstance(value, np.ndarray):
            parts.append(f"{name}: {value.dtype} {value.shape}")
        elif isinstance(value, (int, float, str, bool, tuple)):
            parts.append(f"{name} = {value!r}")
    return ", ".join(parts)
