"""Loads, stores and atomics."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnlab.cuda.errors import Unsupported
from bnlab.cuda.isa.numbers import pack, unpack
from bnlab.cuda.isa.operands import NUMPY, Context
from bnlab.cuda.isa.table import Shape, entry
from bnlab.cuda.memory import faults
from bnlab.cuda.memory.space import (
    ARRAY_SHIFT,
    LOCAL,
    OFFSET_MASK,
    PARAM,
    SHARED,
    SPACE_SHIFT,
    base,
)
from bnlab.cuda.ptx import WIDTH, items

_ADDRESS = re.compile(r"\[\s*([^+\]\s]+)\s*(?:\+\s*(-?\w+))?\s*\]")


@dataclass
class Store:
    """What a store or an atomic writes.

    Attributes:
        values: an array per element of the access, one value per lane.
        atomic: name of the operation, or "".
        current: reads the memory as it is now, like a load would.
    """

    values: list[np.ndarray]
    atomic: str
    current: Callable[[], list[np.ndarray]]

    def repeats(self, lanes: np.ndarray) -> bool:
        """Whether these lanes write what is there already."""
        return all(
            (_raw(new)[lanes] == _raw(old)[lanes]).all()
            for new, old in zip(self.values, self.current(), strict=True)
        )

    def agrees(self, where: np.ndarray, losers: np.ndarray, winners: np.ndarray) -> bool:
        """Whether lanes that write to one place write the same."""
        order = np.argsort(where[winners])
        place = order[np.searchsorted(where[winners][order], where[losers])]
        return all((_raw(v)[losers] == _raw(v)[winners][place]).all() for v in self.values)


def _raw(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def _address(context: Context, shape: Shape) -> Callable:
    """A function of the machine that gives the addresses, uint64."""
    text = next(o for o in shape.operands if o.startswith("["))
    name, offset = _ADDRESS.match(text).groups()
    narrow = WIDTH.get(context.registers.get(name, "b64")) == 4
    get = context.get(name, "u32" if narrow else "u64")
    add = np.uint64(int(offset or "0", 0) & ((1 << 64) - 1))
    # A 32-bit address lies in the space that the instruction names.
    space = SHARED if "shared" in _spaces(shape) else LOCAL if "local" in _spaces(shape) else 0
    if not narrow:
        return lambda m: get(m) + add
    low, tag = np.uint64(0xFFFFFFFF), np.uint64(base(space))
    return lambda m: ((get(m).astype(np.uint64) + add) & low) | tag


def _spaces(shape: Shape) -> set[str]:
    return {m.split("::")[0] for m in shape.modifiers}


def load(context: Context, shape: Shape) -> Callable:
    if "param" in shape.modifiers and "%" not in shape.operands[1]:
        return _load_parameter(context, shape)
    type_ = shape.type
    address = _address(context, shape)
    puts = [context.set(o, type_) for o in items(shape.operands[0])]
    dtype, pc = NUMPY[type_], shape.pc

    def run(m):
        for put, value in zip(puts, _load(m, pc, address(m), dtype, len(puts)), strict=True):
            put(m, value)

    return run


def _load_parameter(context: Context, shape: Shape) -> Callable:
    """A kernel's parameter: the same for every thread."""
    name, offset = _ADDRESS.match(shape.operands[1]).groups()
    type_, width = shape.type, WIDTH[shape.type]
    start, raw = int(offset or 0), context.params[name]
    pairs = []
    for number, operand in enumerate(items(shape.operands[0])):
        part = raw[start + number * width : start + (number + 1) * width]
        pairs.append((context.set(operand, type_), np.frombuffer(part, NUMPY[type_])))

    def run(m):
        for put, value in pairs:
            put(m, value)

    return run


def store(context: Context, shape: Shape) -> Callable:
    type_ = shape.type
    address = _address(context, shape)
    gets = [context.get(o, type_) for o in items(shape.operands[1])]
    dtype, pc = NUMPY[type_], shape.pc

    def run(m):
        _store(m, pc, address(m), dtype, [get(m) for get in gets], "")

    return run


ATOMICS = ("add", "min", "max", "exch", "cas", "and", "or", "xor", "inc", "dec")


def atomic(context: Context, shape: Shape) -> Callable:
    """atom returns what was there before, red does not."""
    type_ = shape.type
    kind = shape.one_of(*ATOMICS)
    returns = shape.name == "atom"
    address = _address(context, shape)
    put = context.set(shape.operands[0], type_) if returns else None
    gets = [context.get(o, type_) for o in shape.operands[2 if returns else 1 :]]
    dtype, pc = NUMPY[type_], shape.pc
    if type_ in ("f16", "bf16", "f16x2", "bf16x2") and kind != "add":
        raise Unsupported(f"an atomic {kind} of halves")
    update = _update(kind, type_)

    def run(m):
        before = _store(m, pc, address(m), dtype, [get(m) for get in gets], kind, update)
        if put:
            put(m, before)

    return run


def _update(kind: str, type_: str) -> Callable:
    """What an atomic leaves behind, from what was there and its operands."""
    if kind == "add" and type_ in ("bf16", "f16x2", "bf16x2"):
        return lambda old, new, _: pack(unpack(old, type_) + unpack(new, type_), type_)
    return {
        "add": lambda old, new, _: old + new,
        "min": lambda old, new, _: np.minimum(old, new),
        "max": lambda old, new, _: np.maximum(old, new),
        "exch": lambda old, new, _: new,
        "cas": lambda old, compare, new: np.where(old == compare, new, old),
        "and": lambda old, new, _: old & new,
        "or": lambda old, new, _: old | new,
        "xor": lambda old, new, _: old ^ new,
        "inc": lambda old, limit, _: np.where(old >= limit, 0, old + 1),
        "dec": lambda old, limit, _: np.where((old == 0) | (old > limit), limit, old - 1),
    }[kind]


def _load(m, pc: int, addresses: np.ndarray, dtype, count: int) -> list[np.ndarray]:
    if addresses.shape[0] == 1:
        addresses = np.repeat(addresses, m.count)
    parts = _by_array(addresses)
    if len(parts) == 1:
        if int(addresses[0]) >> SPACE_SHIFT == PARAM:
            return _from_parameters(m, pc, addresses, dtype, count)
        where, _ = _locate(m, pc, addresses, np.dtype(dtype).itemsize * count, None)
        return [where.memory.view(dtype)[where.index(dtype) + k] for k in range(count)]
    values = [np.zeros(m.count, dtype) for _ in range(count)]
    for lanes in parts:
        with m.only(lanes):
            some = _load(m, pc, addresses[lanes], dtype, count)
        for value, new in zip(values, some, strict=True):
            value[lanes] = new
    return values


def _from_parameters(m, pc: int, addresses, dtype, count: int) -> list[np.ndarray]:
    start = (addresses & np.uint64(OFFSET_MASK)).astype(np.int64)
    width = np.dtype(dtype).itemsize
    if int(start.max()) + count * width > len(m.parameter_bytes):
        raise faults.out_of_bounds(m, pc, addresses, count * width, False)
    values = np.frombuffer(m.parameter_bytes, dtype)
    return [values[start // width + k] for k in range(count)]


def _by_array(addresses: np.ndarray) -> list[np.ndarray]:
    """The lanes that address each array; mostly one array for all."""
    number = addresses >> np.uint64(ARRAY_SHIFT)
    if (number == number[0]).all():
        return [slice(None)]
    return [number == k for k in np.unique(number)]


def _store(m, pc, addresses, dtype, values, kind: str, update=None) -> np.ndarray | None:
    """Writes; for an atomic, returns what was there before."""
    if addresses.shape[0] == 1:
        addresses = np.repeat(addresses, m.count)
    values = [np.broadcast_to(v, (m.count,)) for v in values]
    parts = _by_array(addresses)
    if len(parts) > 1:
        before = np.zeros(m.count, dtype)
        for lanes in parts:
            with m.only(lanes):
                some = [v[lanes] for v in values]
                old = _store(m, pc, addresses[lanes], dtype, some, kind, update)
            if old is not None:
                before[lanes] = old
        return before if kind else None
    count = 1 if kind else len(values)
    width = np.dtype(dtype).itemsize * count
    place: list[_Place] = []

    def current():
        memory = place[0].memory.view(dtype)
        return [memory[place[0].index(dtype) + k] for k in range(count)]

    where, watch = _locate(m, pc, addresses, width, Store(values, kind, current))
    place.append(where)
    watch()
    memory, index = where.memory.view(dtype), where.index(dtype)
    if not kind:
        for k, value in enumerate(values):
            memory[index + k] = value
        return None
    return _one_by_one(memory, index, values, update)


def _one_by_one(memory, index, values, update) -> np.ndarray:
    """Lanes that hit one address take turns, in order of lanes."""
    order = np.argsort(index, kind="stable")
    in_order = index[order]
    place = np.arange(len(index))
    starts = np.where(np.r_[True, in_order[1:] != in_order[:-1]], place, 0)
    turn = np.empty(len(index), np.int64)
    turn[order] = place - np.maximum.accumulate(starts)
    before = np.empty(index.shape, memory.dtype)
    second = values[1] if len(values) > 1 else values[0]
    for number in range(int(turn.max()) + 1):
        now = turn == number
        there = index[now]
        before[now] = memory[there]
        memory[there] = update(before[now], values[0][now], second[now])
    return before


@dataclass
class _Place:
    """Bytes of memory, and where in them each lane's access starts."""

    memory: np.ndarray
    starts: np.ndarray

    def index(self, dtype) -> np.ndarray:
        return self.starts // np.dtype(dtype).itemsize


def _locate(m, pc: int, addresses, width: int, store) -> tuple[_Place, Callable]:
    """Where an access of one array lands. A load is watched here, a store by the second result."""
    offsets = (addresses & np.uint64(OFFSET_MASK)).astype(np.int64)
    space = int(addresses[0]) >> SPACE_SHIFT
    if space == SHARED:
        place, watch = _in_shared(m, pc, addresses, offsets, width, store)
    elif space == LOCAL:
        outside = offsets + width > m.local_size
        if outside.any():
            raise faults.out_of_local(m, pc, m.active[np.argmax(outside)], store is not None)
        place, watch = _Place(m.local, offsets + m.active * m.local_size), lambda: None
    else:
        place, watch = _in_global(m, pc, addresses, offsets, width, store)
    if store is None:
        watch()
    return place, watch


def _check_alignment(m, pc: int, offsets: np.ndarray, width: int) -> None:
    odd = (offsets & (width - 1)) != 0
    if odd.any():
        raise faults.misaligned(m, pc, m.active[np.argmax(odd)], width)


def _in_shared(m, pc, addresses, offsets, width, store) -> tuple[_Place, Callable]:
    layout = m.shared_layout
    inside = (offsets >= 0) & (offsets + width <= layout.stride)
    if not inside.all() or not (layout.valid[offsets] & layout.valid[offsets + width - 1]).all():
        raise faults.out_of_shared(m, pc, addresses, width, store is not None)
    _check_alignment(m, pc, offsets, width)
    places = offsets + m.block[m.active] * layout.stride

    def watch():
        if m.traffic:
            m.traffic.shared_access(pc, offsets, width, store)
        if m.races:
            m.races.watch(pc, None, places, width, store)

    return _Place(m.shared, places), watch


def _in_global(m, pc, addresses, offsets, width, store) -> tuple[_Place, Callable]:
    array = m.array(int(addresses[0]) >> ARRAY_SHIFT)
    if array is None or int(offsets.max()) + width > array.size:
        raise faults.out_of_bounds(m, pc, addresses, width, store is not None)
    _check_alignment(m, pc, offsets, width)

    def watch():
        if m.traffic:
            m.traffic.global_access(pc, array, offsets, width, store)
        if m.races:
            m.races.watch(pc, array, offsets, width, store)

    return _Place(array.data, offsets), watch


_SPACES = "global shared shared::cta local param const"
_ORDER = "volatile relaxed acquire release acq_rel weak sc cta gl sys gpu"
_CACHE = (
    "nc v2 v4 ca cg cs cv lu wb wt L1::evict_first L1::evict_last L1::evict_normal"
    " L1::no_allocate L1::evict_unchanged L2::64B L2::128B L2::256B"
)
TABLE = {
    "ld": entry(load, f"{_SPACES} {_ORDER} {_CACHE}"),
    "ldu": entry(load, f"{_SPACES} {_CACHE}"),
    "st": entry(store, f"{_SPACES} {_ORDER} {_CACHE}"),
    "atom": entry(atomic, f"{_SPACES} {_ORDER} noftz {' '.join(ATOMICS)}"),
    "red": entry(atomic, f"{_SPACES} {_ORDER} noftz {' '.join(ATOMICS)}"),
}
