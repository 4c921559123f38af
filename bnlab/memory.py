"""Counts passes over memory: how often a function reads or writes a whole tensor.

A clock says how fast a function was here and now. The bytes that it moves are the
same on every machine:

>>> traffic = measure(np.copyto, np.empty((32, 64, 7, 7)), np.ones((32, 64, 7, 7)))
>>> traffic.passes, traffic.by_operation
(2.0, {'copyto': 2.0})

What counts is every access of a NumPy operation to the arrays that were handed in, and to
others larger than half of the first one. Smaller arrays are scratch: they may stay in the
cache and cost nothing. An operation reads an array once, also where it is given twice.
"""

from __future__ import annotations

import inspect
import math
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

FREE_SHARE = 1 / 2

# They look at an array's shape or type, not at its numbers.
_FREE = {np.shape, np.ndim, np.size, np.empty_like, np.result_type, np.can_cast}
_FREE |= {np.may_share_memory, np.shares_memory, np.iscomplexobj, np.isrealobj}

# They copy or unwrap an array without asking it.
_CONSTRUCTORS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray")

_NAMES = {"add.reduce": "sum", "maximum.reduce": "max", "minimum.reduce": "min"}


@dataclass(frozen=True)
class Traffic:
    """What a call moved, in passes: 1 is one read or one write of the whole first array.

    Attributes:
        by_operation: passes per operation, the largest first.
        read, written: how often each watched array was read and written, as passes over it.
        scratch: most new memory that was held at once, in sizes of the first array, or
            the largest array read that was not handed in, where that is more.
        widest: bytes per number of the widest array that counted.
        result: what the call returned.
    """

    by_operation: dict[str, float]
    read: tuple[float, ...]
    written: tuple[float, ...]
    scratch: float
    widest: int
    result: Any

    @property
    def passes(self) -> float:
        """Reads and writes of the whole tensor, together."""
        return sum(self.by_operation.values())


def measure(function: Callable, *args: Any) -> Traffic:
    """Counts what `function(*args)` moves.

    It is called twice: on copies of the arrays, to see how much memory it takes, and
    then on the arrays themselves, to count.

    Args:
        args: the first array among them sets the size of a pass. It is watched, and
            so is every other array larger than half of it.

    Raises:
        ValueError: there is no array among the arguments.
    """
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    if not arrays:
        raise ValueError("measure needs an array among the arguments, to count passes in.")
    scratch = _most_memory(function, [a.copy() if isinstance(a, np.ndarray) else a for a in args])
    meter = _Meter([a for a in arrays if a.nbytes > arrays[0].nbytes * FREE_SHARE])
    telling = {name: _telling(name, getattr(np, name)) for name in _CONSTRUCTORS}
    with mock.patch.multiple(np, **telling):
        result = function(*map(meter.watch, args))
    ranked = sorted(meter.moved.items(), key=lambda item: -item[1])
    return Traffic(
        by_operation={name: moved / meter.unit for name, moved in ranked},
        read=tuple(n / size for n, size in zip(meter.read, meter.sizes, strict=True)),
        written=tuple(n / size for n, size in zip(meter.written, meter.sizes, strict=True)),
        scratch=max(scratch, meter.strange) / meter.unit,
        widest=meter.widest,
        result=_plain(result),
    )


def _most_memory(function: Callable, args: list) -> int:
    """Most bytes that a call holds at once, by Python's tracer, which NumPy reports to."""
    was_tracing, buffers = tracemalloc.is_tracing(), np.setbufsize(64)
    tracemalloc.start()  # with small buffers for changes of dtype: they are no scratch
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        function(*args)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        np.setbufsize(buffers)
        if not was_tracing:
            tracemalloc.stop()


class _Meter:
    """Adds up the bytes that operations move."""

    def __init__(self, arrays: list[np.ndarray]):
        self.unit = arrays[0].nbytes
        self.free = self.unit * FREE_SHARE
        self.sizes = [a.nbytes for a in arrays]
        self.spans = [np.lib.array_utils.byte_bounds(a) for a in arrays]
        self.read, self.written = [0] * len(arrays), [0] * len(arrays)
        self.moved: dict[str, int] = {}
        self.widest = self.strange = 0
        self.inside = ""  # the method, such as var, that operations belong to

    def watch(self, value: Any) -> Any:
        """An array that counts comes back as `Metered`; scratch and other things as they are."""
        if type(value) in (tuple, list):
            return type(value)(map(self.watch, value))
        if type(value) is not np.ndarray or not self._size_and_owner(value)[0]:
            return value
        value = value.view(Metered)
        value.meter = self
        return value

    def move(self, operation: str, reads: Any, writes: Any) -> None:
        """Counts an operation that reads and writes the arrays among these, each once."""
        reads = [a for a in _arrays(reads) if isinstance(a, Metered) or a.nbytes > self.free]
        for array in {_place(a): a for a in reads}.values():
            size = self._count(operation, self.read, array)
            if not isinstance(array, Metered):  # a global one, perhaps
                self.strange = max(self.strange, size)
        for array in _arrays(writes):
            self._count(operation, self.written, array)

    def move_part(self, operation: str, tally: list[int], array: np.ndarray, part: Any) -> None:
        """Counts an access to picked elements of an array; `part` is a copy of them."""
        _, owner = self._size_and_owner(array)
        if owner is not None:
            self._add(operation, part.nbytes)
            tally[owner] += part.nbytes

    def did(self, operation: str, args: Any, kwargs: dict, result: Any) -> Any:
        """Counts a call that made `result`, unless that is a view of what it was given."""
        out = kwargs.get("out")
        reads = (args, {k: v for k, v in kwargs.items() if k != "out"})
        if out is None and any(_overlap(r, a) for r in _arrays(result) for a in _arrays(reads)):
            return self.watch(result)
        self.move(operation, reads, result)
        return self.watch(result) if out is None else out

    def _count(self, operation: str, tally: list[int], array: np.ndarray) -> int:
        size, owner = self._size_and_owner(array)
        if size:
            self._add(operation, size)
            self.widest = max(self.widest, array.itemsize)
        if owner is not None:
            tally[owner] += size
        return size

    def _add(self, operation: str, size: int) -> None:
        operation = self.inside or _NAMES.get(operation, operation)
        self.moved[operation] = self.moved.get(operation, 0) + size

    def _size_and_owner(self, array: np.ndarray) -> tuple[int, int | None]:
        """Bytes that an access to the whole array moves, and the watched array it lies in."""
        start, size = _place(array)[0], array.nbytes
        if 0 in array.strides:  # broadcast: the same numbers again and again
            steps = zip(array.shape, array.strides, strict=True)
            size = array.itemsize * math.prod(n for n, step in steps if step)
        for owner, (low, high) in enumerate(self.spans):
            if low <= start < high:
                return size, owner
        return (size if size > self.free else 0), None


class Metered(np.ndarray):
    """An array that tells a meter what is done with it; its views do so too."""

    meter: _Meter

    def __array_finalize__(self, source):
        self.meter = getattr(source, "meter", None)

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        plain = _plain(kwargs)
        if out:
            plain["out"] = _plain(out)
        result = getattr(ufunc, method)(*_plain(inputs), **plain)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        self.meter.move(name, (inputs, kwargs), inputs[0] if method == "at" else result)
        if out and out[0] is not None:
            return out[0] if len(out) == 1 else out
        return self.meter.watch(result)

    def __array_function__(self, function, types, args, kwargs):
        meter, before = self.meter, dict(self.meter.moved)
        if inspect.isfunction(getattr(function, "_implementation", None)):
            # Written in Python: the operations inside tell the meter, if it lets them.
            result = super().__array_function__(function, types, args, kwargs)
        else:
            result = function(*_plain(args), **_plain(kwargs))
        if function in _FREE or meter.moved != before:
            return meter.watch(result)
        if function is np.copyto:
            return meter.move("copyto", args[1:], args[0])
        return meter.did(function.__name__, args, kwargs, result)

    def __getitem__(self, key):
        part = _plain(self)[_plain(key)]
        if not (isinstance(part, np.ndarray) and _overlap(part, self)):
            self.meter.move_part("indexing", self.meter.read, self, part)
            self.meter.move("indexing", (), part)
        return self.meter.watch(part)

    def __setitem__(self, key, value):
        part = _plain(self)[_plain(key)]
        _plain(self)[_plain(key)] = _plain(value)
        if not (isinstance(part, np.ndarray) and _overlap(part, self)):
            self.meter.move_part("assignment", self.meter.written, self, part)
            self.meter.move("assignment", value, ())
        elif not (isinstance(value, np.ndarray) and _place(part) == _place(value)):
            self.meter.move("assignment", value, part)
        # Else it is the end of `x[...] += y`, where NumPy copies nothing.

    def fill(self, value):
        self[...] = value


def _telling(name: str, original: Callable) -> Callable:
    """A function or method that NumPy runs without asking the array; this one tells the meter."""

    def tells(*args, **kwargs):
        meter = _meter((args, kwargs))
        result = original(*_plain(args), **_plain(kwargs))
        return result if meter is None else meter.did(name, args, kwargs, result)

    return tells


def _grouped(name: str, original: Callable) -> Callable:
    """A method made of several operations, which count under its name."""

    def groups(self, *args, **kwargs):
        outer, self.meter.inside = self.meter.inside, self.meter.inside or name
        result = original(self, *args, **kwargs)
        self.meter.inside = outer
        return result

    return groups


for _name in ("mean", "var", "std"):
    setattr(Metered, _name, _grouped(_name, getattr(np.ndarray, _name)))
for _name in (
    *("copy", "__copy__", "__deepcopy__", "astype", "dot", "flatten", "ravel"),
    *("reshape", "repeat", "take", "tobytes", "tolist"),
):
    setattr(Metered, _name, _telling(_name.strip("_"), getattr(np.ndarray, _name)))


def _arrays(value: Any) -> Iterator[np.ndarray]:
    """The arrays in nested tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _arrays(item)


def _meter(value: Any) -> _Meter | None:
    return next((a.meter for a in _arrays(value) if isinstance(a, Metered)), None)


def _plain(value: Any) -> Any:
    """The same without `Metered`, in nested tuples, lists and dicts as well."""
    if isinstance(value, Metered):
        return value.view(np.ndarray)
    if type(value) in (tuple, list):
        return type(value)(map(_plain, value))
    return {k: _plain(v) for k, v in value.items()} if type(value) is dict else value


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    return np.may_share_memory(_plain(a), _plain(b))


def _place(a: np.ndarray) -> tuple:
    return a.__array_interface__["data"][0], a.shape, a.strides
