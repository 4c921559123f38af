"""7.3 Checkpoint: what the numbers of two arms say."""

from __future__ import annotations

import numpy as np

from autograder.spec import AnswerError, Case, Exercise, entry
from autograder.specs.ex7_3.answers import RIGHT_WAYS
from autograder.specs.ex7_3.mistakes import MISTAKES
from autograder.specs.ex7_3.tables import ARMS, TABLES, drawn, verdict

ANSWERS = ("bn", "plain", "cannot tell")
OF_AN_ARM = ("rate", "median", "low", "high")


def cases(rng: np.random.Generator) -> list[Case]:
    return [Case(name, {"results": drawn(rng, *table)}) for name, table in TABLES.items()]


def call(report, results):
    return _unpacked(report(results))


def reference(results):
    return {name: np.asarray(value) for name, value in _unpacked(verdict(results)).items()}


def _unpacked(found):
    """A report as named arrays."""
    outputs = {}
    for arm in ARMS:
        of_arm = entry(found, arm, "The report")
        for name in OF_AN_ARM:
            outputs[f"{name} of {arm}"] = entry(of_arm, name, f"`report(results)[{arm!r}]`")
    for name in ("difference", "standard_error"):
        outputs[name] = entry(found, name, "The report")
    answer = entry(found, "answer", "The report")
    if not isinstance(answer, str) or answer not in ANSWERS:
        names = ", ".join(map(repr, ANSWERS))
        raise AnswerError(f"`answer` is {answer!r:.60}; expected one of {names}.")
    return outputs | {
        f"answer is {name!r}: 1 or 0": np.array(int(name == answer)) for name in ANSWERS
    }


def describe(inputs):
    results = inputs["results"]
    rates = ", ".join(f"{rate:g}" for rate in results["rates"])
    return (
        f"rates {rates}; {results['valid']['bn'].shape[1]} seeds; {results['images']} test images"
    )


EXERCISE = Exercise(
    id="7.3",
    title="Checkpoint: what the numbers say",
    answers=("report",),
    shows="report(results)",
    minutes=30,
    difficulty="demanding",
    points=4,
    read="Chapter 4.3, section “How much is chance?”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
