"""8.3 A machine whose times are known: functions that take scripted time, and a clock that shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

# All times are multiples of a tick, so that differences are exact: a ratio that is exactly the
# target is that for everybody.
TICK = 2.0**-40
READING = 2.0**-22  # seconds that reading the clock takes
STARTS = 1024.0


class Machine:
    """Time passes in calls of its functions and of its clock alone.

    Args:
        seed: of the noise.
        eager, shipped: seconds of a call at rest.
        first: so many first calls of each function take five times as long.
        drift: share by which every call of either makes the next ones slower.
        cold: share that a call takes longer if it is the first one of a pair of calls.
        spikes: share of the calls that take nine times as long.
        slower: factor on the shipped one.
    """

    def __init__(self, seed, eager, shipped, first=0, drift=0.0, cold=0.0, spikes=0.0, slower=1.0):
        self.rng = np.random.default_rng(seed)
        self.seconds = {"eager": eager, "shipped": shipped * slower}
        self.first, self.drift, self.cold, self.spikes = first, drift, cold, spikes
        self.now, self.read, self.calls = STARTS, 0, Counter()
        # A row per call, whoever makes it: another order of calls meets other noise.
        self.noise = self.rng.uniform(1, 1.2, 4096)
        self.long = self.rng.random(4096) < spikes

    def clock(self) -> float:
        self.read += 1
        self.now += READING
        return self.now

    def function(self, name: str) -> Callable[[], None]:
        def run():
            total = self.calls.total()
            seconds = self.seconds[name] * self.noise[total % 4096] * (1 + self.drift * total)
            seconds *= 5 if self.calls[name] < self.first else 1
            seconds *= 1 + self.cold * (total % 2 == 0)
            seconds *= 9 if self.long[total % 4096] else 1
            self.calls[name] += 1
            self.now += round(seconds / TICK) * TICK

        return run
