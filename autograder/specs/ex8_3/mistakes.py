"""8.3 A race on the clock: what learners get wrong, and what to tell them."""

from __future__ import annotations

import time

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex8_3.answers import Racer, variant


def _one_after_the_other(self, functions, rounds, clock):
    return {
        name: np.array([self.time(function, clock) for _ in range(rounds)])
        for name, function in functions.items()
    }


def _whole_loop(self, functions, rounds, clock):
    times = {}
    for name, function in functions.items():
        start = clock()
        for _ in range(rounds):
            function()
        times[name] = np.full(rounds, (clock() - start) / rounds)
    return times


def _own_clock(self, function, clock):
    return Racer.time(self, function, time.perf_counter)


def _warm_up_kept(self, functions, rounds, clock):
    """`warmup` rounds more, all of them recorded."""
    return Racer.times(self, functions, rounds + self.warmup, clock)


def _remembered(self, functions, warmup):
    self.warmup = warmup


def _nothing(self, functions, warmup):
    """No warm-up."""


def _only_eager(self, functions, warmup):
    for _ in range(warmup):
        functions["eager"]()


def _of_medians(self, times):
    return np.median(times["eager"]) / np.median(times["shipped"])


MISTAKES = (
    Mistake(
        "one after the other",
        "All rounds of the eager model come first, then all of the shipped one. A machine that gets "
        "slower in between makes the second look slow. Run both in every round.",
        variant(times=_one_after_the_other),
    ),
    Mistake(
        "always the same first",
        "Every round starts with the eager model. Whoever runs second may find warm caches: let "
        "the order change from round to round.",
        variant(order=lambda self, number: ("eager", "shipped")),
    ),
    Mistake(
        "shipped first",
        "The first round starts with the shipped model. It starts with the eager one, and then the order "
        "changes.",
        variant(order=lambda self, number: Racer.order(self, number + 1)),
    ),
    Mistake(
        "no warm-up",
        "Nothing is called before the first round. First calls load and compile, and are slow once. "
        "Call both functions `warmup` times before, without recording.",
        variant(warm_up=_nothing),
    ),
    Mistake(
        "warm-up recorded",
        "The warm-up calls are among the times. They are there to be left out.",
        variant(warm_up=_remembered, times=_warm_up_kept),
    ),
    Mistake(
        "shipped model not warmed up",
        "Only the eager model is warmed up. Then the comparison is between a warm and a cold one.",
        variant(warm_up=_only_eager),
    ),
    Mistake(
        "a clock of its own",
        "The times come from another clock than the one that was handed in. Call `clock()`.",
        variant(time=_own_clock),
    ),
    Mistake(
        "one time for all rounds",
        "The loop as a whole is timed and divided by the rounds. That is a mean: it knows neither p50 nor p99.",
        variant(times=_whole_loop),
    ),
    Mistake(
        "mean for p50",
        "p50 is the mean. One long call moves it; the median is the time that half of the calls stay below.",
        variant(p50=lambda self, times: np.mean(times)),
    ),
    Mistake(
        "fastest for p50",
        "p50 is the fastest call. That is what the machine can do at best, not what a user waits.",
        variant(p50=lambda self, times: np.min(times)),
    ),
    Mistake(
        "maximum for p99",
        "p99 is the slowest call, whatever the number of rounds. p99 is the smallest time that at "
        "least 99 % of the calls do not exceed.",
        variant(p99=lambda self, times: np.max(times)),
    ),
    Mistake(
        "p99 between two calls",
        "p99 lies between two measured times: np.percentile interpolates unless told otherwise. Take the "
        "measured one: method='inverted_cdf', or sort and count.",
        variant(p99=lambda self, times: np.percentile(times, 99)),
    ),
    Mistake(
        "p99 one place too low",
        "p99 is one place too low in the sorted times: fewer than 99 % of them do not exceed it.",
        variant(p99=lambda self, times: np.sort(times)[int(0.99 * (len(times) - 1))]),
    ),
    Mistake(
        "p95 for p99",
        "p99 is the 95th percentile.",
        variant(p99=lambda self, times: np.percentile(times, 95, method="inverted_cdf")),
    ),
    Mistake(
        "ratio of the medians",
        "The ratio is that of the two medians. Take a ratio in each round and then their median: two "
        "calls of one round meet the same state of the machine.",
        variant(ratio=_of_medians),
    ),
    Mistake(
        "mean of the ratios",
        "The ratio is the mean of the rounds' ratios. One long call moves it: take the median.",
        variant(ratio=lambda self, times: np.mean(times["eager"] / times["shipped"])),
    ),
    Mistake(
        "ratio upside down",
        "The ratio is the shipped time over the eager one. It is eager over shipped: 2 means twice as fast.",
        variant(ratio=lambda self, times: np.median(times["shipped"] / times["eager"])),
    ),
    Mistake(
        "target must be exceeded",
        "A ratio that is exactly the target does not meet it. It does: ≥.",
        variant(meets=lambda self, ratio, target: bool(ratio > target)),
    ),
    Mistake(
        "milliseconds",
        "The times are in milliseconds. They are in seconds, as the clock gives them.",
        variant(
            p50=lambda self, times: 1e3 * Racer.p50(self, times),
            p99=lambda self, times: 1e3 * Racer.p99(self, times),
        ),
    ),
)
