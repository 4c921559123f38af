"""How long a verdict takes, said in seconds of the machine on which the limits were chosen.

Processor time alone would fail a right grader on a slow machine. So it is divided by what this
machine needs for a fixed piece of work, beside what it took there.
"""

import time
from functools import cache

WORK_TOOK = 0.065  # seconds of processor time, for `work`, where the limits were chosen


def work() -> int:
    return sum(n * n % 7 for n in range(1_100_000))


@cache
def slowness() -> float:
    """How many times as long the work takes here, at least 1."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return max(1.0, min(times) / WORK_TOOK)


class Stopwatch:
    """Starts when it is made."""

    def __init__(self):
        self._factor = slowness()
        self._start = time.process_time()

    @property
    def seconds(self) -> float:
        """Since the start: processor time, in seconds of that machine."""
        return (time.process_time() - self._start) / self._factor
