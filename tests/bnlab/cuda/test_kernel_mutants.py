"""Every slip in a kernel is reported, in the right line; the kernels themselves are not."""

from collections import Counter

import pytest
from mutants import Mutant, mutants
from recipes import RECIPES, Batch
from unseen import UNSEEN

from bnlab import cuda

ALL = RECIPES | UNSEEN
SHAPES = [(4, 8, 8, 8), (3, 5, 7, 7)]
LIMITS = cuda.Limits(steps=300_000)

# Line of the slip -> lines where it may show: the accesses that the barrier parts, the lost
# addition, or what the bound guards.
WHERE = {
    "tree_moments.cu": {9: {10}, 16: {20, 21}, 19: {20}, 23: {20, 21, 27, 29}},
    "welford_moments.cu": {30: {33}, 32: {33}, 41: {44}, 44: {44}},
    "fused_forward.cu": {
        7: {9},
        9: {9},
        10: {9, 14},
        12: {15},  # a lane of the next warp waits for its warp, which waits for the block
        15: {16},
        17: {14},
        20: {21},
        22: {6},
        34: {36},
        35: {36},
        38: {40},
        39: {40},
        44: {47},
        45: {47},
    },
    "template_backward.cu": {11: {14, 15}, 13: {14}, 30: {33}, 31: {33}, 42: {45}, 43: {45}},
    "nhwc_sums.cu": {
        7: {7},
        8: {11, 12},
        9: {10},
        11: {11},
        12: {12},
        14: {16, 17},
        15: {16},
        16: {16},
        17: {17},
    },
    "nhwc_forward.cu": {21: {23}, 22: {23}, 29: {31}, 31: {31}, 32: {31, 35}, 37: {38}},
    "atomic_backward.cu": {9: {11}, 20: {20}, 21: {21}},
    "half_forward.cu": {
        12: {14},
        14: {14},
        15: {11},
        26: {27},
        # Whether this block is the last is then anybody's guess, and what follows with it.
        39: {37, 40, 43, 44, 49},
        42: {43},
        47: {49},
    },
    "group_norm.cu": {12: {12}, 31: {31}, 33: {34}, 38: {40}},
}
MUTANTS = [(file, mutant) for file in WHERE for mutant in mutants(ALL[file].code)]


def findings(file: str, shape: tuple[int, int, int, int], code: str = "") -> set[int]:
    """Lines of the error and of the races, over all launches up to the first error."""
    reports, _ = ALL[file].run(Batch(shape), code=code, limits=LIMITS)
    lines = {race.line for report in reports for race in report.races if not report.error}
    return lines | {report.error.line for report in reports if report.error}


@pytest.mark.parametrize(("file", "mutant"), MUTANTS, ids=[f"{f}: {m}" for f, m in MUTANTS])
def test_mutant_is_reported_in_the_right_line(file: str, mutant: Mutant):
    found = set().union(*(findings(file, shape, mutant.code) for shape in SHAPES))
    assert found, f"{mutant} is not reported"
    assert found <= WHERE[file][mutant.line], f"{mutant} shows in {sorted(found)}"


def test_no_slip_is_left_out():
    """57 mutants, of every kind; each listed line has one."""
    kinds = Counter(mutant.slip for _, mutant in MUTANTS)
    assert kinds == {"bound": 34, "barrier": 17, "atomic": 6}
    for file, where in WHERE.items():
        assert set(where) == {mutant.line for name, mutant in MUTANTS if name == file}


@pytest.mark.parametrize("file", WHERE)
def test_the_original_is_not_reported(file):
    for shape in [*SHAPES, (2, 1, 3, 5), (1, 33, 5, 1)]:
        assert findings(file, shape) == set()
