"""6.4 A drift score, and a threshold at a set rate of false alarms."""

from __future__ import annotations

import numpy as np

from autograder.compare import describe
from autograder.spec import AnswerError, Case, Exercise
from autograder.specs.ex6_4.answers import RIGHT_WAYS
from autograder.specs.ex6_4.mistakes import MISTAKES
from autograder.specs.ex6_4.reference import score, threshold

REFUSALS = "ValueErrors raised"


def cases(rng: np.random.Generator) -> list[Case]:
    def around(shape, mean, var, shift=0.0, spread=1.0):
        """A batch whose channels have a mean off by `shift` standard deviations, exactly, and
        `spread` times the running variance."""
        axes = (0, *range(2, len(shape)))
        column = (-1, *[1] * (len(shape) - 2))
        z = rng.normal(size=shape)
        z = (z - z.mean(axes, keepdims=True)) / z.std(axes, ddof=1, keepdims=True)
        shift, spread = (np.broadcast_to(v, shape[1]).reshape(column) for v in (shift, spread))
        std = np.sqrt(var).reshape(column)
        return mean.reshape(column) + std * (shift + np.sqrt(spread) * z)

    def batch(name, shape, eps=1e-5, dead=None, **off):
        c = shape[1]
        mean, var = rng.normal(size=c), rng.uniform(0.3, 3, c)
        x = around(shape, mean, var, **off)
        if dead is not None:
            mean[dead] = var[dead] = 0.0
            x[:, dead] = 0.0
        return Case(name, dict(x=x, running_mean=mean, running_var=var, eps=eps))

    def one(c, value, rest):
        """`value` for one channel, and `rest` for the others."""
        values = np.full(c, rest)
        values[rng.integers(c)] = value
        return values

    def clean(name, n, rate):
        scores = rng.gamma(4, size=n) + np.linspace(0, 1, n)
        return Case(name, dict(scores=rng.permutation(scores), rate=rate))

    return [
        batch("rows, all means too low", (12, 4), shift=-rng.uniform(1, 1.4), spread=1.8),
        batch("one channel of 7 has a mean too high", (20, 7), shift=one(7, 0.8, 0.05)),
        batch("the variance is too small, the means are right", (30, 3), spread=0.2),
        batch("images, one channel of 5 spread too far", (3, 5, 2, 4), spread=one(5, 4.0, 1.1)),
        batch("signals, means off, eps 0.5", (4, 3, 6), eps=0.5, shift=one(3, -1.0, 0.3)),
        batch("a channel that is 0 and always was", (9, 4), dead=2, shift=0.4),
        batch("two samples", (2, 3), spread=one(3, 9.0, 0.9), shift=0.05),
        clean("40 clean scores, 10 %", 40, 0.1),
        clean("26 clean scores, 15 %", 26, 0.15),
        clean("97 clean scores, 3 %", 97, 0.03),
        clean("7 clean scores, 12.5 %: the least that will do", 7, 0.125),
        clean("6 clean scores, 12.5 %: one too few", 6, 0.125),
    ]


def call(drift_score, drift_threshold, **inputs):
    if "scores" in inputs:
        try:
            found = drift_threshold(inputs["scores"], inputs["rate"])
        except ValueError as error:
            if _by_numpy(error):
                raise
            if threshold(**inputs) is not None:
                said = f", with “{error}”" if str(error) else ""
                raise AnswerError(
                    f"It refused{said}. But {len(inputs['scores'])} scores are enough "
                    f"for a rate of {inputs['rate']}: some k holds it.",
                    kind="Refused",
                    slip="enough scores",
                ) from error
            return {REFUSALS: 1}
        except IndexError as error:
            raise AnswerError(
                f"It looked for a score that is not there ({error}). The k-th smallest of n sorted "
                "scores has the index k − 1; if k > n, raise a ValueError.",
                kind="IndexError",
                slip="beyond the last score",
            ) from error
        return {"threshold": _number(found, "drift_threshold"), REFUSALS: 0}
    return {"score": _number(drift_score(**inputs), "drift_score")}


def _by_numpy(error: ValueError) -> bool:
    """Whether the error comes from a slip with shapes: no refusal."""
    return any(words in str(error) for words in ("broadcast", "shape", "axis", "dimension"))


def _number(value, name: str) -> float:
    """The one number that was returned.

    Raises:
        AnswerError: it is something else.
    """
    if value is None:
        raise AnswerError(f"`{name}` returned None (is the return missing?).", kind="None")
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise AnswerError(
            f"`{name}` returned {describe(value)}; expected one number.", kind="NotANumber"
        )
    return float(array.reshape(()))


def reference(**inputs):
    if "scores" in inputs:
        found = threshold(**inputs)
        return {REFUSALS: 1} if found is None else {"threshold": found, REFUSALS: 0}
    return {"score": score(**inputs)}


EXERCISE = Exercise(
    id="6.4",
    title="A drift alarm at a set rate",
    answers=("drift_score", "drift_threshold"),
    shows="drift_score(x, running_mean, running_var, eps), or drift_threshold(scores, rate)",
    minutes=30,
    difficulty="moderate",
    points=4,
    read="Chapter 6.2, section “An alarm with a known rate”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
