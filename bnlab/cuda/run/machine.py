"""Runs one kernel on NumPy: every CUDA thread is a lane of an array.

The threads of many blocks move together. Lanes that stand at the same instruction form a group,
and a group executes a whole basic block at once. Where a branch splits a group, the groups run in
an order (`order`) in which the lanes meet again where the paths join.

Two schedules: "lockstep" runs all warps side by side; "warps" runs one warp of each block at a
time, in random order, as far as the next barrier. Both are orders that CUDA allows: a kernel
without races gives the same result in both.
"""

from __future__ import annotations

import time
from contextlib import contextmanager

import numpy as np

from bnlab.cuda.errors import BarrierDivergence, CudaError, LimitReached
from bnlab.cuda.memory.races import RaceDetector
from bnlab.cuda.memory.space import ARRAY_SHIFT, OFFSET_MASK, UNWRITTEN
from bnlab.cuda.memory.traffic import Traffic
from bnlab.cuda.run.barriers import Barriers
from bnlab.cuda.run.counters import Counters

WARP = 32
PATIENCE = 4096  # steps after which a waiting group goes first, so that spin locks end


class Machine:
    """One launch as it runs. The functions of `isa` read and write these:

    Attributes:
        lanes: threads of the blocks that run now; `threads`: of one block.
        active: lanes of the group that runs now, ascending; `count` of them; `whole` if all.
        active_warp: their warps; `warp_count` different ones.
        here, written: registers of the active lanes, and the names of those that they changed.
        epoch: changes whenever a clock does.
        block, warp, thread, lane_in_warp: per lane, its block and warp (among those that run
            now), its number in the block and in the warp.
        exited: per lane.
        shared, local: memory of all lanes that run now, bytes.
        steps: basic-block instructions executed.
        races, traffic: what watches, or None.
    """

    def __init__(self, launch, program, *, races: bool, traffic: bool, schedule: str, seed: int):
        self.launch, self.program = launch, program
        self.threads = launch.threads
        self.warps_per_block = -(-self.threads // WARP)
        self.in_order = schedule == "lockstep"
        self.rng = np.random.default_rng(seed)
        self.shared_layout, self.local_size = launch.shared_layout, launch.local_size
        self.parameter_bytes = launch.parameter_bytes
        self.steps, self.deadline = 0, time.monotonic() + launch.limits.seconds
        self.counters = Counters(len(program.code))
        self.barriers = Barriers(self)
        self.races = RaceDetector(self, program.granule, program.fenced) if races else None
        self.traffic = Traffic(self) if traffic else None
        self.printed: list[str] = []

    # Running

    def run(self) -> None:
        """Runs every block.

        Raises:
            CudaError: what stopped the kernel.
        """
        at_once = self.launch.blocks_at_once
        with np.errstate(all="ignore"):
            for first in range(0, self.launch.blocks, at_once):
                self._start_blocks(first, min(self.launch.blocks, first + at_once))
                self._run_blocks()

    def _start_blocks(self, first: int, end: int) -> None:
        count = end - first
        self.lanes = self.threads * count
        self.first_thread, self.first_block = first * self.threads, first
        everyone = np.arange(self.lanes)
        self.thread, self.block = everyone % self.threads, everyone // self.threads
        self.lane_in_warp = self.thread % WARP
        self.warp = self.block * self.warps_per_block + self.thread // WARP
        self.warp_total = count * self.warps_per_block
        self.shared = np.full(self.shared_layout.stride * count, UNWRITTEN, np.uint8)
        self.local = np.zeros(self.local_size * self.lanes, np.uint8)
        self.block_clock = np.zeros(count, np.int64)
        self.warp_clock = np.zeros(self.warp_total, np.int64)
        self.epoch = 0
        self.exited = np.zeros(self.lanes, bool)
        self.barriers.start_blocks(count)
        if self.races:
            self.races.start_blocks()
        self._specials: dict[str, np.ndarray] = {}
        self.registers: dict[str, np.ndarray] = {}
        self._private: set[str] = set()  # registers of all lanes that may be written in place
        self.pending: dict[int, list[np.ndarray]] = {0: [everyone]}
        self._since: dict[int, int] = {}
        self._parked: dict[int, list[np.ndarray]] = {}
        self._tick = 0
        # "warps": the rank of each lane's warp in its block's random order
        self._rank = self.rng.permutation(self.warps_per_block)[self.thread // WARP]

    def _run_blocks(self) -> None:
        while self.pending or (not self._parked and self.barriers.waiting):
            if self.pending:
                self._run_group(*self._next_group())
            else:
                raise self.barriers.divergence()
        if self._parked:
            pc = min(self._parked)
            who = self.who(self._parked[pc][0][0])
            raise self.fault(
                BarrierDivergence,
                pc,
                f"{who} waits for lanes of its mask that never come here "
                "(they took another branch or returned)",
                "a warp function that not all lanes of its mask reach",
            )

    def _next_group(self) -> tuple[int, np.ndarray]:
        """The group to run: its program counter and its lanes, ascending."""
        self._tick += 1
        if not self.in_order:
            pc, lanes = self._next_warp()
        else:
            pc = min(self.pending, key=self.program.rank.__getitem__)
            if len(self.pending) > 1:
                oldest = min(self.pending, key=lambda p: self._since.get(p, 0))
                if self._tick - self._since.get(oldest, 0) > PATIENCE:
                    pc = oldest
            self._since.pop(pc, None)
            groups = self.pending.pop(pc)
            lanes = groups[0] if len(groups) == 1 else np.sort(np.concatenate(groups))
        if pc in self._parked:
            lanes = np.sort(np.concatenate([lanes, *self._parked.pop(pc)]))
        return pc, lanes

    def _next_warp(self) -> tuple[int, np.ndarray]:
        """In each block the first warp, in its random order, that can run."""
        ranks = self._rank
        first = min(int(ranks[g].min()) for groups in self.pending.values() for g in groups)
        places = self.pending.items()
        ready = (p for p, groups in places if any((ranks[g] == first).any() for g in groups))
        pc = min(ready, key=self.program.rank.__getitem__)
        oldest = min(self.pending, key=lambda p: self._since.get(p, 0))
        if self._tick - self._since.get(oldest, 0) > PATIENCE:
            pc = oldest
            first = int(ranks[self.pending[pc][0]].min())
        self._since.pop(pc, None)
        lanes = np.sort(np.concatenate(self.pending.pop(pc)))
        mine = ranks[lanes] == first
        if not mine.all():
            self.pending[pc] = [lanes[~mine]]
            self._since[pc] = self._tick
        return pc, lanes[mine]

    def _run_group(self, pc: int, lanes: np.ndarray) -> None:
        """Runs a group to the end of its basic block, or on while all lanes stay together."""
        self.active, self.count = lanes, len(lanes)
        self.whole = self.count == self.lanes
        self.here = self.registers if self.whole else {}
        self.written: set[str] = set()
        self._count_warps()
        functions, leaders = self.program.functions, self.program.leaders
        while True:
            start = pc
            go = None
            try:
                while go is None:
                    go = functions[pc](self)
                    pc += 1
                    if go is None and pc in leaders:
                        go = [(pc, None)]
            except CudaError:
                self.counters.ran(start, pc + 1, self.warp_count, self.count)
                raise
            self.steps += pc - start
            self.counters.ran(start, pc, self.warp_count, self.count)
            self._check_limits(pc - 1)
            # Everyone goes the same way: no need to take leave of the registers.
            if self._all_go_on(go):
                pc = go[0][0]
                continue
            break
        self._keep_registers()
        for target, some in go:
            if target >= 0:
                self.resume(target, lanes if some is None else some)

    def _all_go_on(self, go: list) -> bool:
        alone = self.whole and self.in_order and not self.pending and not self._parked
        return alone and len(go) == 1 and go[0][1] is None and go[0][0] >= 0

    def _count_warps(self) -> None:
        warp = self.warp if self.whole else self.warp[self.active]
        self.active_warp = warp
        self.warp_count = 1 + int(np.count_nonzero(warp[1:] != warp[:-1]))

    def _check_limits(self, pc: int) -> None:
        limits = self.launch.limits
        if self.steps > limits.steps:
            raise self.fault(
                LimitReached, pc, f"stopped after {limits.steps:,} instructions: an endless loop?"
            )
        if time.monotonic() > self.deadline:
            raise self.fault(
                LimitReached, pc, f"stopped after {limits.seconds:g} s: an endless loop?"
            )

    # Registers

    def fetch(self, name: str, raw) -> np.ndarray:
        """A register of the active lanes, the first time that a group reads it."""
        value = self.registers.get(name)
        if value is None:
            value = np.zeros(1, raw)
        elif not self.whole and value.shape[0] != 1:
            value = value[self.active]
        self.here[name] = value
        return value

    def read(self, name: str, raw) -> np.ndarray:
        """A register of the active lanes, or of length 1 where it is the same for all."""
        value = self.here.get(name)
        return self.fetch(name, raw) if value is None else value

    def write(self, name: str, value: np.ndarray) -> None:
        """Writes a register of the active lanes."""
        self.here[name] = value
        self.written.add(name)

    def _keep_registers(self) -> None:
        """Puts what a group wrote into the registers of all lanes."""
        if self.whole:
            self._private -= self.written
            return
        for name in self.written:
            value = self.here[name]
            everyone = self.registers.get(name)
            if name not in self._private:  # may be shared with another register
                old = np.zeros(1, value.dtype) if everyone is None else everyone
                everyone = np.array(np.broadcast_to(old, (self.lanes,)))
                self.registers[name] = everyone
                self._private.add(name)
            everyone[self.active] = value

    def special(self, name: str) -> np.ndarray:
        """A special register such as %tid.x, uint32."""
        value = self._specials.get(name)
        if value is None:
            value = self._specials[name] = self.launch.special(name, self)
        return value if value.shape[0] == 1 or self.whole else value[self.active]

    # Groups

    def resume(self, pc: int, lanes: np.ndarray) -> None:
        """Lets lanes go on at `pc`, when their turn comes."""
        self.pending.setdefault(pc, []).append(lanes)
        self._since.setdefault(pc, self._tick)

    def park(self, pc: int, lanes: np.ndarray) -> None:
        """Lets lanes wait at a warp function until others arrive there."""
        self._parked.setdefault(pc, []).append(lanes)

    def leave(self, lanes: np.ndarray) -> None:
        """The lanes have returned from the kernel."""
        self.exited[lanes] = True
        self.barriers.leave(lanes)
        for pc in list(self._parked):  # those that wait for others look again
            for waiting in self._parked.pop(pc):
                self.resume(pc, waiting)

    def wait_at_barrier(self, pc: int, *vote) -> None:
        """The active lanes wait; their registers are kept now, as a vote may write one."""
        self._keep_registers()
        self.written = set()
        self.barriers.arrive(pc, self.active, *vote)

    def write_for(self, lanes: np.ndarray, put, value: np.ndarray) -> None:
        """Writes a register of lanes that are not the active ones."""
        before = self.active, self.count, self.whole, self.here, self.written
        self.active, self.count, self.whole = lanes, len(lanes), False
        self.here, self.written = {}, set()
        put(self, value)
        self._keep_registers()
        self.active, self.count, self.whole, self.here, self.written = before

    def tick_warps(self, warps: np.ndarray) -> None:
        """`__syncwarp`: what these warps did before is ordered before what they do next."""
        self.warp_clock[warps] += 1
        self.epoch += 1

    @contextmanager
    def only(self, some: np.ndarray):
        """Narrows the active lanes to a mask of them, for one access."""
        before = self.active, self.count, self.whole, self.warp_count, self.active_warp
        self.active = self.active[some]
        self.count, self.whole = len(self.active), False
        self._count_warps()
        try:
            yield
        finally:
            self.active, self.count, self.whole, self.warp_count, self.active_warp = before

    def for_lanes(self, mask: np.ndarray, run, pc: int):
        """Runs a predicated instruction for the lanes whose mask is set."""
        mask = np.broadcast_to(mask, (self.count,))
        if mask.all():
            return run(self)
        if not mask.any():
            return None
        outer, outer_written, lanes = self.here, self.written, self.active
        self.here = {k: v if v.shape[0] == 1 else v[mask] for k, v in outer.items()}
        self.written = set()
        with self.only(mask):
            go = run(self)
        inner, written = self.here, self.written
        self.here, self.written = outer, outer_written
        for name in written:
            old = self.read(name, inner[name].dtype)
            value = np.array(np.broadcast_to(old, (self.count,)))
            value[mask] = inner[name]
            self.write(name, value)
        return None if go is None else [*go[1:], (pc + 1, lanes[~mask])]

    # Counting

    def met_branch(self, pc: int) -> None:
        self.counters.branches[pc] += self.warp_count

    def split_branch(self, pc: int, *groups: np.ndarray) -> None:
        """Counts the warps whose lanes go different ways."""
        ways = np.zeros((len(groups), self.warp_total), bool)
        for way, lanes in zip(ways, groups, strict=True):
            way[self.warp[lanes]] = True
        self.counters.splits[pc] += int(np.count_nonzero(ways.sum(0) > 1))

    def print(self, text: str) -> None:
        if len(self.printed) >= self.launch.limits.printed:
            raise LimitReached(f"the kernel printed more than {self.launch.limits.printed} times")
        self.printed.append(text)

    # Memory

    def array(self, number: int):
        """The array of global memory with this number, or None."""
        arrays = self.launch.arrays
        return arrays[number - 1] if 1 <= number <= len(arrays) else None

    def bytes_at(self, address: int) -> np.ndarray:
        """The bytes of global memory from an address to the end of its array, if it is in one."""
        array = self.array(address >> ARRAY_SHIFT)
        return array.data[address & OFFSET_MASK :] if array else np.zeros(0, np.uint8)

    def local_bytes(self, lane: int, address: int) -> np.ndarray:
        """A thread's local memory from an address on."""
        mine = self.local[lane * self.local_size : (lane + 1) * self.local_size]
        return mine[address & OFFSET_MASK :]

    # Words

    def fault(self, error: type[CudaError], pc: int, message: str, kind: str = "") -> CudaError:
        """An error at an instruction, with its line."""
        return error(message, line=self.line(pc), quote=self.quote(pc), kind=kind)

    def line(self, pc: int) -> int:
        return self.program.code[pc].line

    def quote(self, pc: int) -> str:
        """The line of the source that an instruction belongs to."""
        return self.program.quote(self.line(pc))

    def is_volatile(self, pc: int) -> bool:
        return pc in self.program.volatile

    def who(self, lane: int) -> str:
        """A lane of those that run now, in words."""
        return self.thread_name(int(lane) + self.first_thread)

    def thread_name(self, number: int) -> str:
        """A thread of the launch, by number, in words."""
        block, thread = divmod(number, self.threads)
        return f"block {_xyz(block, self.launch.grid)} thread {_xyz(thread, self.launch.block)}"


def _xyz(number: int, shape: tuple[int, int, int]) -> str:
    x, y, _ = shape
    return f"({number % x},{number // x % y},{number // (x * y)})"
