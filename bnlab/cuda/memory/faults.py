"""Accesses outside an array, or at an address that is no multiple of their size: in words."""

from __future__ import annotations

import numpy as np

from bnlab.cuda.errors import CudaError, Misaligned, OutOfBounds
from bnlab.cuda.memory.space import ARRAY_SHIFT, OFFSET_MASK, SHARED, SPACE_SHIFT


def _verb(write: bool) -> str:
    return "writes" if write else "reads"


def _kind(write: bool, space: str) -> str:
    return f"out of bounds: a {'store to' if write else 'load of'} {space} memory"


def out_of_bounds(m, pc: int, addresses: np.ndarray, width: int, write: bool) -> CudaError:
    """The first access of global memory that lies outside its array."""
    for lane, address in zip(m.active, addresses, strict=True):
        number, offset = int(address) >> ARRAY_SHIFT, int(address) & OFFSET_MASK
        array = m.array(number)
        if array is not None and offset + width <= array.size:
            continue
        if offset > OFFSET_MASK // 2 and m.array(number + 1) is not None:
            # A little below an array is a lot above the one before.
            array, offset = m.array(number + 1), offset - (1 << ARRAY_SHIFT)
        if array is None:
            says = (
                f"{m.who(lane)} {_verb(write)} the address 0x{int(address):x}, which is in no array"
            )
            return m.fault(OutOfBounds, pc, says, _kind(write, "no"))
        return _outside(m, pc, lane, array, offset, write)
    raise AssertionError("no access is out of bounds")


def _outside(m, pc: int, lane: int, array, offset: int, write: bool) -> CudaError:
    index, length = offset // array.itemsize, array.length
    if index >= length:
        how = f"{index - length + 1} past the last"
    elif index < 0:
        how = f"{-index} before the first"
    else:
        how = "which reaches past the last"
    says = f"{m.who(lane)} {_verb(write)} {array.name}[{index}], {how} of its {length} elements"
    return m.fault(OutOfBounds, pc, says, _kind(write, "global"))


def out_of_shared(m, pc: int, addresses: np.ndarray, width: int, write: bool) -> CudaError:
    """The first access of shared memory that lies outside its array."""
    layout = m.shared_layout
    offsets = (addresses & np.uint64(OFFSET_MASK)).astype(np.int64)
    inside = ((addresses >> np.uint64(SPACE_SHIFT)) == SHARED) & (offsets + width <= layout.stride)
    place = np.where(inside, offsets, 0)
    inside &= layout.valid[place] & layout.valid[np.where(inside, place + width - 1, 0)]
    first = int(np.argmax(~inside))
    offset = int(offsets[first])
    offset -= (1 << 32) if offset > 1 << 31 else 0  # a negative index
    who = m.who(m.active[first])
    array = layout.nearest(offset)
    kind = _kind(write, "shared")
    if array is None or (array.dynamic and not array.size):
        says = f"{who} {_verb(write)} shared memory, but the launch gave none (shared_mem=)"
        return m.fault(OutOfBounds, pc, says, kind)
    index = (offset - array.start) // 4
    has = f"{array.size} bytes, {array.size // 4} floats"
    given = " (shared_mem= of the launch)" if array.dynamic else ""
    says = f"{who} {_verb(write)} {array.name}[{index}] (in floats); {array.name} has {has}{given}"
    return m.fault(OutOfBounds, pc, says, kind)


def out_of_local(m, pc: int, lane: int, write: bool) -> CudaError:
    """An access outside a thread's own array."""
    says = f"{m.who(lane)} {_verb(write)} outside the bounds of its own (local) array"
    return m.fault(OutOfBounds, pc, says, _kind(write, "local"))


def misaligned(m, pc: int, lane: int, width: int) -> CudaError:
    """A vector access at an address that is no multiple of its size."""
    says = f"{m.who(lane)} accesses {width} bytes at an address that is no multiple of {width}"
    return m.fault(Misaligned, pc, says, f"misaligned access of {width} bytes")
