"""One launch: the kernel, its grid, its arguments and where they lie in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from bnlab.cuda import limits as card
from bnlab.cuda.errors import LaunchError, LimitReached, Unsupported
from bnlab.cuda.isa import Context
from bnlab.cuda.limits import Limits
from bnlab.cuda.memory.races import MOST_THREADS
from bnlab.cuda.memory.space import PARAM, GlobalArray, SharedLayout, base, local_layout
from bnlab.cuda.run.arguments import check_array, declared, shape3, to_bytes
from bnlab.cuda.run.program import Program, Source

_WORD = re.compile(r"[\w$.]+")


class Launch:
    """A launch that fits its kernel.

    Args:
        source: compiled.
        name: of the kernel.
        grid, block: one to three numbers each.
        args: arrays and numbers.
        shared_mem: bytes of dynamic shared memory of a block.
        limits: of the interpreter.

    Raises:
        LaunchError: something does not fit; the message says what.
        LimitReached: it needs more memory than `limits` allows.
        Unsupported: the kernel has an instruction that the lab does not know.
    """

    def __init__(
        self,
        source: Source,
        name: str,
        grid: Sequence[int],
        block: Sequence[int],
        args: Sequence,
        shared_mem: int,
        limits: Limits,
    ):
        self.name, self.limits = name, limits
        self.grid, self.block = shape3(grid, "grid", card.GRID), shape3(block, "block", card.BLOCK)
        self.threads = int(np.prod(self.block))
        self.blocks = int(np.prod(self.grid, dtype=np.int64))
        if self.threads > card.THREADS_PER_BLOCK:
            raise LaunchError(
                f"the block {self.block} has {self.threads} threads; at most "
                f"{card.THREADS_PER_BLOCK}: take more blocks of fewer"
            )
        if self.blocks * self.threads >= MOST_THREADS:
            raise LaunchError(
                f"{self.blocks * self.threads:,} threads are too many for the lab "
                f"(at most {MOST_THREADS:,})"
            )
        self.kernel = source.kernel(name)
        self.symbols: dict[str, int] = {}
        self.arrays: list[GlobalArray] = []
        self._arguments: list[tuple[np.ndarray, GlobalArray]] = []
        self._place_arguments(source.code, args)
        self._place_shared(source, int(shared_mem))
        self._place_variables(source)
        local, self.local_size = local_layout(
            v for v in self.kernel.variables if v.space == "local"
        )
        self.symbols |= local
        self.blocks_at_once = self._blocks_at_once()
        context = Context(self.kernel.registers, self.symbols, self._params)
        self.program = Program(self.kernel, context, source)

    def _place_arguments(self, code: str, args: Sequence) -> None:
        params, self._params = self.kernel.params, {}
        names = declared(code, self.name)
        if len(names) != len(params):
            names = [None] * len(params)
        if len(args) != len(params):
            listed = ", ".join(n.name for n in names if n)
            raise LaunchError(
                f"{self.name} takes {len(params)} arguments{f' ({listed})' if listed else ''}, "
                f"but {len(args)} were given"
            )
        self.parameter_bytes = b""
        for number, (value, (param, type_, size), known) in enumerate(
            zip(args, params, names, strict=True)
        ):
            label = known.name if known else f"argument{number}"
            what = f"argument {number} of {self.name}" + (f" (`{label}`)" if known else "")
            if isinstance(value, np.ndarray):
                check_array(value, known, type_, what)
                raw = np.uint64(self._global_array(value, label, what).address).tobytes()
            else:
                if known and known.pointer:
                    raise LaunchError(f"{what} is {value!r}, but the kernel takes an array there")
                raw = to_bytes(value, type_, size, what)
            self._params[param] = raw
            self.symbols[param] = base(PARAM) + len(self.parameter_bytes)
            self.parameter_bytes += raw.ljust(-(-size // 16) * 16, b"\0")

    def _global_array(self, value: np.ndarray, label: str, what: str) -> GlobalArray:
        """The array's place; the same memory given twice is one array."""
        for other, placed in self._arguments:
            if np.may_share_memory(other, value) and value.size and other.size:
                same = other.ctypes.data == value.ctypes.data and other.nbytes == value.nbytes
                if not same:
                    raise LaunchError(f"{what} overlaps with `{placed.name}`; pass a copy")
                return placed
        array = self._new_array(
            label, value.reshape(-1).view(np.uint8), value.itemsize, value.nbytes
        )
        self._arguments.append((value, array))
        return array

    def _new_array(self, label: str, data: np.ndarray, itemsize: int, size: int) -> GlobalArray:
        array = GlobalArray(len(self.arrays) + 1, label, data, itemsize, size)
        self.arrays.append(array)
        return array

    def _place_shared(self, source: Source, dynamic: int) -> None:
        own = [v for v in self.kernel.variables if v.space == "shared"]
        words = {w for i in self.kernel.code for o in i.operands for w in _WORD.findall(o)}
        own += [v for v in source.module.variables if v.space == "shared" and v.name in words]
        if dynamic < 0:
            raise LaunchError(f"shared_mem is {dynamic}; give a number of bytes from 0")
        static = sum(v.size for v in own)
        if static > card.STATIC_SHARED:
            raise LaunchError(
                f"the kernel declares {static:,} bytes of __shared__ arrays; a block has "
                f"{card.STATIC_SHARED:,}. For more, declare `extern __shared__` and give shared_mem="
            )
        self.shared_bytes = static + dynamic
        if self.shared_bytes > card.SHARED:
            raise LaunchError(
                f"a block would need {self.shared_bytes:,} bytes of shared memory; the largest "
                f"GPUs have {card.SHARED:,}"
            )
        self.shared_layout = SharedLayout(own, dynamic)
        self.symbols |= self.shared_layout.symbols

    def _place_variables(self, source: Source) -> None:
        """`__device__` and `__constant__` variables, and the texts of printf."""
        variables = [v for v in source.module.variables if v.space in ("global", "const")]
        if sum(v.size for v in variables) > self.limits.memory:
            raise LimitReached("the kernel's own arrays need more memory than the lab gives")
        for variable in variables:
            data = np.frombuffer(variable.data or b"", np.uint8)
            array = self._new_array(variable.label, data, variable.align, variable.size)
            self.symbols[variable.name] = array.address
        for variable in variables:
            for offset, name in variable.pointers:
                if name not in self.symbols:
                    raise Unsupported(f"the address of {name} in {variable.label}")
                address = np.frombuffer(np.uint64(self.symbols[name]).tobytes(), np.uint8)
                array = self.arrays[(self.symbols[variable.name] >> 40) - 1]
                array.data[offset : offset + 8] = address

    def _blocks_at_once(self) -> int:
        """As many blocks as the limits on lanes and memory allow."""
        if self.local_size > card.LOCAL:
            raise LaunchError(
                f"each thread needs {self.local_size:,} bytes for its own arrays; it has "
                f"{card.LOCAL:,}"
            )
        per_thread = 8 * len(self.kernel.registers) + self.local_size
        # Six int64 stamps for each 4-byte word of shared memory, and the bytes.
        per_block = per_thread * self.threads + 16 * self.shared_layout.stride
        if per_block > self.limits.memory:
            raise LimitReached(
                f"one block needs {per_block:,} bytes in the lab, which gives "
                f"{self.limits.memory:,}: fewer or smaller arrays?"
            )
        by_lanes = max(1, self.limits.lanes // self.threads)
        return max(1, min(self.blocks, by_lanes, self.limits.memory // per_block))

    def special(self, name: str, machine) -> np.ndarray:
        """A special register of the lanes that run now, uint32."""
        what, _, axis = name.lstrip("%").partition(".")
        block = machine.block + machine.first_block
        if what == "tid":
            value = _along(machine.thread, self.block, axis)
        elif what == "ctaid":
            value = _along(block, self.grid, axis)
        elif what in ("ntid", "nctaid"):
            size = self.block if what == "ntid" else self.grid
            value = np.array(["xyz".index(axis)])
            value = np.array([size[int(value[0])]])
        elif what == "laneid":
            value = machine.lane_in_warp
        elif what == "warpid":
            value = machine.thread // 32
        else:
            value = _lane_mask(what.removeprefix("lanemask_"), machine.lane_in_warp)
        return value.astype(np.uint32)

    def copy_back(self) -> None:
        """Writes what the kernel left in memory into the arrays that were given.

        Raises:
            LaunchError: the kernel wrote to an array that NumPy guards against writing.
        """
        guarded = []
        for value, array in self._arguments:
            given = value.reshape(-1).view(np.uint8)
            if value.flags.writeable:
                given[:] = array.data[: array.size]
            elif not np.array_equal(given, array.data[: array.size]):
                guarded.append(array.name)
        if guarded:
            raise LaunchError(
                f"the kernel writes to `{guarded[0]}`, which is read-only: pass a copy"
            )


def _along(number: np.ndarray, shape: tuple[int, int, int], axis: str) -> np.ndarray:
    """A coordinate of flat numbers; x runs fastest."""
    x, y, _ = shape
    return {"x": number % x, "y": number // x % y, "z": number // (x * y)}[axis]


def _lane_mask(kind: str, lane: np.ndarray) -> np.ndarray:
    """The lanes that are equal to, less than, … a lane, as bits."""
    mine = np.int64(1) << lane
    masks = {"eq": mine, "lt": mine - 1, "le": 2 * mine - 1}
    masks |= {"ge": (1 << 32) - mine, "gt": (1 << 32) - 2 * mine}
    return masks[kind]
