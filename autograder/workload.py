"""How a kernel that reduces x shares out the work: how often it reads x, and with how many threads.

Right numbers do not show whether one thread did everything, or every thread did.
"""

from __future__ import annotations

import numpy as np

from autograder.kernels import Launched
from autograder.spec import AnswerError, Measured

READS, LOADS = "values read from x", "loads of x that most lanes sit out"
LANES = 32


def limits(x: np.ndarray, block: tuple[int, ...], walks: int) -> dict[str, np.ndarray]:
    """The most that a right kernel needs, for `Exercise.reference`.

    Args:
        x: shape (N, C, H, W), with a block for each channel.
        block: its threads.
        walks: how often x may be read.

    Every value is read `walks` times, and one more by each thread: the first of the channel, say,
    which is taken off. A walk through one image after the other needs N · ⌈HW / 32⌉ loads of
    warps for a channel, not all of them full. Twice that is allowed.
    """
    n, c, h, w = x.shape
    loads = c * (n * -(-h * w // LANES) * walks + -(-block[0] // LANES))
    reads = walks * x.size + c * block[0]
    return {READS: np.asarray(float(reads)), LOADS: np.asarray(2.0 * loads)}


def measured(
    launched: Launched, x: np.ndarray, block: tuple[int, ...], walks: int
) -> dict[str, Measured]:
    """The same of a launch, for `Exercise.call`."""
    reads = loads = 0
    if "x" in launched.arrays:
        traffic = launched.arrays["x"]
        reads = traffic.read // x.itemsize
        loads = sum(
            access.requests
            for _, access in launched.report.accesses
            if access.array == traffic.name and access.kind == "load"
        )
    spare = max(0.0, loads - reads / LANES)  # beyond loads in which all lanes take part
    most = limits(x, block, walks)
    again = "everyone reads everything" if reads >= block[0] * x.size else "one more walk"
    enough = {1: "Once", 2: "Twice", 3: "Three times"}[walks]
    says = f"`x` is read {reads / x.size:.1f} times over. {enough} is enough."
    few = (
        f"A load of x by a warp brings {reads / max(loads, 1):.1f} values on average, for its 32 lanes. "
        "Share out the values to all threads of the block."
    )
    return {
        READS: Measured(reads, says, again if reads > most[READS] else ""),
        LOADS: Measured(spare, few, "few threads" if spare > most[LOADS] else ""),
    }


def all_meet(launched: Launched) -> None:
    """Every thread of a block must come to every barrier.

    GPUs since 2017 do not wait for threads that have returned, so the lab makes a note of them and
    goes on. CUDA asks for more: a barrier in an `if` is allowed if it holds for the whole block.
    A barrier in an `if` of the last loop of a kernel shows in no other way.
    Source: CUDA C++ Programming Guide, section "Synchronization Functions".

    Raises:
        AnswerError: a thread has returned, and others wait at a barrier.
    """
    for note in launched.report.notes:
        kind = "threads returned before a barrier"
        line = f"line {note.line}: {note.quote}"
        raise AnswerError(f"{note.text}.", kind=kind, slip=kind, line=line)
