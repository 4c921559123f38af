"""Races: two accesses of one element that no barrier puts in order, at least one a write.

Every piece of memory (a granule: the smallest width that the kernel uses) remembers its last
writer and its last two readers, each with the clock of its block and of its warp. A barrier
advances the block's clock, `__syncwarp` the warp's. An earlier access is ordered before mine if
it is of the same thread, or of the same block at an earlier block clock, or of the same warp at an
earlier warp clock.

What may be missed: a third reader; races after 8191 barriers; and between blocks in kernels
with `__threadfence`, where order is made by other means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnlab.cuda.report import Race

# A stamp: thread + 1, block clock, warp clock, number of the instruction (0: not known).
SITE_BITS, CLOCK_BITS = 8, 13
WARP_SHIFT = SITE_BITS
BLOCK_SHIFT = WARP_SHIFT + CLOCK_BITS
THREAD_SHIFT = BLOCK_SHIFT + CLOCK_BITS
CLOCK_MASK = (1 << CLOCK_BITS) - 1
MOST_THREADS = 1 << (62 - THREAD_SHIFT)
ATOMIC = 1 << 62


_EARLIER = (
    ("writer", "write after write"),
    ("reader", "write after read"),
    ("reader2", "write after read"),
)


class Shadow:
    """Last writer and last two readers of every granule of an array; None before the first."""

    def __init__(self, size: int, granule: int):
        self.length = -(-size // granule)
        self.writer = self.reader = self.reader2 = None

    def _of(self, name: str) -> np.ndarray:
        if getattr(self, name) is None:
            setattr(self, name, np.zeros(self.length, np.int64))
        return getattr(self, name)

    def put(self, name: str, where: np.ndarray, stamps: np.ndarray) -> np.ndarray:
        """Keeps stamps; of lanes that share a place, one wins. Returns who did."""
        column = self._of(name)
        column[where] = stamps
        return column[where]

    def get(self, name: str, where: np.ndarray) -> np.ndarray | None:
        """The stamps at some places, or None if there is none at all."""
        column = getattr(self, name)
        return None if column is None else column[where]


@dataclass
class _Found:
    """A race as it is collected."""

    race: dict
    count: int = 0
    same_value: bool = True


class RaceDetector:
    """Watches the accesses of one launch.

    Args:
        machine: that runs the kernel.
        granule: bytes of the smallest access in the kernel.
        fenced: whether the kernel uses `__threadfence`.
    """

    def __init__(self, machine, granule: int, fenced: bool):
        self.m, self.granule, self.fenced = machine, granule, fenced
        self.found: dict[tuple, _Found] = {}
        self.blind = False  # too many barriers for the clocks
        self.arrays: dict[int, Shadow] = {}
        self.sites: dict[int, int] = {}
        self._stamped, self._epoch = None, -1

    def start_blocks(self) -> None:
        """New blocks start with new shared memory."""
        self.shared = Shadow(len(self.m.shared), self.granule)
        self._stamped = None

    def _stamps(self, pc: int) -> np.ndarray:
        m = self.m
        if self._stamped is not m.active or self._epoch != m.epoch:
            self._stamped, self._epoch = m.active, m.epoch
            latest = max(m.block_clock.max(initial=0), m.warp_clock.max(initial=0))
            self.blind |= bool(latest >= CLOCK_MASK)
            self._stamp = (
                ((m.active + (m.first_thread + 1)) << THREAD_SHIFT)
                | (m.block_clock[m.block[m.active]] << BLOCK_SHIFT)
                | (m.warp_clock[m.active_warp] << WARP_SHIFT)
            )
        site = self.sites.setdefault(pc, len(self.sites) + 1)
        return self._stamp | (site if site < 1 << SITE_BITS else 0)

    def _unordered(self, earlier: np.ndarray, mine: np.ndarray) -> np.ndarray | None:
        """Which lanes' accesses are not ordered after an earlier one; None if all are."""
        thread, my_thread = earlier >> THREAD_SHIFT, mine >> THREAD_SHIFT
        clash = (earlier != 0) & (thread != my_thread)
        if not clash.any():
            return None
        threads = self.m.threads
        same_block = (thread - 1) // threads == (my_thread - 1) // threads
        if self.fenced:
            clash &= same_block
        before = ((earlier >> BLOCK_SHIFT) & CLOCK_MASK) < ((mine >> BLOCK_SHIFT) & CLOCK_MASK)
        same_warp = (thread - 1) % threads // 32 == (my_thread - 1) % threads // 32
        before |= same_warp & (
            ((earlier >> WARP_SHIFT) & CLOCK_MASK) < ((mine >> WARP_SHIFT) & CLOCK_MASK)
        )
        clash &= ~(same_block & before)
        return clash if clash.any() else None

    def watch(self, pc: int, array, places: np.ndarray, width: int, store) -> None:
        """Judges one access of a group, before it happens.

        Args:
            array: the `GlobalArray`, or None for shared memory.
            places: first byte that each lane touches, in the array or in all shared memory.
            width: bytes a lane touches.
            store: a `Store`, or None for a load.
        """
        if self.blind:
            return
        if array is None:
            shadow = self.shared
        else:
            shadow = self.arrays.get(array.number)
            if shadow is None:
                shadow = self.arrays[array.number] = Shadow(len(array.data), self.granule)
        mine = self._stamps(pc)
        for step in range(0, width, self.granule):
            where = (places + step) // self.granule
            if store is None:
                self._load(pc, array, shadow, where, mine)
            else:
                self._store(pc, array, shadow, where, mine, store)

    def _load(self, pc, array, shadow: Shadow, where, mine) -> None:
        strong = self.m.is_volatile(pc)
        writer = shadow.get("writer", where)
        if writer is None and array is None:
            writer = np.zeros(len(where), np.int64)
        if writer is not None:
            atomic = (writer & ATOMIC) != 0
            writer = writer & ~ATOMIC
            if array is None and (writer == 0).any():
                self._report(pc, array, "uninitialised read", writer == 0, None, mine, where)
            clash = self._unordered(np.where(atomic, 0, writer) if strong else writer, mine)
            if clash is not None:
                self._report(pc, array, "read after write", clash, writer, mine, where)
        if strong:  # a volatile read does not clash with atomics that follow
            return
        before = shadow.get("reader", where)
        if before is not None:
            other = (before != 0) & ((before >> THREAD_SHIFT) != (mine >> THREAD_SHIFT))
            if other.any():
                shadow.put("reader2", where[other], before[other])
        lost = shadow.put("reader", where, mine) != mine
        if lost.any():
            shadow.put("reader2", where[lost], mine[lost])

    def _store(self, pc, array, shadow: Shadow, where, mine, store) -> None:
        for column, kind in _EARLIER:
            earlier = shadow.get(column, where)
            if earlier is None:
                continue
            if store.atomic:  # atomics do not clash with each other
                earlier = np.where((earlier & ATOMIC) != 0, 0, earlier)
            earlier = earlier & ~ATOMIC
            clash = self._unordered(earlier, mine)
            if clash is not None:
                same = not store.atomic and store.repeats(clash)
                self._report(pc, array, kind, clash, earlier, mine, where, same)
        if store.atomic:
            shadow.put("writer", where, mine | ATOMIC)
            return
        winner = shadow.put("writer", where, mine)
        lost = winner != mine
        if lost.any():
            same = store.agrees(where, lost, ~lost)
            self._report(pc, array, "simultaneous writes", lost, winner, mine, where, same)

    def _report(self, pc, array, kind, lanes, earlier, mine, where, same_value=False) -> None:
        """Keeps the first example of each (line, array, kind), and counts."""
        m = self.m
        place = int(where[np.argmax(lanes)]) * self.granule
        label, index = self._element(array, place)
        key = (m.line(pc), label, kind)
        found = self.found.get(key)
        if found is None or (found.same_value and not same_value):
            count = found.count if found else 0
            first = int(np.argmax(lanes))
            them = 0 if earlier is None else int(earlier[first])
            me = (int(mine[first]) >> THREAD_SHIFT) - 1
            other = (them >> THREAD_SHIFT) - 1
            site = them & ((1 << SITE_BITS) - 1)
            at = next((p for p, s in self.sites.items() if s == site), None)
            race = {
                "line": m.line(pc),
                "quote": m.quote(pc),
                "array": label,
                "index": index,
                "kind": kind,
                "space": "shared" if array is None else "global",
                "first": m.thread_name(other) if them else "",
                "second": m.thread_name(me),
                "first_line": m.line(at) if at is not None else 0,
                "across_blocks": bool(them) and other // m.threads != me // m.threads,
            }
            found = self.found[key] = _Found(race, count, same_value)
        found.count += 1

    def _element(self, array, place: int) -> tuple[str, int]:
        if array is not None:
            return array.name, place // array.itemsize
        offset = place % self.m.shared_layout.stride
        shared = self.m.shared_layout.at(offset)
        return shared.name, (offset - shared.start) // 4

    def races(self) -> tuple[Race, ...]:
        """What was found, in order of lines."""
        found = sorted(self.found.values(), key=lambda f: (f.race["line"], f.race["array"]))
        return tuple(Race(**f.race, same_value=f.same_value, count=f.count) for f in found)
