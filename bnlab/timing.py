"""Times of several implementations on a machine that has other things to do."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping

import numpy as np

# What this thread itself took: waiting while another program holds the processor
# does not count. Where that clock is coarse (Windows), the time on the wall.
CLOCK = (
    time.thread_time if time.get_clock_info("thread_time").resolution < 1e-6 else time.perf_counter
)


def page_faults() -> int:
    """Page faults of this process so far; without disk access where the system tells them apart.

    Source: getrusage(2), `ru_minflt`; on Windows, PROCESS_MEMORY_COUNTERS.PageFaultCount.
    """
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return psutil.Process().memory_info().num_page_faults
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def interleaved(
    contestants: Mapping[str, Callable[[], object]], rounds: int = 15, seed: int = 0
) -> dict[str, np.ndarray]:
    """Processor seconds per call of each contestant, called once a round in random order.

    Whatever slows the machine down for a while then hits all of them alike, and
    ratios within a round hold where single times do not.

    Args:
        contestants: called without arguments, once more before the first round.
            Work that they hand to other threads is not counted.
        rounds: at least 1.
        seed: of the order.

    Returns:
        (rounds,) per name.
    """
    rng = np.random.default_rng(seed)
    names = list(contestants)
    seconds = {name: np.empty(rounds) for name in names}
    for name in names:
        contestants[name]()
    for i in range(rounds):
        for name in rng.permutation(names):
            start = CLOCK()
            contestants[name]()
            seconds[name][i] = CLOCK() - start
    return seconds


def times_as_long(seconds: Mapping[str, np.ndarray], unit: str) -> dict[str, np.ndarray]:
    """Lower quartile, median and upper quartile of the ratio to `unit`, per contestant.

    Args:
        seconds: from `interleaved`.
        unit: the contestant that counts as 1.

    Returns:
        (3,) per name, in the order of the quartiles.
    """
    return {
        name: np.percentile(taken / seconds[unit], [25, 50, 75]) for name, taken in seconds.items()
    }


def machine() -> str:
    """Name and number of the processors, such as "AMD EPYC, 2 cores"."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            found = [line.split(":", 1)[1] for line in lines if line.startswith("model name")]
        name = " ".join(found[0].split()) if found else name
    except OSError:  # not Linux
        pass
    return f"{name}, {os.cpu_count()} cores"
