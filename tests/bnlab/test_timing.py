"""Tests of the stopwatch: what it calls and how it compares, never how fast anything is."""

import time

import numpy as np

from bnlab import timing
from bnlab.timing import interleaved, machine, page_faults, times_as_long


def test_every_contestant_runs_once_a_round_and_once_to_warm_up():
    calls = []
    seconds = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 5)
    assert calls.count("a") == calls.count("b") == 6
    assert all(calls[i] != calls[i + 1] for i in range(2, 12, 2)), "each round has both"
    assert all(taken.shape == (5,) and (taken >= 0).all() for taken in seconds.values())


def test_ratios_are_taken_within_a_round():
    seconds = {"copy": np.array([1.0, 10.0, 2.0]), "slow": np.array([3.0, 30.0, 6.0])}
    assert np.allclose(times_as_long(seconds, "copy")["slow"], 3)
    assert np.allclose(times_as_long(seconds, "copy")["copy"], 1)


def test_machine_names_something():
    assert machine().endswith("cores") and len(machine()) > len(", 1 cores")


def test_waiting_does_not_count():
    seconds = interleaved({"sleep": lambda: time.sleep(0.02)}, rounds=3)["sleep"]
    assert timing.CLOCK is time.perf_counter or (seconds < 0.01).all()


def test_page_faults_count_fresh_memory():
    before = page_faults()
    np.empty(64 * 2**20, np.uint8).fill(1)
    assert page_faults() - before >= 16  # pages of 4 MiB at the most
