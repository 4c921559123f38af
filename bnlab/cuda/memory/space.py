"""Where things lie: every array has addresses of its own, far from the next.

An address is 64 bits: the space in the top byte, for global memory the number of the array above
bit 40, and below it the byte. So even a huge stride cannot fall into another array.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bnlab.cuda.ptx import Variable

ARRAY_SHIFT = 40  # each array of global memory owns 1 TiB of addresses
SPACE_SHIFT = 56
SHARED, LOCAL, PARAM = 1, 2, 3  # the top byte; 0 is global memory
OFFSET_MASK = (1 << ARRAY_SHIFT) - 1
RED_ZONE = 256  # bytes after every shared array that belong to nobody
UNWRITTEN = 255  # every byte of fresh shared memory: as floats, NaN


def base(space: int) -> int:
    """First address of a space."""
    return space << SPACE_SHIFT


class GlobalArray:
    """An array in global memory.

    Attributes:
        number: from 1; its addresses start at `number << ARRAY_SHIFT`.
        size: bytes.
        data: its bytes, padded to a multiple of 16; those that were not given are zero.
    """

    def __init__(self, number: int, name: str, data: np.ndarray, itemsize: int, size: int):
        self.number, self.name, self.itemsize, self.size = number, name, itemsize, size
        self.data = np.zeros(-(-size // 16) * 16, np.uint8)
        self.data[: len(data)] = data

    @property
    def address(self) -> int:
        return self.number << ARRAY_SHIFT

    @property
    def length(self) -> int:
        """In elements."""
        return self.size // self.itemsize


@dataclass(frozen=True)
class SharedArray:
    """An array in shared memory: first byte within the block's memory, and bytes."""

    name: str
    start: int
    size: int
    dynamic: bool


class SharedLayout:
    """Where a block's shared arrays lie, with red zones between them.

    Attributes:
        arrays: in order.
        symbols: address of each, by PTX name.
        stride: bytes between the memories of two blocks here.
        valid: for each byte, whether it belongs to an array.
    """

    def __init__(self, variables: Iterable[Variable], dynamic: int):
        self.arrays: list[SharedArray] = []
        self.symbols: dict[str, int] = {}
        end = 0
        for variable in variables:
            # Any size 0 is `extern __shared__`: the bytes given at the launch.
            size = variable.size or dynamic
            start = -(-end // 128) * 128
            self.symbols[variable.name] = base(SHARED) + start
            self.arrays.append(SharedArray(variable.label, start, size, not variable.size))
            end = start + size + RED_ZONE
        self.stride = max(128, -(-end // 128) * 128)
        self.valid = np.zeros(self.stride, bool)
        for array in self.arrays:
            self.valid[array.start : array.start + array.size] = True

    def at(self, offset: int) -> SharedArray | None:
        """The array that holds a byte, or whose red zone does."""
        for array in self.arrays:
            if array.start <= offset < array.start + array.size + RED_ZONE:
                return array
        return None

    def nearest(self, offset: int) -> SharedArray | None:
        """The array closest to a byte."""
        return min(
            self.arrays,
            key=lambda a: max(a.start - offset, offset - a.start - a.size, 0),
            default=None,
        )


def local_layout(variables: Iterable[Variable]) -> tuple[dict[str, int], int]:
    """Addresses of a thread's own variables, by name, and the bytes of them all."""
    symbols, end = {}, 0
    for variable in variables:
        start = -(-end // variable.align) * variable.align
        symbols[variable.name] = base(LOCAL) + start
        end = start + variable.size
    return symbols, -(-end // 16) * 16
