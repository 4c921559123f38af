"""Runs an answer on the cases of an exercise and says what is wrong with it."""

from __future__ import annotations

import copy
import hashlib
import linecache
import os
import sysconfig
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import bnlab
from autograder.compare import Difference, as_numbers, describe, difference
from autograder.limits import TimeLimit, one_thread, time_limit
from autograder.spec import AnswerError, Case, Exercise, Measured, Mistake
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
    kind: str = ""  # exception type, to compare with mistakes that raise
    line: str = ""  # the learner's own line that raised
    changed: tuple[str, ...] = ()  # inputs that were modified


def generator(seed: str, exercise_id: str) -> np.random.Generator:
    """The generator that draws an exercise's cases; any text is a seed."""
    digest = hashlib.sha256(f"{seed}\n{exercise_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))


@one_thread
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
    cases = exercise.cases(generator(seed, exercise.id))
    wanted = [_reference(exercise, case) for case in cases]
    outcomes = run_cases(exercise, answers, cases)
    failures = [
        _failure(exercise, case, outcome, want)
        for case, outcome, want in zip(cases, outcomes, wanted, strict=True)
    ]
    wrong = [f for f in failures if f]
    looks_like = _diagnose(exercise, cases, outcomes, wanted) if wrong else []
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

    After the limit, the remaining cases count as out of time as well.
    """
    for name, answer in zip(exercise.answers, answers, strict=True):
        if not callable(answer):
            says = f"`{name}` is {describe(answer)}, not something that can be called. Define it in the cell above and run that cell."
            return [Outcome(error=says, kind="NotCallable") for _ in cases]
    outcomes: list[Outcome] = []
    try:
        with time_limit(exercise.seconds), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for case in cases:
                outcomes.append(_run(exercise, answers, case))
    except TimeLimit as limit:
        line = learners_line(limit)
        says = f"It was still running after {exercise.seconds:g} s and was stopped. Is there a loop that never ends?"
        rest = len(cases) - len(outcomes)
        outcomes += [Outcome(error=says, kind="TimeLimit", line=line) for _ in range(rest)]
    return outcomes


def _run(exercise: Exercise, answers: tuple[Any, ...], case: Case) -> Outcome:
    inputs = copy.deepcopy(dict(case.inputs))
    try:
        outputs = exercise.call(*answers, **inputs)
        # Copies: an answer may hand back the same buffer for every case.
        outputs = {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in outputs.items()}
    except (KeyboardInterrupt, TimeLimit):
        raise
    except AnswerError as wrong:
        return Outcome(error=str(wrong), kind="AnswerError")
    except BaseException as error:  # SystemExit and friends too: nothing may stop the grading
        return Outcome(
            error=_explain(error, exercise), kind=type(error).__name__, line=learners_line(error)
        )
    changed = tuple(k for k in inputs if not _same(inputs[k], case.inputs[k]))
    return Outcome(outputs=outputs, changed=changed)


def _explain(error: BaseException, exercise: Exercise) -> str:
    if isinstance(error, NotImplementedError):
        names = " or ".join(f"`{n}`" for n in exercise.answers)
        return f"Not written yet: {names} still raises NotImplementedError. Start with the hint."
    if isinstance(error, SystemExit):
        return "It called `exit()` or `sys.exit()`. Return a result instead."
    text = " ".join(str(error).split())
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


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
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
        inputs=_describe_inputs(case.inputs),
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


def _diagnose(exercise, cases, outcomes, wanted):
    """The mistakes that an answer agrees with.

    First a mistake that does the same in every case and every output; failing
    that, one per wrong output, so that two independent slips are both named.
    """
    for mistake in exercise.mistakes:
        if _does_the_same(exercise, mistake, cases, outcomes):
            return [mistake]
    if any(o.error or o.changed for o in outcomes):
        return []
    runs = [(m, run_cases(exercise, m.answers, cases)) for m in exercise.mistakes]
    named = []
    for output in dict.fromkeys(name for want in wanted for name in want):
        if _output_is(output, cases, outcomes, wanted):
            continue
        for mistake, theirs in runs:
            if any(t.error for t in theirs) or not _output_is(
                output, cases, outcomes, [t.outputs for t in theirs]
            ):
                continue
            if mistake not in named:
                named.append(mistake)
            break
    return named


def _does_the_same(exercise: Exercise, mistake: Mistake, cases, outcomes) -> bool:
    """Whether a mistake agrees in every case; it runs no further than the first that differs."""
    return all(
        _agrees(case, outcome, *run_cases(exercise, mistake.answers, [case]))
        for case, outcome in zip(cases, outcomes, strict=True)
    )


def _output_is(output: str, cases, outcomes, others) -> bool:
    """Whether one output agrees with the other side in every case that has it."""
    return all(
        _numbers_agree(case, output, outcome.outputs, other)
        for case, outcome, other in zip(cases, outcomes, others, strict=True)
        if output in other
    )


def _agrees(case: Case, mine: Outcome, theirs: Outcome) -> bool:
    if mine.error or theirs.error:
        # A mistake that raises is recognised by what it raises, whatever the order
        # of the shapes in it (a * b or b * a). But an answer that is not written
        # yet or never ends is no mistake of that kind.
        words = sorted(mine.error.split()), sorted(theirs.error.split())
        same = mine.kind == theirs.kind and words[0] == words[1]
        return same and mine.kind not in ("NotImplementedError", "TimeLimit")
    if mine.changed != theirs.changed or mine.outputs.keys() != theirs.outputs.keys():
        return False
    return all(_numbers_agree(case, k, mine.outputs, theirs.outputs) for k in theirs.outputs)


def _numbers_agree(case: Case, name: str, mine: Mapping, theirs: Mapping) -> bool:
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
