"""Traffic: what each line asks of memory, before any cache.

Global memory moves in sectors of 32 bytes: a request of a warp moves every sector that one of its
lanes touches. Shared memory has 32 banks of 4 bytes: a request takes as many passes as the busiest
bank has different words to give.
"""

from __future__ import annotations

import numpy as np

from bnlab.cuda.report import SECTOR, Access, ArrayTraffic, Request

SECTOR_SHIFT = 5
BANKS = 32


class Site:
    """Counters of one instruction with one array."""

    def __init__(self, array: str, space: str, kind: str):
        self.array, self.space, self.kind = array, space, kind
        self.requests = self.threads = self.bytes = 0
        self.sectors = self.ideal_sectors = self.passes = self.ideal_passes = 0
        self.sample: Request | None = None


class Traffic:
    """Counts the accesses of one launch."""

    def __init__(self, machine):
        self.m = machine
        self.sites: dict[tuple[int, str], Site] = {}
        self.touched: dict[int, np.ndarray] = {}
        self.read: dict[int, int] = {}
        self.written: dict[int, int] = {}

    def _site(self, pc: int, array: str, space: str, store) -> Site:
        site = self.sites.get((pc, array))
        if site is None:
            kind = "load" if store is None else "atomic" if store.atomic else "store"
            site = self.sites[pc, array] = Site(array, space, kind)
        return site

    def _count(self, site: Site, offsets: np.ndarray, width: int, itemsize: int) -> None:
        m = self.m
        site.requests += m.warp_count
        site.threads += m.count
        site.bytes += m.count * width
        if site.sample is None:
            mine = m.active_warp == m.active_warp[0]
            lanes = m.lane_in_warp[m.active[mine]]
            site.sample = Request(
                site.array, itemsize, tuple(lanes.tolist()), tuple(offsets[mine].tolist()), width
            )

    def global_access(self, pc: int, array, offsets: np.ndarray, width: int, store) -> None:
        """Counts an access of global memory; `offsets` in bytes, one per active lane."""
        m = self.m
        site = self._site(pc, array.name, "global", store)
        self._count(site, offsets, width, array.itemsize)
        key, total = array.number, m.count * width
        if store is not None:
            self.written[key] = self.written.get(key, 0) + total
        if store is None or store.atomic:
            self.read[key] = self.read.get(key, 0) + total
        if key not in self.touched:
            self.touched[key] = np.zeros(-(-array.size // SECTOR), bool)
        sector = offsets >> SECTOR_SHIFT
        self.touched[key][sector] = True
        warp = m.active_warp
        site.sectors += _distinct((warp << 36) + sector)
        different = _distinct((warp << 40) + offsets)
        site.ideal_sectors += max(m.warp_count, -(-different * width // SECTOR))

    def shared_access(self, pc: int, offsets: np.ndarray, width: int, store) -> None:
        """Counts an access of shared memory; `offsets` in bytes, within the block."""
        m = self.m
        array = m.shared_layout.at(int(offsets[0]))
        site = self._site(pc, array.name, "shared", store)
        # Within its own array, which starts at bank 0.
        self._count(site, offsets - array.start, width, 4)
        words = max(1, width // 4)
        # 8 bytes a lane go in half warps, 16 bytes in quarter warps.
        part = m.active_warp * words + m.lane_in_warp[m.active] * words // 32
        asked = [(part << 32) + (offsets >> 2) + k for k in range(words)]
        asked = np.unique(asked[0] if words == 1 else np.concatenate(asked))
        bank = (asked >> 32) * BANKS + (asked & (BANKS - 1))
        first = int(bank[0]) // BANKS
        busy = np.bincount(bank - first * BANKS)
        busiest = np.pad(busy, (0, -len(busy) % BANKS)).reshape(-1, BANKS).max(1)
        site.passes += int(busiest.sum())
        site.ideal_passes += int(np.count_nonzero(busiest))

    def by_line(self) -> dict[int, tuple[Access, ...]]:
        """The accesses of each line: one per array and direction."""
        merged: dict[tuple, Site] = {}
        for (pc, _), site in sorted(self.sites.items()):
            key = (self.m.line(pc), site.array, site.space, site.kind)
            if key not in merged:
                merged[key] = Site(site.array, site.space, site.kind)
                merged[key].sample = site.sample
            for name in _COUNTERS:
                setattr(merged[key], name, getattr(merged[key], name) + getattr(site, name))
        lines: dict[int, tuple[Access, ...]] = {}
        for (line, *_), site in merged.items():
            lines[line] = (*lines.get(line, ()), Access(**vars(site)))
        return lines

    def by_array(self) -> dict[str, ArrayTraffic]:
        """The traffic of each array of global memory that was touched."""
        found = {}
        for number, touched in self.touched.items():
            array = self.m.array(number)
            found[array.name] = ArrayTraffic(
                array.name,
                array.size,
                int(np.count_nonzero(touched)) * SECTOR,
                self.read.get(number, 0),
                self.written.get(number, 0),
            )
        return found


_COUNTERS = (
    "requests",
    "threads",
    "bytes",
    "sectors",
    "ideal_sectors",
    "passes",
    "ideal_passes",
)


def _distinct(keys: np.ndarray) -> int:
    """How many different keys there are; quick when they are in order."""
    steps = np.diff(keys)
    if (steps < 0).any():
        steps = np.diff(np.sort(keys))
    return 1 + int(np.count_nonzero(steps))
