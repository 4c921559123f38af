"""Instructions that move, shift and rearrange bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnlab.cuda.isa.numbers import bit_lengths, shift_left, shift_right
from bnlab.cuda.isa.operands import NUMPY, RAW, Context
from bnlab.cuda.isa.table import Shape, entry
from bnlab.cuda.ptx import WIDTH, items


def move(context: Context, shape: Shape) -> Callable:
    to, source = shape.operands
    if to.startswith("{") or source.startswith("{"):
        return _repack(context, shape)
    get, put = context.get(source, shape.type), context.set(to, shape.type)
    # A copy, because registers of all lanes are written in place.
    return lambda m: put(m, get(m).copy())


def _repack(context: Context, shape: Shape) -> Callable:
    """`mov.b64 {%r1, %r2}, %rd1` and its reverse; the first part is the low one."""
    to, source = (items(o) for o in shape.operands)
    whole = "b" + shape.type[1:]
    part = f"b{8 * WIDTH[whole] // max(len(to), len(source))}"
    step, dtype, narrow = NUMPY[whole](8 * WIDTH[part]), NUMPY[whole], NUMPY[part]
    if len(source) > 1:
        gets, put = [context.get(o, part) for o in source], context.set(to[0], whole)

        def join(m):
            total = np.zeros(1, dtype)
            for number, get in enumerate(gets):
                total = total | (get(m).astype(dtype) << dtype(number) * step)
            put(m, total)

        return join
    get, puts = context.get(source[0], whole), [context.set(o, part) for o in to]

    def part_up(m):
        value = get(m)
        for number, put in enumerate(puts):
            put(m, (value >> dtype(number) * step).astype(narrow))

    return part_up


def address(context: Context, shape: Shape) -> Callable:
    """cvta: addresses carry their space, so that nothing changes."""
    get, put = context.get(shape.operands[1], "u64"), context.set(shape.operands[0], "u64")
    return lambda m: put(m, get(m).copy())


BITWISE = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "not": np.invert}


def bitwise(context: Context, shape: Shape) -> Callable:
    type_, function = shape.type, BITWISE[shape.name]
    gets = [context.get(o, type_) for o in shape.operands[1:]]
    put = context.set(shape.operands[0], type_)
    return lambda m: put(m, function(*(get(m) for get in gets)))


def shift(context: Context, shape: Shape) -> Callable:
    type_ = shape.type
    if shape.name == "shl" or type_[0] == "b":
        type_ = "u" + type_[1:]
    function = shift_left if shape.name == "shl" else shift_right
    get, by = context.get(shape.operands[1], type_), context.get(shape.operands[2], "u32")
    put = context.set(shape.operands[0], type_)
    return lambda m: put(m, function(get(m), by(m)))


def funnel_shift(context: Context, shape: Shape) -> Callable:
    low, high, by = (context.get(o, "u32") for o in shape.operands[1:])
    put = context.set(shape.operands[0], "u32")
    left, wraps = "l" in shape.modifiers, "wrap" in shape.modifiers

    def run(m):
        count = (by(m) & np.uint32(31)) if wraps else np.minimum(by(m), 32)
        count = count.astype(np.uint64)
        both = (high(m).astype(np.uint64) << np.uint64(32)) | low(m)
        shifted = (both << count) >> np.uint64(32) if left else both >> count
        put(m, shifted.astype(np.uint32))

    return run


def population_count(x: np.ndarray) -> np.ndarray:
    parts = np.ascontiguousarray(x).view(np.uint8).reshape(len(x), -1)
    return np.unpackbits(parts, axis=1).sum(1).astype(np.uint32)


def leading_zeros(x: np.ndarray) -> np.ndarray:
    return (8 * x.dtype.itemsize - bit_lengths(x)).astype(np.uint32)


def count(context: Context, shape: Shape) -> Callable:
    function = {"popc": population_count, "clz": leading_zeros}[shape.name]
    get, put = context.get(shape.operands[1], shape.type), context.set(shape.operands[0], "u32")
    return lambda m: put(m, function(get(m)))


def find_highest(context: Context, shape: Shape) -> Callable:
    """bfind: place of the highest bit that differs from the sign; -1 if there is none."""
    get, put = context.get(shape.operands[1], shape.type), context.set(shape.operands[0], "u32")

    def run(m):
        x = get(m)
        if x.dtype.kind == "i":
            x = np.where(x < 0, ~x, x)
        place = bit_lengths(x) - 1
        if "shiftamt" in shape.modifiers:
            place = np.where(place < 0, place, 8 * x.dtype.itemsize - 1 - place)
        put(m, place.astype(np.int32).view(np.uint32))

    return run


def reverse(context: Context, shape: Shape) -> Callable:
    width = WIDTH[shape.type]
    get, put = (
        context.get(shape.operands[1], shape.type),
        context.set(shape.operands[0], shape.type),
    )

    def run(m):
        x = get(m)
        one_bits = np.unpackbits(np.ascontiguousarray(x).view(np.uint8), bitorder="little")
        turned = one_bits.reshape(len(x), 8 * width)[:, ::-1]
        put(m, np.packbits(turned, axis=1, bitorder="little").view(x.dtype).reshape(-1))

    return run


def logic3(context: Context, shape: Shape) -> Callable:
    """lop3: any function of three bits, given as a table of 8."""
    table = int(shape.operands[4], 0)
    gets = [context.get(o, "b32") for o in shape.operands[1:4]]
    put = context.set(shape.operands[0], "b32")

    def run(m):
        x, y, z = (get(m) for get in gets)
        result = np.zeros(1, np.uint32)
        for row in range(8):
            if table >> row & 1:
                term = (x if row & 4 else ~x) & (y if row & 2 else ~y) & (z if row & 1 else ~z)
                result = result | term
        put(m, result)

    return run


def extract(context: Context, shape: Shape) -> Callable:
    """bfe: some bits, extended by zeros or by their sign."""
    type_, bits = shape.type, 8 * WIDTH[shape.type]
    get = context.get(shape.operands[1], type_)
    position, length = (context.get(o, "u32") for o in shape.operands[2:])
    put = context.set(shape.operands[0], type_)
    raw = RAW[WIDTH[type_]]

    def run(m):
        x = get(m)
        start = (position(m) & np.uint32(255)).astype(np.int64)
        size = np.minimum((length(m) & np.uint32(255)).astype(np.int64), bits)
        if type_[0] == "u":
            inside = np.minimum(size, bits - 1).astype(x.dtype)
            mask = np.where(size >= bits, ~raw(0), (raw(1) << inside) - raw(1)).astype(x.dtype)
            put(m, shift_right(x, start) & mask)
            return
        top = np.minimum(start + size - 1, bits - 1)
        up = np.maximum(bits - 1 - top, 0)
        shifted = (x.view(raw) << up.astype(raw)).view(x.dtype)
        value = shift_right(shifted, up + np.minimum(start, bits))
        put(m, np.where(size == 0, 0, value).astype(x.dtype))

    return run


def insert(context: Context, shape: Shape) -> Callable:
    """bfi: some bits of one number put into another."""
    dtype, bits = NUMPY[shape.type], np.uint64(8 * WIDTH[shape.type])
    new, old = (context.get(o, shape.type) for o in shape.operands[1:3])
    position, length = (context.get(o, "u32") for o in shape.operands[3:])
    put = context.set(shape.operands[0], shape.type)
    everything = ~np.uint64(0)

    def run(m):
        start, size = (g(m).astype(np.uint64) & np.uint64(255) for g in (position, length))
        start, size = np.minimum(start, bits), np.minimum(size, bits)
        ones = np.where(size == 64, everything, shift_left(np.uint64([1]), size) - np.uint64(1))
        mask = shift_left(ones, start)
        value = shift_left(new(m).astype(np.uint64), start) & mask
        put(m, ((old(m).astype(np.uint64) & ~mask) | value).astype(dtype))

    return run


def permute(context: Context, shape: Shape) -> Callable:
    """prmt: four bytes chosen from eight, each perhaps replaced by its sign."""
    low, high, select = (context.get(o, "b32") for o in shape.operands[1:])
    put = context.set(shape.operands[0], "b32")

    def run(m):
        both = low(m).astype(np.uint64) | (high(m).astype(np.uint64) << np.uint64(32))
        choice, result = select(m).astype(np.uint64), np.zeros(1, np.uint64)
        for byte in range(4):
            nibble = choice >> np.uint64(4 * byte)
            value = (both >> ((nibble & np.uint64(7)) * np.uint64(8))) & np.uint64(255)
            sign = np.where(value & np.uint64(128), np.uint64(255), np.uint64(0))
            value = np.where(nibble & np.uint64(8), sign, value)
            result = result | (value << np.uint64(8 * byte))
        put(m, result.astype(np.uint32))

    return run


TABLE = {
    "mov": entry(move),
    "cvta": entry(address, "to global shared local const param"),
    "shl": entry(shift),
    "shr": entry(shift),
    "shf": entry(funnel_shift, "l r wrap clamp"),
    "popc": entry(count),
    "clz": entry(count),
    "bfind": entry(find_highest, "shiftamt"),
    "brev": entry(reverse),
    "lop3": entry(logic3),
    "bfe": entry(extract),
    "bfi": entry(insert),
    "prmt": entry(permute),
}
TABLE |= {name: entry(bitwise) for name in BITWISE}
