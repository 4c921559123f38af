"""`__syncthreads()`: who waits, when all are there, and what it means if some never come."""

from __future__ import annotations

import numpy as np

from bnlab.cuda.errors import BarrierDivergence, CudaError
from bnlab.cuda.report import Note


class Barriers:
    """The barriers of the blocks that run now.

    On compute capability 7.0 and later a barrier waits for the threads that have not returned:
    an early `return` is no error, but worth a note.
    Source: CUDA C++ Programming Guide, section "Synchronization Functions".
    """

    def __init__(self, machine):
        self.m = machine
        self.notes: dict[int, Note] = {}

    def start_blocks(self, count: int) -> None:
        self.alive = np.full(count, self.m.threads)
        self.arrived = np.zeros(count, np.int64)
        self.waiting: list[tuple[int, np.ndarray]] = []
        self.votes: dict[int, list] = {}

    def arrive(self, pc: int, lanes: np.ndarray, votes=None, kind="", put=None) -> None:
        """Lanes reach a barrier and wait; perhaps they vote (`__syncthreads_count` and kin)."""
        if kind:
            self.votes.setdefault(pc, []).append((lanes, votes, kind, put))
        self.waiting.append((pc, lanes))
        self.arrived += np.bincount(self.m.block[lanes], minlength=len(self.arrived))
        self._release()

    def leave(self, lanes: np.ndarray) -> None:
        """Lanes have returned: the others need not wait for them."""
        self.alive -= np.bincount(self.m.block[lanes], minlength=len(self.alive))
        if self.waiting:
            self._release()

    def _release(self) -> None:
        """Lets the blocks go on whose living threads are all there."""
        ready = (self.arrived == self.alive) & (self.arrived > 0)
        if not ready.any():
            return
        gone: dict[int, list[np.ndarray]] = {}
        kept = []
        for pc, lanes in self.waiting:
            mine = ready[self.m.block[lanes]]
            if mine.any():
                gone.setdefault(pc, []).append(lanes[mine])
            if not mine.all():
                kept.append((pc, lanes[~mine]))
        self._check_one_place(gone)
        self._note_returned(ready, gone)
        self.waiting = kept
        self.arrived[ready] = 0
        self.m.block_clock[ready] += 1
        self.m.warp_clock.reshape(len(ready), -1)[ready] += 1
        self.m.epoch += 1
        for pc, groups in gone.items():
            lanes = np.sort(np.concatenate(groups))
            if pc in self.votes:
                self._count_votes(pc, lanes)
            self.m.resume(pc + 1, lanes)

    def _check_one_place(self, gone: dict[int, list[np.ndarray]]) -> None:
        """A block whose threads wait at two different barriers is an error."""
        place: dict[int, int] = {}
        for pc, groups in gone.items():
            for block in np.unique(self.m.block[np.concatenate(groups)]).tolist():
                if self.m.line(place.setdefault(block, pc)) != self.m.line(pc):
                    raise self.divergence(block)

    def _note_returned(self, ready: np.ndarray, gone: dict) -> None:
        short = ready & (self.alive < self.m.threads)
        if not short.any():
            return
        block = int(np.argmax(short))
        returned = self.m.threads - int(self.alive[block])
        pc = min(gone)
        line = self.m.line(pc)
        says = (
            f"{returned} of the {self.m.threads} threads of a block had returned before this "
            "__syncthreads(), which waits for the others only: what they should have done here "
            "stays undone"
        )
        self.notes.setdefault(line, Note(line, self.m.quote(pc), says))

    def _count_votes(self, pc: int, going: np.ndarray) -> None:
        """The result of `__syncthreads_count`, `_or` or `_and`, for the blocks that go on."""
        m, entries = self.m, self.votes.pop(pc)
        kind, put = entries[0][2:]
        lanes = np.concatenate([e[0] for e in entries])
        votes = np.concatenate([e[1] for e in entries])
        count = np.bincount(m.block[lanes], votes, len(self.alive)).astype(np.int64)
        result = {"popc": count.astype(np.uint32), "or": count > 0, "and": count == self.alive}
        m.write_for(going, put, result[kind][m.block[going]])
        left = [
            (some[stay], vote[stay], kind, put)
            for some, vote, *_ in entries
            if (stay := ~np.isin(some, going)).any()
        ]
        if left:
            self.votes[pc] = left

    def divergence(self, block: int | None = None) -> CudaError:
        """What to say of a block that cannot go on."""
        m = self.m
        if block is None:
            block = int(np.argmax(self.arrived > 0))
        parts = []
        for pc, lanes in self.waiting:
            waiting = m.thread[lanes[m.block[lanes] == block]]
            if len(waiting):
                parts.append(f"{_threads(waiting)} at line {m.line(pc)}")
        mine = slice(block * m.threads, (block + 1) * m.threads)
        returned = m.thread[mine][m.exited[mine]]
        if len(returned):
            parts.append(f"{_threads(returned)} returned already")
        pc = next(pc for pc, lanes in self.waiting if (m.block[lanes] == block).any())
        name = m.thread_name((m.first_block + block) * m.threads).split(" thread")[0]
        return m.fault(
            BarrierDivergence,
            pc,
            f"not all threads of {name} reach the same __syncthreads(): " + "; ".join(parts),
            "a barrier that not all threads reach",
        )


def _threads(numbers: np.ndarray) -> str:
    """ "128 threads (0 to 127)" """
    numbers = np.sort(numbers)
    if len(numbers) > 1 and (np.diff(numbers) == 1).all():
        which = f"{numbers[0]} to {numbers[-1]}"
    else:
        which = ", ".join(map(str, numbers[:4])) + (", …" if len(numbers) > 4 else "")
    return f"{len(numbers)} thread{'s' if len(numbers) > 1 else ''} ({which})"
