"""The table of a trial, and what a difference between two accuracies is worth."""

import numpy as np
import pytest

from bnlab.trials import grid
from bnlab.trials.chance import images_needed, pairs_apart, standard_error


def test_a_field_holds_a_number_per_seed_and_reads_as_its_median():
    found = grid(
        lambda row, column, seed: row * 100 + column * 10 + seed, (1, 2), (3, 4), (0, 1, 5)
    )
    assert found[2, 3] == 231
    np.testing.assert_array_equal(found.values[1, 4], [140, 141, 145])
    lines = repr(found.table("row")).split("\n")
    assert lines[0].split() == ["row", "3", "4"]
    assert lines[2].startswith("2") and "231.00 (230.00–235.00)" in lines[2]


def test_a_table_writes_as_it_is_told():
    found = grid(lambda row, column, seed: seed, ["a"], ["b"], (1, 3))
    assert found.table("x", write=lambda v: f"{max(v)}!").rows == [["a", "3!"]]


@pytest.mark.parametrize("empty", range(3))
def test_an_empty_trial_is_refused(empty):
    parts = [("a",), ("b",), (0,)]
    parts[empty] = ()
    with pytest.raises(ValueError, match="nothing to run"):
        grid(lambda *_: 0.0, *parts)


def test_the_standard_error_is_that_of_many_test_sets():
    rng = np.random.default_rng(0)
    measured = rng.binomial(360, 0.97, 100_000) / 360
    assert abs(standard_error(0.97, 360) / measured.std() - 1) < 0.01


@pytest.mark.parametrize(("p", "gain"), [(0.95, 0.02), (0.6, 0.1)])
def test_with_the_images_needed_four_of_five_experiments_find_the_gain(p, gain):
    n = images_needed(p, gain)
    rng = np.random.default_rng(0)
    a, b = (rng.binomial(n, share, 20_000) / n for share in (p, p + gain))
    error = np.sqrt((a * (1 - a) + b * (1 - b)) / n)
    assert abs((np.abs(b - a) > 1.96 * error).mean() - 0.8) < 0.02


def test_a_loss_needs_as_many_images_as_the_gain_back():
    assert images_needed(0.95, -0.05) == images_needed(0.90, 0.05)


@pytest.mark.parametrize(("p", "gain"), [(0.9, 0.0), (0.99, 0.02), (-0.1, 0.2)])
def test_impossible_gains_are_refused(p, gain):
    with pytest.raises(ValueError, match="expected both in"):
        images_needed(p, gain)


def test_pairs_apart_counts_each_pair_once():
    # Gaps: 0.01, 0.02, 0.03, 0.01, 0.02, 0.01.
    assert pairs_apart([0.90, 0.91, 0.92, 0.93], 0.02) == 0.5
    assert pairs_apart([0.5, 0.5], 0.001) == 0.0
    with pytest.raises(ValueError, match="two runs"):
        pairs_apart([0.5], 0.1)
