"""Kernels of batch normalization agree with NumPy on awkward shapes, with no false alarm: those of
the book, common ones, and some of other kinds that no chapter shows."""

import numpy as np
import pytest
from chapter_kernels import BOOK, BROKEN, FOLDER
from recipes import RECIPES, Batch, Recipe, combinations
from unseen import UNSEEN

SHAPES = [
    (4, 8, 8, 8),
    (3, 5, 7, 7),  # H·W no multiple of 32
    (2, 1, 3, 5),  # one channel, fewer values than threads
    (5, 40, 3, 6),  # more than 32 channels, ragged
]
CASES = [
    pytest.param(
        recipe,
        shape,
        threads,
        id=f"{recipe}-{'x'.join(map(str, shape))}-{threads}",
        marks=[] if usual else pytest.mark.slow,
    )
    for recipe, shape, threads, usual in combinations(
        [*RECIPES.values(), *UNSEEN.values(), *BOOK], SHAPES
    )
]


def test_every_kernel_of_the_book_has_a_recipe():
    files = {path.name for path in FOLDER.glob("*.cu")}
    assert files, "no kernels found"
    known = {recipe.file for recipe in BOOK} | BROKEN
    assert files == known, "add its launch to chapter_kernels.py, or take it out there"


def agree(recipe: Recipe, batch: Batch, threads: int, **options) -> None:
    reports, arrays = recipe.run(batch, threads, **options)
    for report in reports:
        assert report.error is None, report.error
        assert report.races == (), [race.sentence for race in report.races]
    assert recipe.difference(batch, arrays) <= recipe.tolerance


@pytest.mark.parametrize(("recipe", "shape", "threads"), CASES)
def test_agrees_with_numpy_in_both_schedules(recipe, shape, threads):
    agree(recipe, Batch(shape), threads)
    agree(recipe, Batch(shape), threads, schedule="warps", seed=3)


def test_a_wrong_kernel_disagrees():
    recipe, batch = RECIPES["fused_forward.cu"], Batch(SHAPES[1])
    wrong = recipe.code.replace("rsqrtf(", "1.f / (")
    assert wrong != recipe.code
    reports, arrays = recipe.run(batch, code=wrong)
    assert reports[0].ok and recipe.difference(batch, arrays) > 0.1


@pytest.mark.parametrize("file", ["welford_moments.cu", "tree_moments.cu", "fused_forward.cu"])
def test_stable_far_from_zero(file):
    """A mean of a thousand standard deviations: E[x²] − E[x]² would lose every digit of the
    variance."""
    recipe, batch = RECIPES[file], Batch((4, 6, 5, 5), offset=1000)
    _, arrays = recipe.run(batch)
    got = arrays["var"] if "var" in arrays else 1 / arrays["inv_std"].astype("f8") ** 2 - 1e-5
    np.testing.assert_allclose(got, batch.var, rtol=1e-3)
