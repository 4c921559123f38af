"""One warp at a time, in random order: what lockstep hides becomes a wrong number."""

import numpy as np
import pytest
from mutants import Mutant, mutants
from recipes import RECIPES, Batch

BATCH = Batch((2, 3, 17, 17))  # every thread of a block has a value of a channel
FILES = ["tree_moments.cu", "welford_moments.cu", "fused_forward.cu", "template_backward.cu"]
SEEDS = range(3)


def missing_barriers(file: str) -> list[Mutant]:
    """Without each __syncthreads in turn (__syncwarp orders the lanes of one warp, which run
    together in both schedules)."""
    lines = RECIPES[file].code.splitlines()
    return [m for m in mutants(RECIPES[file].code) if "__syncthreads" in lines[m.line - 1]]


SLIPS = [(file, mutant) for file in FILES for mutant in missing_barriers(file)]


def difference(file: str, mutant: Mutant, **options) -> float:
    reports, arrays = RECIPES[file].run(BATCH, code=mutant.code, **options)
    assert reports[0].error is None and reports[0].races, "not reported"
    return RECIPES[file].difference(BATCH, arrays)


def test_there_are_eight_barriers_to_miss():
    assert len(SLIPS) == 8


@pytest.mark.parametrize(("file", "mutant"), SLIPS, ids=[f"{f}: {m}" for f, m in SLIPS])
def test_a_missing_barrier_is_right_in_lockstep_and_wrong_one_warp_at_a_time(file, mutant):
    assert difference(file, mutant) <= RECIPES[file].tolerance
    gaps = [difference(file, mutant, schedule="warps", seed=seed) for seed in SEEDS]
    assert max(gaps) > 0.01


def test_the_same_seed_gives_the_same_order():
    file, mutant = SLIPS[1]
    runs = [
        RECIPES[file].run(BATCH, code=mutant.code, schedule="warps", seed=seed)[1]["mean"]
        for seed in (0, 0, 1, 2, 3)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert any(not np.array_equal(runs[0], other) for other in runs[2:])


def test_the_report_names_its_schedule():
    reports, _ = RECIPES["tree_moments.cu"].run(BATCH, schedule="warps")
    assert reports[0].schedule == "warps"
