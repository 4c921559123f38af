"""Instructions by which the lanes of a warp talk to each other: shuffles, votes, matches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnlab.cuda.errors import Undefined
from bnlab.cuda.isa.operands import NUMPY, Context
from bnlab.cuda.isa.table import Shape, entry

FULL = 0xFFFFFFFF


def _lane_bits(m, lanes: np.ndarray) -> np.ndarray:
    return np.uint32(1) << m.lane_in_warp[lanes].astype(np.uint32)


def _masks(m, lanes: np.ndarray) -> np.ndarray:
    """For each warp of the machine, the mask of those of `lanes` that are in it."""
    masks = np.zeros(m.warp_total, np.uint32)
    np.bitwise_or.at(masks, m.warp[lanes], _lane_bits(m, lanes))
    return masks


def _together(mask: Callable, shape: Shape, body: Callable) -> Callable:
    """Runs `body` for the warps whose masked lanes are all here; the others wait."""
    pc = shape.pc

    def run(m):
        late = _late(m, mask(m), pc)
        if late is None:
            return body(m)
        m.park(pc, m.active[late])
        if late.all():
            return [(-1, None)]
        m.for_lanes(~late, body, pc)
        return [(pc + 1, m.active[~late])]

    return run


def _late(m, mask: np.ndarray, pc: int) -> np.ndarray | None:
    """Which active lanes wait for others of their mask; None if no lane does."""
    if m.whole and m.threads % 32 == 0 and mask.shape[0] == 1 and mask[0] == FULL:
        return None
    active, warp = m.active, m.active_warp
    mask = np.broadcast_to(mask, active.shape)
    outside = (mask & _lane_bits(m, active)) == 0
    if outside.any():
        first = int(np.argmax(outside))
        raise m.fault(
            Undefined,
            pc,
            f"{m.who(active[first])} calls a warp function with the mask 0x{int(mask[first]):08x}, "
            "which leaves that thread out",
            "a thread outside its own mask",
        )
    here = _masks(m, active)
    running = _masks(m, np.flatnonzero(~m.exited))
    missing = (mask & running[warp] & ~here[warp]) != 0
    return missing if missing.any() else None


def shuffle(context: Context, shape: Shape) -> Callable:
    mode = shape.one_of("up", "down", "bfly", "idx")
    first, _, second = shape.operands[0].partition("|")
    value, by, clamp = (
        context.get(o, t) for o, t in zip(shape.operands[1:4], ("b32", "u32", "u32"), strict=True)
    )
    mask = context.get(shape.operands[4], "b32")
    put, put_inside = context.set(first, "b32"), context.set(second or "_", "pred")

    def body(m):
        lane = m.lane_in_warp[m.active]
        source, inside = _source(mode, lane, by(m), clamp(m))
        put(m, _from_lanes(m, np.broadcast_to(value(m), (m.count,)), lane, source, shape.pc))
        put_inside(m, np.broadcast_to(inside, (m.count,)))

    return _together(mask, shape, body)


def _source(mode: str, lane: np.ndarray, by: np.ndarray, clamp: np.ndarray):
    """Which lane each lane reads, and whether that lies inside its segment (PTX, `shfl.sync`)."""
    by = (by & np.uint32(31)).astype(np.int64)
    end = (clamp & np.uint32(31)).astype(np.int64)
    segment = ((clamp >> np.uint32(8)) & np.uint32(31)).astype(np.int64)
    top, bottom = (lane & segment) | (end & ~segment), lane & segment
    if mode == "up":
        source = lane - by
        inside = source >= top
    else:
        other = {"down": lane + by, "bfly": lane ^ by, "idx": bottom | (by & ~segment)}
        source = other[mode]
        inside = source <= top
    return np.where(inside, source, lane), inside


def _from_lanes(m, value, lane, source, pc: int) -> np.ndarray:
    origin = m.active - lane + source
    if m.whole and m.threads % 32 == 0:
        return value[origin]
    everyone, takes_part = np.zeros(m.lanes, value.dtype), np.zeros(m.lanes, bool)
    everyone[m.active], takes_part[m.active] = value, True
    beyond = m.thread[m.active] - lane + source >= m.threads
    origin = np.minimum(origin, m.lanes - 1)
    silent = beyond | ~takes_part[origin]
    if silent.any():
        first = int(np.argmax(silent))
        raise m.fault(
            Undefined,
            pc,
            f"{m.who(m.active[first])} reads a value from lane {int(source[first])}, which takes "
            "no part in the shuffle; the result is undefined in CUDA",
            "a shuffle from a lane that takes no part",
        )
    return everyone[origin]


def vote(context: Context, shape: Shape) -> Callable:
    kind = shape.one_of("ballot", "any", "all", "uni")
    test, mask = context.get(shape.operands[1], "pred"), context.get(shape.operands[2], "b32")
    put = context.set(shape.operands[0], "b32" if kind == "ballot" else "pred")

    def body(m):
        yes = np.broadcast_to(test(m), (m.count,))
        # Tiles of one warp vote side by side, each with its own mask.
        warp, mine = m.active_warp, mask(m)
        for_it, all_of_it = _masks(m, m.active[yes])[warp] & mine, _masks(m, m.active)[warp] & mine
        answers = {
            "ballot": for_it,
            "any": for_it != 0,
            "all": for_it == all_of_it,
            "uni": (for_it == all_of_it) | (for_it == 0),
        }
        put(m, answers[kind])

    return _together(mask, shape, body)


def match(context: Context, shape: Shape) -> Callable:
    """match.any: the lanes that hold the same value; match.all: whether all do."""
    first, _, second = shape.operands[0].partition("|")
    value, mask = context.get(shape.operands[1], shape.type), context.get(shape.operands[2], "b32")
    put, put_all = context.set(first, "b32"), context.set(second or "_", "pred")

    def body(m):
        x, warp, mine = np.broadcast_to(value(m), (m.count,)), m.active_warp, mask(m)
        _, group = np.unique(np.stack([warp, x.astype(np.int64)]), axis=1, return_inverse=True)
        masks = np.zeros(int(group.max()) + 1, np.uint32)
        np.bitwise_or.at(masks, group.reshape(-1), _lane_bits(m, m.active))
        same = masks[group.reshape(-1)] & mine
        everyone = same == _masks(m, m.active)[warp] & mine
        put_all(m, everyone)
        put(m, same if "any" in shape.modifiers else np.where(everyone, same, 0).astype(np.uint32))

    return _together(mask, shape, body)


REDUCE = {
    "add": np.add,
    "min": np.minimum,
    "max": np.maximum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


def reduce(context: Context, shape: Shape) -> Callable:
    type_ = shape.type if shape.type[0] != "b" else "u32"
    value, mask = context.get(shape.operands[1], type_), context.get(shape.operands[2], "b32")
    put, function = context.set(shape.operands[0], type_), REDUCE[shape.one_of(*REDUCE)]

    def body(m):
        x = np.broadcast_to(value(m), (m.count,))
        mine = np.broadcast_to(mask(m), (m.count,)).astype(np.int64)
        group = (m.active_warp << 32) + mine
        order = np.argsort(group, kind="stable")
        _, starts, back = np.unique(group[order], return_index=True, return_inverse=True)
        totals = function.reduceat(x[order], starts, dtype=NUMPY[type_])
        result = np.empty(m.count, NUMPY[type_])
        result[order] = totals[back]
        put(m, result)

    return _together(mask, shape, body)


def active_mask(context: Context, shape: Shape) -> Callable:
    put = context.set(shape.operands[0], "b32")
    return lambda m: put(m, _masks(m, m.active)[m.active_warp])


def warp_barrier(context: Context, shape: Shape) -> Callable:
    """`__syncwarp(mask)`. A part of a warp is taken as the whole: such races may be missed."""

    def body(m):
        m.tick_warps(np.unique(m.active_warp))

    return _together(context.get(shape.operands[0], "b32"), shape, body)


TABLE = {
    "shfl": entry(shuffle, "sync up down bfly idx"),
    "vote": entry(vote, "sync ballot any all uni"),
    "match": entry(match, "sync any all"),
    "redux": entry(reduce, "sync " + " ".join(REDUCE)),
    "activemask": entry(active_mask),
}
