"""8.3 A race on the clock: right answers."""

from __future__ import annotations

import math
import statistics
import time
from itertools import cycle

import numpy as np


class Racer:
    """Right in every step; a mistake replaces one."""

    def __call__(self, eager, shipped, target, rounds=200, warmup=20, clock=time.perf_counter):
        functions = {"eager": eager, "shipped": shipped}
        self.warm_up(functions, warmup)
        times = self.times(functions, rounds, clock)
        ratio = self.ratio(times)
        report = {name: dict(p50=self.p50(t), p99=self.p99(t)) for name, t in times.items()}
        return report | dict(ratio=ratio, meets=self.meets(ratio, target))

    def warm_up(self, functions, warmup):
        for _ in range(warmup):
            for function in functions.values():
                function()

    def times(self, functions, rounds, clock):
        times = {name: np.zeros(rounds) for name in functions}
        for number in range(rounds):
            for name in self.order(number):
                times[name][number] = self.time(functions[name], clock)
        return times

    def order(self, number):
        return ("eager", "shipped") if number % 2 == 0 else ("shipped", "eager")

    def time(self, function, clock):
        start = clock()
        function()
        return clock() - start

    def p50(self, times):
        return np.median(times)

    def p99(self, times):
        return np.sort(times)[math.ceil(0.99 * len(times)) - 1]

    def ratio(self, times):
        return np.median(times["eager"] / times["shipped"])

    def meets(self, ratio, target):
        return bool(ratio >= target)


def variant(**methods):
    """An answer with some steps replaced."""
    return (type("Variant", (Racer,), methods)(),)


def _in_python(eager, shipped, target, rounds=200, warmup=20, clock=time.perf_counter):
    """Lists, the statistics module, three readings of the clock in a round."""
    for _ in range(warmup):
        eager()
        shipped()
    pairs = []
    for number in range(rounds):
        first, second = (shipped, eager) if number % 2 else (eager, shipped)
        a = clock()
        first()
        b = clock()
        second()
        c = clock()
        pairs.append((c - b, b - a) if number % 2 else (b - a, c - b))
    report = {}
    for name, times in zip(("eager", "shipped"), zip(*pairs, strict=True), strict=True):
        ranked = sorted(times)
        enough = [t for k, t in enumerate(ranked, 1) if 100 * k >= 99 * len(ranked)]
        report[name] = {"p50": statistics.median(ranked), "p99": enough[0]}
    ratio = statistics.median(e / s for e, s in pairs)
    return report | {"ratio": ratio, "meets": ratio >= target}


def _warm_one_after_the_other(self, functions, warmup):
    for function in functions.values():
        for _ in range(warmup):
            function()


def _in_turn(eager, shipped, target, rounds=200, warmup=20, clock=time.perf_counter):
    """The order from an endless cycle; the warm-up goes through the same measurement."""
    [answer] = variant(
        warm_up=lambda self, functions, warmup: [
            f() for _ in range(warmup) for f in (eager, shipped)
        ]
    )
    turns = cycle((("eager", "shipped"), ("shipped", "eager")))
    answer.order = lambda number: next(turns)
    answer.p99 = lambda times: np.percentile(times, 99, method="inverted_cdf")
    return answer(eager, shipped, target, rounds, warmup, clock)


RIGHT_WAYS = {
    "lists, three readings in a round": (_in_python,),
    "the order from a cycle, p99 by NumPy": (_in_turn,),
    "numbers of NumPy": variant(meets=lambda self, ratio, target: np.float64(ratio) >= target),
}
