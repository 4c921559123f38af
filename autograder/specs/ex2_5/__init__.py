"""2.5 Streaming statistics: Welford's update and Chan's merge."""

from __future__ import annotations

import copy
from math import fsum

import numpy as np

from autograder.compare import as_numbers
from autograder.spec import (
    FORGIVEN_ROUNDINGS,
    AnswerError,
    Case,
    Exercise,
    Measured,
    condition_number,
    returned,
)
from autograder.specs.ex2_5.answers import RIGHT_WAYS
from autograder.specs.ex2_5.mistakes import MISTAKES

PARTS = ("count", "mean", "m2")
STREAM = "the stream"
MERGES = ("merge(a, b)", "merge(b, a)", "merge(merge(a, b), c)", "merge(a, merge(b, c))")
# Beyond this ratio of mean to standard deviation a case is about digits: its means
# and m2 are measured against what a stable algorithm keeps in double precision.
LARGE_MEAN = 1e3


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, sizes, d=(), scale=1.0, offset=0.0, drift=0.0, dtype=np.float64):
        n = sum(sizes)
        x = scale * rng.normal(size=(n, *d)) + offset * rng.uniform(0.5, 1, size=d)
        a, b = sizes[0], sizes[0] + sizes[1]
        x[a:] += drift * scale
        x[b:] -= 3 * drift * scale
        x = x.astype(dtype)
        scales = {
            f"{part} of {what}": size
            for part, size in zip(PARTS[1:], _sizes(x), strict=True)
            for what in (STREAM, *MERGES)
        }
        return Case(name, dict(x=x, ends=(a, b)), _condition(x), scales)

    return [
        case("24 values, 5 features", (3, 13, 8), (5,), drift=0.5),
        case("one stream of numbers", (5, 9, 3)),
        case("a square block, 6 × 6", (1, 3, 2), (6,)),
        case("one feature, D = 1", (7, 5, 3), (1,)),
        case("three shards of one value", (1, 1, 1), (4,)),
        case("one shard empty", (0, 9, 6), (2,)),
        case("two shards empty", (0, 0, 8), (3,)),
        case("float32 values", (9, 14, 6), (3,), offset=2.0, dtype=np.float32),
        case("small values, mean/std about 1e5", (8, 15, 5), (3,), scale=1e-2, offset=1e3),
        case("mean/std about 1e6", (14, 9, 12), (4,), offset=1e6),
        case("shards that drift apart, mean 1e6", (12, 3, 7), (3,), offset=1e6, drift=5.0),
        case("very unequal shards, mean 1e6", (1, 30, 2), (2,), offset=1e6, drift=1.0),
        case("mean/std about 1e7, one stream of numbers", (13, 8, 17), offset=1e7),
    ]


def _condition(x):
    return condition_number(x, 0, eps=0.0)


def _sizes(x):
    """What errors of a mean and of m2 are measured against, at least."""
    return float(np.abs(x).max()), float(x.var(axis=0, dtype=np.float64).max())


def call(welford_update, merge, x, ends):
    start = state = _two_passes(x[:0])
    for value in x:
        state = returned(welford_update(*state, value), PARTS, "welford_update")
    if np.any(start[1]) or np.any(start[2]):
        raise AnswerError(
            "`welford_update` changed the arrays it was given (`mean += …` works in place). "
            "Return new ones: the caller may still need the old state."
        )

    a, b, c = (_two_passes(shard) for shard in np.split(x, ends))
    ab = _merged(merge, a, b)
    last = _merged(merge, ab, c), _merged(merge, a, _merged(merge, b, c))
    outputs = _named((state, ab, _merged(merge, b, a), *last))
    return _measured(outputs, x, ends) if _condition(x) > LARGE_MEAN else outputs


def _named(triples):
    return {
        f"{part} of {what}": value
        for what, triple in zip((STREAM, *MERGES), triples, strict=True)
        for part, value in zip(PARTS, triple, strict=True)
    }


def _two_passes(shard):
    """The triple of a shard, ready to be merged; zeros where there are no values."""
    mean = shard.sum(axis=0) / shard.dtype.type(max(len(shard), 1))
    return len(shard), mean, ((shard - mean) ** 2).sum(axis=0)


def _merged(merge, a, b):
    before = copy.deepcopy((a, b))
    try:
        merged = returned(merge(a, b), PARTS, "merge")
    except ZeroDivisionError:
        if a[0] or b[0]:
            raise
        return 0, a[1] * np.nan, a[2] * np.nan  # what the same division gives with arrays
    pairs = zip(before[0] + before[1], (*a, *b), strict=True)
    if not all(np.array_equal(was, now, equal_nan=True) for was, now in pairs):
        raise AnswerError(
            "`merge` changed a triple it was given (`+=` on an array works in place). "
            "Return new arrays: the shards are still needed."
        )
    if not (a[0] or b[0]):  # the empty triple may come back as the task writes it, (0, 0, 0)
        count, *rest = merged
        zero = [isinstance(value, (int, float)) and value == 0 for value in rest]
        rest = [np.zeros_like(a[1]) if z else v for z, v in zip(zero, rest, strict=True)]
        return count, *rest
    return merged


def _measured(outputs, x, ends):
    """The outputs of a case about digits: counts as they are, errors of the rest."""
    exact, limits, (size, variance) = _exact(x, ends), _limits(x), _sizes(x)
    kept = dict(outputs)
    for what in (STREAM, *MERGES):
        mean, m2 = f"mean of {what}", f"m2 of {what}"
        errors = {
            mean: _relative_error(outputs[mean], exact[mean], size),
            m2: _relative_error(outputs[m2], exact[m2], variance),
        }
        # Cancellation spoils m2 alone, too short a format the mean as well.
        lost = ", ".join(name for name, error in errors.items() if not error <= limits[name])
        for name, error in errors.items():
            says = (
                f"`{name}` has lost digits: its relative error is {error:.2g}, "
                f"and a stable algorithm keeps it below {limits[name]:.2g}."
            )
            if not np.isfinite(error):
                says, lost = f"`{name}` is not finite, or has the wrong shape.", "not finite"
            kept[name] = Measured(error, says, lost if error > limits[name] else "")
    return kept


def _relative_error(got, want, size):
    numbers = as_numbers(got)
    if numbers is None or numbers.shape != want.shape:
        return np.inf
    error = float(np.abs(numbers - want).max() / max(np.abs(want).max(), size))
    return error if np.isfinite(error) else np.inf


def _limits(x):
    """Means keep nearly all digits; m2 loses those of mean/std, with any algorithm.

    Source: Chan, Golub & LeVeque, The American Statistician 37(3), 1983.
    """
    keeps = FORGIVEN_ROUNDINGS * np.finfo(np.float64).eps
    return {
        f"{part} of {what}": keeps * condition
        for part, condition in (("mean", 1.0), ("m2", _condition(x)))
        for what in (STREAM, *MERGES)
    }


def reference(x, ends):
    exact = _exact(x, ends)
    if _condition(x) <= LARGE_MEAN:
        return exact
    return exact | _limits(x)


def _exact(x, ends):
    """All outputs in two passes, with sums rounded once."""
    a, b, c = np.split(x.astype(np.float64), ends)
    ab, abc = np.concatenate([a, b]), np.concatenate([a, b, c])
    triples = []
    for values in (abc, ab, ab, abc, abc):
        columns = values.reshape(len(values), x[0].size).T.tolist()
        mean, m2 = np.array([_by_exact_sums(column) for column in columns]).T
        shape = x.shape[1:]
        triples.append((len(values), mean.reshape(shape), m2.reshape(shape)))
    return _named(triples)


def _by_exact_sums(values):
    if not values:
        return 0.0, 0.0
    mean = fsum(values) / len(values)
    return mean, fsum((v - mean) ** 2 for v in values)


EXERCISE = Exercise(
    id="2.5",
    title="Statistics of a stream",
    answers=("welford_update", "merge"),
    shows="count, mean, m2 = welford_update(count, mean, m2, value); count, mean, m2 = merge(a, b)",
    minutes=25,
    difficulty="moderate",
    points=5,
    read="Chapter 2.3, section “One pass over a stream”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
