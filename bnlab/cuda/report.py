"""What one launch did: faults, races, and what each line of the source cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bnlab.cuda.errors import CudaError

SECTOR = 32  # bytes: the smallest piece of global memory that moves


@dataclass(frozen=True)
class Race:
    """Two accesses of one element that no barrier puts in order, at least one a write.

    Attributes:
        line, quote: of the later access.
        array, index: the element; `array` is the name in the source.
        kind: "read after write", "write after read", "write after write",
            "simultaneous writes" or "uninitialised read" (shared memory that nothing wrote).
        space: "global" or "shared".
        first, second: the two threads, "block (0,0,0) thread (3,0,0)"; `first` is "" for
            an uninitialised read.
        first_line: line of the earlier access, 0 where it is not known.
        across_blocks: whether the threads are of different blocks.
        same_value: simultaneous writes that all wrote the same value.
        count: how often, in accesses of whole warps.
    """

    line: int
    quote: str
    array: str
    index: int
    kind: str
    space: str
    first: str
    second: str
    first_line: int
    across_blocks: bool
    same_value: bool
    count: int

    @property
    def sentence(self) -> str:
        """The race in words, without its line."""
        element = f"{self.array}[{self.index}]"
        if self.kind == "uninitialised read":
            return f"{self.second} reads {element}, shared memory that no thread has written"
        if self.kind == "simultaneous writes":
            what = "the same value" if self.same_value else "different values"
            return f"{self.first} and {self.second} write {what} to {element} at once"
        earlier, later = {
            "read after write": ("wrote", "reads"),
            "write after read": ("read", "writes"),
            "write after write": ("wrote", "writes"),
        }[self.kind]
        at = "" if not self.first_line else f" in line {self.first_line}"
        if self.first_line == self.line:  # another thread, or the same code run again
            at = " in this same line"
        order = "they are in different blocks" if self.across_blocks else "no barrier lies between"
        return f"{self.second} {later} {element}, which {self.first} {earlier}{at}; {order}"


@dataclass(frozen=True)
class Note:
    """Something worth knowing that is no error: an early return before a barrier, say."""

    line: int
    quote: str
    text: str


@dataclass(frozen=True)
class Request:
    """Which lane of one warp touches which byte: the first request of a line, for its picture.

    Attributes:
        array, itemsize: the array and the bytes of its element.
        lanes: lane numbers, 0 to 31, that took part.
        offsets: first byte that each of them touched, within the array.
        width: bytes a lane touches.
    """

    array: str
    itemsize: int
    lanes: tuple[int, ...]
    offsets: tuple[int, ...]
    width: int


@dataclass(frozen=True)
class Access:
    """The traffic of one line with one array in one direction.

    Attributes:
        array: name in the source.
        space: "global" or "shared".
        kind: "load", "store" or "atomic".
        requests: how many times a warp executed it.
        threads: how many times a thread did.
        bytes: bytes that threads asked for.
        sectors, ideal_sectors: 32-byte pieces of global memory moved, and the fewest that could
            hold the same bytes.
        passes, ideal_passes: turns that shared memory took, and without bank conflicts.
        sample: the first request, for a picture.
    """

    array: str
    space: str
    kind: str
    requests: int
    threads: int
    bytes: int
    sectors: int
    ideal_sectors: int
    passes: int
    ideal_passes: int
    sample: Request | None

    @property
    def sectors_per_request(self) -> float:
        return self.sectors / self.requests

    @property
    def ideal(self) -> float:
        """The fewest sectors per request."""
        return self.ideal_sectors / self.requests

    @property
    def bank_conflict(self) -> float:
        """Passes over the passes without conflicts: 1 is none, 32 the worst."""
        return self.passes / self.ideal_passes if self.ideal_passes else 1.0


@dataclass(frozen=True)
class Line:
    """What one line of the source cost.

    Attributes:
        accesses: its loads, stores and atomics.
        instructions: warp instructions.
        lane_use: share of lanes that took part in them, 0 to 1.
        branches, splits: how often a warp met a branch here, and how often it split.
    """

    number: int
    text: str
    accesses: tuple[Access, ...]
    instructions: int
    lane_use: float
    branches: int
    splits: int


@dataclass(frozen=True)
class ArrayTraffic:
    """Traffic of one array in global memory; all in bytes.

    Attributes:
        size: of the array.
        touched: in sectors that were touched at least once.
        read, written: by threads.
    """

    name: str
    size: int
    touched: int
    read: int
    written: int

    @property
    def read_times(self) -> float:
        """How often the touched part was read; 3.0 for three passes."""
        return self.read / self.touched if self.touched else 0.0

    @property
    def write_times(self) -> float:
        return self.written / self.touched if self.touched else 0.0


@dataclass(frozen=True)
class Resources:
    """What the compiler's assembler gives a thread and a block."""

    registers: int
    shared_bytes: int
    spill_bytes: int


@dataclass(frozen=True)
class Report:
    """What `examine` found. `print(report)` shows it; a notebook shows the source with its counters.

    Attributes:
        kernel, grid, block: of the launch.
        schedule: "lockstep" or "warps".
        compiler: "NVRTC 12.4", …
        source: the text examined.
        error: what stopped the kernel, or None.
        races, notes: findings, in order of lines.
        lines: by line number, those with code.
        arrays: traffic by array name, for arrays in global memory.
        shared_bytes: shared memory of a block, static and dynamic.
        instructions: warp instructions executed.
        lane_use: share of lanes in use, 0 to 1.
        printed: what `printf` wrote.
        resources: registers and spills, or None where the compiler cannot tell (clang).
    """

    kernel: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    schedule: str
    compiler: str
    source: str
    error: CudaError | None
    races: tuple[Race, ...]
    notes: tuple[Note, ...]
    lines: Mapping[int, Line]
    arrays: Mapping[str, ArrayTraffic]
    shared_bytes: int
    instructions: int
    lane_use: float
    printed: tuple[str, ...] = ()
    resources: Resources | None = field(default=None, compare=False)

    @property
    def ok(self) -> bool:
        """Whether nothing stopped the kernel and no race was seen (same-value writes are forgiven)."""
        return self.error is None and all(race.same_value for race in self.races)

    @cached_property
    def accesses(self) -> tuple[tuple[Line, Access], ...]:
        """Every access with its line, in order of lines."""
        return tuple((line, a) for _, line in sorted(self.lines.items()) for a in line.accesses)

    @property
    def moved_bytes(self) -> int:
        """Bytes of global memory that moved, in sectors, before any cache."""
        return SECTOR * sum(a.sectors for _, a in self.accesses)

    @property
    def ideal_bytes(self) -> int:
        """Bytes that would have moved if every request were coalesced."""
        return SECTOR * sum(a.ideal_sectors for _, a in self.accesses)

    @property
    def touched_bytes(self) -> int:
        """Bytes of global memory touched at least once, in sectors."""
        return sum(array.touched for array in self.arrays.values())

    @property
    def bank_passes(self) -> int:
        return sum(a.passes for _, a in self.accesses)

    @property
    def ideal_bank_passes(self) -> int:
        return sum(a.ideal_passes for _, a in self.accesses)

    def __str__(self) -> str:
        from bnlab.cuda.views import text

        return text.report(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from bnlab.cuda.views import html

        return html.report(self)

    def picture(self, line: int, array: str | None = None):
        """Which thread of a warp touches which address in a line, as a picture for notebooks.

        Args:
            line: number of a line with an access.
            array: which array, where the line touches several.

        Raises:
            LookupError: the line has no such access; the message lists the lines that have.
        """
        from bnlab.cuda.views.access_picture import AccessPicture

        return AccessPicture(self.access(line, array), line)

    def access(self, line: int, array: str | None = None) -> Access:
        """The access of a line, and of one array where the line touches several.

        Of an array that the line both reads and writes, the access that came first.

        Raises:
            LookupError: as for `picture`.
        """
        here = [a for a in (self.lines[line].accesses if line in self.lines else ())]
        found = [a for a in here if array in (None, a.array)]
        names = sorted({a.array for a in found})
        if len(names) == 1:
            return found[0]
        if names:
            raise LookupError(
                f"Line {line} touches several arrays; name one of {', '.join(names)}."
            )
        known = ", ".join(f"{line.number} ({a.array})" for line, a in self.accesses)
        raise LookupError(f"Line {line} has no such access. Lines with one: {known or 'none'}.")
