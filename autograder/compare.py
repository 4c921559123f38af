"""Compares one output of an answer with the reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograder.spec import Measured, Runs

# A NaN of its own: what an output holds that a kernel has not written.
_UNWRITTEN = np.uint32(0x7FC0_BA7C)


@dataclass(frozen=True)
class Difference:
    """How an output differs: a sentence, and the two sides in short."""

    output: str
    sentence: str
    expected: str
    got: str


@dataclass(frozen=True)
class NotNumbers:
    """Stands for an output that is no array of numbers."""

    what: str


def kept(value: Any) -> Any:
    """A copy of an output that the answer cannot change, and that runs none of its code."""
    if value is None or isinstance(value, Measured):
        return value
    if isinstance(value, Runs):
        return Runs({run: kept(array) for run, array in value.arrays.items()})
    numbers = as_numbers(value)
    return NotNumbers(describe(value)) if numbers is None else np.array(numbers)


def mark_unwritten(array: np.ndarray) -> None:
    """Fills an array with NaN, in place; for float32 with one that `difference` recognises."""
    array.fill(np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).min)
    if array.dtype == np.float32:
        array.view(np.uint32)[...] = _UNWRITTEN


def describe(value: Any) -> str:
    """Says what a value is: dtype and shape, or its type.

    >>> describe(np.zeros((2, 3)))
    'float64 array of shape (2, 3)'
    """
    if isinstance(value, NotNumbers):
        return value.what
    if isinstance(value, (np.ndarray, np.generic)):
        if value.ndim == 0:
            return f"{value.dtype} scalar"
        return f"{value.dtype} array of shape {value.shape}"
    return "None" if value is None else type(value).__name__


def as_numbers(value: Any) -> np.ndarray | None:
    """`value` as a numeric array, or None when it is not one."""
    if hasattr(value, "detach"):  # a torch tensor, perhaps with a graph
        value = value.detach()
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in "biuf" else None


def difference(
    name: str, got: Any, want: np.ndarray, tolerance: float, scale: float = 0.0
) -> Difference | None:
    """The difference between an output and the reference, or None if it passes.

    Args:
        name: of the output.
        got: what the answer returned, anything.
        want: the reference, numeric.
        tolerance: largest error relative to max(|want|, scale).
        scale: see `Case.scale`.

    Integer outputs (shapes, axes, counts) must be equal. A `Measured` output
    must not exceed the reference. Of `Runs`, the first that differs is told.
    """
    want = np.asarray(want)
    if isinstance(got, Runs):
        for run, array in got.arrays.items():
            if found := difference(name, array, want, tolerance, scale):
                where = f"{run[0].upper()}{run[1:]}: " if run else ""
                return replace(found, sentence=where + found.sentence)
        return None
    if isinstance(got, Measured):
        if got.amount <= want:
            return None
        return Difference(name, got.says, f"at most {want:g}", f"{got.amount:.3g}")
    numbers = as_numbers(got)
    if numbers is None:
        return Difference(
            name, f"`{name}` is not an array of numbers.", _in_short(want, want), describe(got)
        )
    if numbers.shape != want.shape:
        says = "has the wrong shape"
        if numbers.ndim == want.ndim == 1:
            says = f"has length {numbers.size} in place of {want.size}"
        return Difference(
            name, f"`{name}` {says}.", _in_short(want, want), _in_short(numbers, want)
        )
    if want.size == 0:
        return None
    exact = want.dtype.kind in "biu"
    limit = 0.0 if exact else tolerance * max(float(np.abs(want).max()), scale)
    error = np.abs(numbers.astype(np.float64) - want.astype(np.float64))
    wrong = ~(error <= limit)  # NaN is wrong too
    if not wrong.any():
        return None
    return _located(name, numbers, want, error, wrong)


def _in_short(array: np.ndarray, want: np.ndarray) -> str:
    """A few whole numbers (axes, shapes) as they are; of anything else, dtype and shape."""
    if want.dtype.kind in "iu" and array.size <= 8:
        return str(array.tolist())
    return describe(array)


def _located(name, got, want, error, wrong) -> Difference:
    """Names the worst place."""
    ranked = np.where(np.isfinite(got), error, np.inf)
    worst = np.unravel_index(int(np.argmax(ranked)), want.shape)
    where = f"[{', '.join(map(str, worst))}]" if worst else ""
    count = int(wrong.sum())
    unwritten = _unwritten(got)
    if unwritten.any():
        first = np.unravel_index(int(np.argmax(unwritten)), want.shape)
        where = f", first `{name}[{', '.join(map(str, first))}]`" if first else ""
        count = int(unwritten.sum())
        places = f"{count} of {want.size} places" if want.size > 1 else "its only place"
        sentence = f"`{name}` was not written in {places}{where}."
        return Difference(name, sentence, f"{want[first]:.8g}", "what was there before")
    if not np.isfinite(got[worst]):
        bad = int((~np.isfinite(got)).sum())
        sentence = (
            f"`{name}` is not finite in {bad} of {want.size} places, first at `{name}{where}`."
        )
    elif want.size == 1:
        sentence = f"`{name}` is off by {error[worst]:.3g}."
    else:
        sentence = (
            f"`{name}` is wrong in {count} of {want.size} places; "
            f"worst at `{name}{where}`, off by {error[worst]:.3g}."
        )
    if got.dtype == np.float16:
        sentence += " It is float16, which keeps three digits."
    if worst and want.dtype.kind in "iu" and want.size <= 8:
        return Difference(name, sentence, _in_short(want, want), _in_short(got, want))
    return Difference(name, sentence, f"{want[worst]:.8g}", f"{got[worst]:.8g}")


def _unwritten(got: np.ndarray) -> np.ndarray:
    """Where an output still holds what `mark_unwritten` put there."""
    if got.dtype != np.float32:
        return np.zeros(got.shape, bool)
    return np.ascontiguousarray(got).reshape(got.shape).view(np.uint32) == _UNWRITTEN
