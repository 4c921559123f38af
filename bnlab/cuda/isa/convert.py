"""cvt: from one type of number to another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnlab.cuda.errors import Unsupported
from bnlab.cuda.isa.numbers import DIRECTIONS, F8, flush, pack, round_towards, unpack
from bnlab.cuda.isa.operands import NUMPY, Context
from bnlab.cuda.isa.table import Shape, entry

TO_INTEGER = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}
HALVES = ("f16", "bf16")


def convert(context: Context, shape: Shape) -> Callable:
    to, source = shape.types
    if to.endswith("x2"):
        return _pack_two(context, shape)
    get = _getter(context, shape.operands[1], source)
    put = _setter(context, shape.operands[0], to)
    rounding = shape.one_of(*TO_INTEGER)
    rounds = TO_INTEGER[rounding] if rounding else None
    direction = shape.one_of(*DIRECTIONS)
    if direction and (to != "f32" or source in ("s64", "u64")):
        raise Unsupported(f"a conversion to {to} that does not round to nearest")
    from_float, to_float = _is_float(source), _is_float(to)

    def run(m):
        x = get(m)
        if "ftz" in shape.modifiers:
            x = flush(x)
        if from_float and rounds:
            x = rounds(x)
        if from_float and not to_float:
            x = _to_integer(x, NUMPY[to])
        elif "sat" in shape.modifiers:
            if to_float:
                x = np.where(np.isnan(x), 0, np.clip(x, 0, 1)).astype(x.dtype)
            else:
                limits = np.iinfo(NUMPY[to])
                x = _clip(x, limits.min, limits.max)
        if "relu" in shape.modifiers:
            x = np.maximum(x, 0)
        put(m, round_towards(x.astype(F8), 0.0, direction) if direction else x)

    return run


def _is_float(type_: str) -> bool:
    return type_[0] == "f" or type_.startswith("bf")


def _clip(x: np.ndarray, low: int, high: int) -> np.ndarray:
    """Clips integers to limits that their own type may not hold."""
    own = np.iinfo(x.dtype)
    return np.clip(x, max(low, own.min), min(high, own.max))


def _to_integer(x: np.ndarray, dtype: type) -> np.ndarray:
    """Clamped to the integer's range, as the hardware does; NaN becomes 0."""
    limits, wide = np.iinfo(dtype), x.astype(F8)
    # The largest 64-bit integers are no float64: compare before converting.
    inside = (wide >= float(limits.min)) & (wide < float(limits.max))
    value = np.where(inside, wide, 0).astype(dtype)
    value = np.where(wide >= float(limits.max), dtype(limits.max), value)
    return np.where(wide < float(limits.min), dtype(limits.min), value)


def _getter(context: Context, operand: str, type_: str) -> Callable:
    if type_ != "bf16":
        return context.get(operand, type_)
    bits = context.get(operand, "b16")
    return lambda m: unpack(bits(m), type_)[:, 0]


def _setter(context: Context, operand: str, type_: str) -> Callable:
    if type_ != "bf16":
        put, dtype = context.set(operand, type_), NUMPY[type_]
        return lambda m, x: put(m, x.astype(dtype))
    put = context.set(operand, "b16")
    return lambda m, x: put(m, pack(x.astype(F8)[:, None], type_))


def _pack_two(context: Context, shape: Shape) -> Callable:
    """`cvt.rn.f16x2.f32 d, high, low`."""
    type_ = shape.types[0]
    high, low = (context.get(o, shape.types[1]) for o in shape.operands[1:])
    put = context.set(shape.operands[0], "b32")

    def run(m):
        pair = np.stack(np.broadcast_arrays(low(m), high(m)), axis=1).astype(F8)
        put(m, pack(np.maximum(pair, 0) if "relu" in shape.modifiers else pair, type_))

    return run


TABLE = {"cvt": entry(convert, "rn rz rm rp rni rzi rmi rpi sat ftz relu")}
