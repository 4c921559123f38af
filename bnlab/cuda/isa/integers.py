"""Instructions on integers alone: sums longer than a register, and dot products of bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnlab.cuda.isa.numbers import high_half
from bnlab.cuda.isa.operands import NUMPY, Context
from bnlab.cuda.isa.table import Shape, entry


def with_carry(context: Context, shape: Shape) -> Callable:
    """add, sub and mad with .cc, addc, subc, madc: the carry is a register of the machine's own."""
    type_ = "u" + shape.type[1:]
    a, b = (context.get(o, type_) for o in shape.operands[-2:])
    put = context.set(shape.operands[0], type_)
    if shape.name.startswith("mad"):
        a = _product(context, shape, type_)
    carries, subtracts = shape.name.endswith("c"), shape.name.startswith("sub")
    one = NUMPY[type_](1)

    def run(m):
        x, y = a(m), b(m)
        bit = (m.read("%CC", np.bool_) if carries else np.zeros(1, bool)).astype(x.dtype) * one
        partial = x - y if subtracts else x + y
        total = partial - bit if subtracts else partial + bit
        lost = (x < y) | (partial < bit) if subtracts else (partial < x) | (total < partial)
        if "cc" in shape.modifiers:
            m.write("%CC", lost)
        put(m, total)

    return run


def _product(context: Context, shape: Shape, type_: str) -> Callable:
    """The lower or upper half of the product of a mad's first two operands, as type_."""
    a, b = (context.get(o, shape.type) for o in shape.operands[1:3])
    half = high_half if "hi" in shape.modifiers else np.multiply
    return lambda m: half(a(m), b(m)).view(NUMPY[type_])


def absolute_difference(context: Context, shape: Shape) -> Callable:
    """sad: |a - b| + c."""
    a, b, c = (context.get(o, shape.type) for o in shape.operands[1:])
    put = context.set(shape.operands[0], shape.type)

    def run(m):
        x, y = a(m), b(m)
        put(m, np.maximum(x, y) - np.minimum(x, y) + c(m))

    return run


def dot_of_bytes(context: Context, shape: Shape) -> Callable:
    """dp4a: c plus the products of four bytes of a with four of b."""
    *pair, c = (context.get(o, "b32") for o in shape.operands[1:])
    put = context.set(shape.operands[0], "b32")
    kinds = [np.int8 if type_ == "s32" else np.uint8 for type_ in shape.types]

    def run(m):
        bytes_a, bytes_b = (
            np.ascontiguousarray(get(m)).view(kind).reshape(-1, 4).astype(np.int64)
            for get, kind in zip(pair, kinds, strict=True)
        )
        put(m, ((bytes_a * bytes_b).sum(1) + c(m)).astype(np.uint32))

    return run


TABLE = {
    "addc": entry(with_carry, "cc"),
    "subc": entry(with_carry, "cc"),
    "madc": entry(with_carry, "lo hi cc"),
    "sad": entry(absolute_difference),
    "dp4a": entry(dot_of_bytes),
}
