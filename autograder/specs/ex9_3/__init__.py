"""9.3 The study, reported: a setting chosen on validation images, against controls, in pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograder.spec import AnswerError, Case, Exercise, entry
from autograder.specs.ex9_3.answers import BETTER, FEW, NONE, RIGHT_WAYS, WORSE
from autograder.specs.ex9_3.mistakes import MISTAKES
from autograder.specs.ex9_3.tables import TRAPS, table

VERDICTS = (BETTER, WORSE, NONE, FEW)
OF_ARM = ("median", "low", "high", "seeds")
OF_CONTROL = ("pairs", "median", "low", "high")
RESULT = "The result of `report`"


def cases(rng: np.random.Generator) -> list[Case]:
    found = []
    for name, trap in TRAPS.items():
        inputs = table(rng, **trap)
        # Differences of accuracies may nearly vanish.
        sizes = {"optimism": 1.0}
        sizes |= {f"{of} against {c}": 1.0 for c in inputs["controls"] for of in OF_CONTROL[1:]}
        found.append(Case(name, inputs, scale=sizes))
    return found


def call(report, runs, settings, controls):
    found = report(runs, settings, controls)
    chosen = entry(found, "chosen", RESULT)
    if chosen not in [*settings, *controls]:
        raise AnswerError(
            f"`chosen` is {chosen!r}; expected one of {', '.join(map(repr, settings))}.",
            kind="Chosen",
        )
    listed = ", ".join(settings)
    outputs = {f"chosen ({listed})": np.array([int(chosen == arm) for arm in settings])}
    of_arms, of_controls = (entry(found, key, RESULT) for key in ("arms", "against"))
    for arm in [*settings, *controls]:
        of = entry(of_arms, arm, "`arms` of the result")
        for name in OF_ARM:
            outputs[f"{name} of {arm}"] = entry(of, name, f"`arms[{arm!r}]`")
    outputs["optimism"] = entry(found, "optimism", RESULT)
    for control in controls:
        of, where = (
            entry(of_controls, control, "`against` of the result"),
            f"`against[{control!r}]`",
        )
        for name in OF_CONTROL:
            outputs[f"{name} against {control}"] = entry(of, name, where)
        verdict = entry(of, "verdict", where)
        if not isinstance(verdict, str) or verdict not in VERDICTS:
            says = ", ".join(map(repr, VERDICTS))
            raise AnswerError(f"`verdict` of {where} is {verdict!r}; expected one of {says}.")
        outputs |= _verdict(control, verdict)
    return outputs


def _verdict(control: str, verdict: str) -> dict[str, np.ndarray]:
    name = f"verdict against {control} ({', '.join(VERDICTS)})"
    return {name: np.array([int(verdict == word) for word in VERDICTS])}


def reference(runs, settings, controls):
    """Sorted lists, and the middle of them."""
    arms = [*settings, *controls]
    valid, test = (
        {arm: {r["seed"]: r[part] for r in runs if r["arm"] == arm} for arm in arms}
        for part in ("valid", "test")
    )
    middle = {arm: _middle(valid[arm].values()) for arm in settings}
    chosen = next(arm for arm in settings if middle[arm] == max(middle.values()))
    outputs = {f"chosen ({', '.join(settings)})": [int(chosen == arm) for arm in settings]}
    for arm in arms:
        values = sorted(test[arm].values())
        facts = _middle(values), values[0], values[-1], len(values)
        outputs |= {f"{name} of {arm}": fact for name, fact in zip(OF_ARM, facts, strict=True)}
    best = max(_middle(test[arm].values()) for arm in settings)
    outputs["optimism"] = best - _middle(test[chosen].values())
    for control in controls:
        common = set(test[chosen]) & set(test[control])
        d = sorted(test[chosen][seed] - test[control][seed] for seed in common)
        facts = len(d), _middle(d), d[0], d[-1]
        names = (f"{name} against {control}" for name in OF_CONTROL)
        outputs |= dict(zip(names, facts, strict=True))
        verdict = BETTER if d[0] > 0.02 else WORSE if d[-1] < -0.02 else NONE
        outputs |= _verdict(control, verdict if len(d) >= 5 else FEW)
    return {name: np.asarray(value) for name, value in outputs.items()}


def _middle(values) -> float:
    values = sorted(values)
    return (values[len(values) // 2] + values[(len(values) - 1) // 2]) / 2


def describe(inputs: Mapping[str, Any]) -> str:
    """A case in words."""
    return (
        f"{len(inputs['runs'])} runs; settings {', '.join(inputs['settings'])}; "
        f"controls {', '.join(inputs['controls'])}"
    )


EXERCISE = Exercise(
    id="9.3",
    title="Checkpoint: the study, reported",
    answers=("report",),
    shows="report(runs, settings, controls)",
    minutes=30,
    difficulty="moderate",
    points=4,
    read="Chapter 4.3, sections “How much is chance?” and “Pitfalls”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
