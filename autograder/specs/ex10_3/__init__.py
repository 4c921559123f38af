"""10.3 The falsifier: a rule, written before the runs, that can say no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import binom

from autograder.spec import AnswerError, Case, Exercise, entry
from autograder.specs.ex10_3.answers import (
    BEATEN,
    NOT_BEATEN,
    NOT_SUPPORTED,
    OPEN,
    RIGHT_WAYS,
    SUPPORTED,
    UNDECIDED,
)
from autograder.specs.ex10_3.mistakes import MISTAKES
from autograder.specs.ex10_3.tables import TRAPS, table

MARGIN, LEVEL = 0.02, 0.05
OPINIONS, VERDICTS = (BEATEN, NOT_BEATEN, OPEN), (SUPPORTED, NOT_SUPPORTED, UNDECIDED)
RESULT = "The result of `decide`"


def cases(rng: np.random.Generator) -> list[Case]:
    return [Case(name, table(rng, **trap)) for name, trap in TRAPS.items()]


def call(decide, shifted, clean, arm, controls):
    found = decide(shifted, clean, arm, controls)
    of_each, outputs = entry(found, "controls", RESULT), {}
    for control in controls:
        where = f"`controls[{control!r}]`"
        of = entry(of_each, control, "`controls` of the result")
        for name in ("pairs", "median", "p"):
            outputs[f"{name}: {control}"] = entry(of, name, where)
        opinion = entry(of, "verdict", where)
        outputs |= _flags(opinion, OPINIONS, f"verdict: {control}", f"`verdict` of {where}")
    harmful = entry(found, "harmful", RESULT)
    if not isinstance(harmful, (bool, np.bool_)):
        raise AnswerError(f"`harmful` is {harmful!r}; expected True or False.", kind="Harmful")
    outputs["harmful"] = int(harmful)
    return outputs | _flags(entry(found, "verdict", RESULT), VERDICTS, "verdict", "`verdict`")


def _flags(value: Any, words: tuple[str, ...], name: str, what: str) -> dict[str, np.ndarray]:
    """A word as flags, 1 for the one that it is: "verdict: supported, not supported, undecided"."""
    if not isinstance(value, str) or value not in words:
        says = ", ".join(repr(word) for word in words)
        raise AnswerError(f"{what} is {value!r}; expected one of {says}.", kind="Word")
    return {f"{name} ({', '.join(words)})": np.array([int(value == word) for word in words])}


def reference(shifted, clean, arm, controls):
    """The tails from SciPy's binomial distribution."""
    outputs, opinions = {}, []
    for control in controls:
        gains = _paired(shifted, arm, control)
        n, wins = len(gains), int((gains > MARGIN).sum())
        p, q = binom.sf(wins - 1, n, 0.5), binom.sf(n - wins - 1, n, 0.5)
        opinions.append(BEATEN if p <= LEVEL else NOT_BEATEN if q <= LEVEL else OPEN)
        outputs |= {f"pairs: {control}": n, f"median: {control}": np.median(gains)}
        outputs |= {f"p: {control}": p}
        outputs |= _flags(opinions[-1], OPINIONS, f"verdict: {control}", "")
    losses = _paired(clean, arm, controls[0]) < -MARGIN
    outputs["harmful"] = int(binom.sf(losses.sum() - 1, losses.size, 0.5) <= LEVEL)
    verdict = SUPPORTED if set(opinions) == {BEATEN} else UNDECIDED
    if outputs["harmful"] or NOT_BEATEN in opinions:
        verdict = NOT_SUPPORTED
    outputs |= _flags(verdict, VERDICTS, "verdict", "")
    return {name: np.asarray(value) for name, value in outputs.items()}


def _paired(runs, arm, control):
    pairs = [[runs[who][s] for who in (arm, control)] for s in runs[control] if s in runs[arm]]
    mine, theirs = np.nan_to_num(np.array(pairs, dtype=float)).T
    return mine - theirs


def describe(inputs: Mapping[str, Any]) -> str:
    """A case in words."""
    seeds = {name: len(of) for name, of in inputs["shifted"].items()}
    listed = ", ".join(f"{name} ({n} seeds)" for name, n in seeds.items())
    return f"arm = {inputs['arm']!r}; runs under the shift: {listed}"


EXERCISE = Exercise(
    id="10.3",
    title="Checkpoint: the falsifier",
    answers=("decide",),
    shows="decide(shifted, clean, arm, controls)",
    minutes=30,
    difficulty="moderate",
    points=4,
    read="Chapter 4.3, section “How much is chance?”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
