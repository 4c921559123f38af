"""Instructions that compute with numbers: floating point and integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnlab.cuda.errors import Unsupported
from bnlab.cuda.isa.integers import with_carry
from bnlab.cuda.isa.numbers import (
    DIRECTIONS,
    F8,
    divide,
    flush,
    fma32,
    fma64,
    high_half,
    pack,
    remainder,
    round_towards,
    two_sum,
    unpack,
)
from bnlab.cuda.isa.operands import NUMPY, Context
from bnlab.cuda.isa.table import Shape, entry

HALVES = ("f16", "bf16", "f16x2", "bf16x2")


def _exactly(function: Callable) -> Callable:
    """Computes in double and rounds once: for functions that a GPU approximates."""
    return lambda x: function(x.astype(F8)).astype(x.dtype)


UNARY = {
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "rcp": lambda x: x.dtype.type(1) / x,
    "rsqrt": _exactly(lambda x: 1 / np.sqrt(x)),
    "ex2": _exactly(np.exp2),
    "lg2": _exactly(np.log2),
    "sin": _exactly(np.sin),
    "cos": _exactly(np.cos),
    "tanh": _exactly(np.tanh),
}
BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "copysign": lambda a, b: np.copysign(b, a),
    "min": np.fmin,
    "max": np.fmax,
}
COMPARE = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lo": np.less,
    "ls": np.less_equal,
    "hi": np.greater,
    "hs": np.greater_equal,
    "num": lambda a, b: ~(np.isnan(a) | np.isnan(b)),
    "nan": lambda a, b: np.isnan(a) | np.isnan(b),
}


def _or_unordered(compare: Callable) -> Callable:
    return lambda a, b: compare(a, b) | np.isnan(a) | np.isnan(b)


COMPARE |= {c + "u": _or_unordered(COMPARE[c]) for c in ("eq", "ne", "lt", "le", "gt", "ge")}
# In PTX, `ne` of floating-point numbers is false when one is NaN.
_ORDERED_NE = lambda a, b: (a != b) & ~np.isnan(a) & ~np.isnan(b)  # noqa: E731
LOGICAL = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


def _is_float(type_: str) -> bool:
    return type_[0] == "f" or type_.startswith("bf")


def _apply(context: Context, shape: Shape, function: Callable, inputs: int) -> Callable:
    """destination = function(inputs), in the format of the instruction's type."""
    type_ = shape.type
    gets = [context.get(o, type_) for o in shape.operands[1 : 1 + inputs]]
    put = context.set(shape.operands[0], type_)
    if type_ in HALVES:
        raw = "b32" if type_.endswith("x2") else "b16"
        gets = [context.get(o, raw) for o in shape.operands[1 : 1 + inputs]]
        put = context.set(shape.operands[0], raw)
        finish = _finish(shape)
        return lambda m: put(
            m, _bits(pack(finish(function(*(unpack(g(m), type_) for g in gets))), type_))
        )
    if _is_float(type_) and {"sat", "ftz", "relu"} & shape.modifiers:
        finish = _finish(shape)
        if "ftz" in shape.modifiers:
            return lambda m: put(m, finish(flush(function(*(flush(g(m)) for g in gets)))))
        return lambda m: put(m, finish(function(*(g(m) for g in gets))))
    if len(gets) == 1:
        [a] = gets
        return lambda m: put(m, function(a(m)))
    if len(gets) == 2:
        a, b = gets
        return lambda m: put(m, function(a(m), b(m)))
    a, b, c = gets
    return lambda m: put(m, function(a(m), b(m), c(m)))


def _directed(shape: Shape) -> Callable:
    """add, sub, mul, fma of float32 that round towards zero, down or up."""
    direction = shape.one_of(*DIRECTIONS)
    if shape.type != "f32":
        raise Unsupported(f"{shape.type} arithmetic that does not round to nearest")

    def exact(function):
        return lambda *x: round_towards(*function(*(v.astype(F8) for v in x)), direction)

    return exact(
        {
            "add": two_sum,
            "sub": lambda a, b: two_sum(a, -b),
            "mul": lambda a, b: (a * b, 0.0),
            "fma": lambda a, b, c: two_sum(a * b, c),
        }[shape.name]
    )


def _bits(x: np.ndarray) -> np.ndarray:
    return x.view(np.uint16) if x.dtype == np.float16 else x


def _finish(shape: Shape) -> Callable:
    if "sat" in shape.modifiers:
        return lambda x: np.where(np.isnan(x), 0, np.clip(x, 0, 1)).astype(x.dtype)
    if "relu" in shape.modifiers:
        return lambda x: np.where(np.isnan(x), x, np.maximum(x, 0)).astype(x.dtype)
    return lambda x: x


def unary(context: Context, shape: Shape) -> Callable:
    return _apply(context, shape, UNARY[shape.name], 1)


def binary(context: Context, shape: Shape) -> Callable:
    if "cc" in shape.modifiers:
        return with_carry(context, shape)
    function = BINARY[shape.name]
    if "sat" in shape.modifiers and not _is_float(shape.type):
        raise Unsupported("an integer addition that saturates")
    if shape.name in ("min", "max") and "NaN" in shape.modifiers:
        function = {"min": np.minimum, "max": np.maximum}[shape.name]
    if shape.one_of(*DIRECTIONS):
        function = _directed(shape)
    return _apply(context, shape, function, 2)


def multiply(context: Context, shape: Shape) -> Callable:
    type_ = shape.type
    if "wide" in shape.modifiers:
        return _wide(context, shape, add=False)
    if "hi" in shape.modifiers:
        return _apply(context, shape, high_half, 2)
    if shape.name == "mul24":
        raise Unsupported("a 24-bit multiplication")
    if not _is_float(type_) and "sat" in shape.modifiers:
        raise Unsupported("an integer multiplication that saturates")
    function = _directed(shape) if shape.one_of(*DIRECTIONS) else np.multiply
    return _apply(context, shape, function, 2)


def multiply_add(context: Context, shape: Shape) -> Callable:
    if "cc" in shape.modifiers:
        return with_carry(context, shape)
    if "wide" in shape.modifiers:
        return _wide(context, shape, add=True)
    if "sat" in shape.modifiers and not _is_float(shape.type):
        raise Unsupported("an integer multiplication that saturates")
    if "hi" in shape.modifiers:
        return _apply(context, shape, lambda a, b, c: high_half(a, b) + c, 3)
    function = {"f32": fma32, "f64": fma64}.get(shape.type, lambda a, b, c: a * b + c)
    if shape.one_of(*DIRECTIONS):
        function = _directed(shape)
    return _apply(context, shape, function, 3)


def _wide(context: Context, shape: Shape, add: bool) -> Callable:
    """The full product of two integers, in twice their width."""
    narrow = shape.type
    wide = narrow[0] + str(2 * int(narrow[1:]))
    dtype = NUMPY[wide]
    a, b = (context.get(o, narrow) for o in shape.operands[1:3])
    put = context.set(shape.operands[0], wide)
    if not add:
        return lambda m: put(m, a(m).astype(dtype) * b(m).astype(dtype))
    c = context.get(shape.operands[3], wide)
    return lambda m: put(m, a(m).astype(dtype) * b(m).astype(dtype) + c(m))


def quotient(context: Context, shape: Shape) -> Callable:
    if _is_float(shape.type):
        return _apply(context, shape, {"div": np.divide}[shape.name], 2)
    return _apply(context, shape, {"div": divide, "rem": remainder}[shape.name], 2)


def compare(context: Context, shape: Shape) -> Callable:
    """setp: one or two predicates, perhaps combined with a third."""
    type_ = shape.type
    name = next(n for n in shape.instruction.parts[1:] if n in COMPARE)
    function = COMPARE[name]
    if name == "ne" and _is_float(type_):
        function = _ORDERED_NE
    if type_[0] == "b" and not type_.startswith("bf"):
        type_ = "u" + type_[1:]
    if type_ in ("f16x2", "bf16x2"):
        raise Unsupported("a comparison of packed halves")
    first, _, second = shape.operands[0].partition("|")
    put, put_second = context.set(first, "pred"), context.set(second or "_", "pred")
    if type_ in HALVES:
        bits = [context.get(o, "b16") for o in shape.operands[1:3]]
        a, b = (lambda m, g=g: unpack(g(m), type_)[:, 0] for g in bits)
    else:
        a, b = (context.get(o, type_) for o in shape.operands[1:3])
    if "ftz" in shape.modifiers:
        a, b = (lambda m, g=g: flush(g(m)) for g in (a, b))
    combine = LOGICAL[shape.one_of(*LOGICAL)] if shape.one_of(*LOGICAL) else None
    third = context.get(shape.operands[3], "pred") if combine else None

    def run(m):
        result = function(a(m), b(m))
        if combine is None:
            put(m, result)
            put_second(m, ~result)
        else:
            other = third(m)
            put(m, combine(result, other))
            put_second(m, combine(~result, other))

    return run


def select(context: Context, shape: Shape) -> Callable:
    yes, no = (context.get(o, shape.type) for o in shape.operands[1:3])
    test = context.get(shape.operands[3], "pred")
    put = context.set(shape.operands[0], shape.type)
    return lambda m: put(m, np.where(test(m), yes(m), no(m)))


# Division and roots round to nearest only.
_FLOAT = "rn approx full ftz sat"
TABLE = {name: entry(unary, "rn approx ftz") for name in UNARY}
_ROUNDED = _FLOAT + " rz rm rp"
TABLE |= {name: entry(binary, "rn rz rm rp ftz sat cc") for name in ("add", "sub")}
TABLE |= {name: entry(binary, "ftz NaN relu") for name in ("min", "max")}
TABLE |= {
    "copysign": entry(binary),
    "mul": entry(multiply, _ROUNDED + " lo hi wide"),
    "mul24": entry(multiply, "lo hi"),
    "mad": entry(multiply_add, _FLOAT + " lo hi wide cc"),
    "fma": entry(multiply_add, _ROUNDED + " relu"),
    "div": entry(quotient, _FLOAT),
    "rem": entry(quotient),
    "setp": entry(compare, " ".join(COMPARE) + " and or xor ftz"),
    "selp": entry(select),
}
