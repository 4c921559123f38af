"""Kernels of batch normalization agree with NumPy on awkward shapes, with no false alarm."""

import numpy as np
import pytest
from recipes import RECIPES, Batch, Recipe
from unseen import UNSEEN

SHAPES = [
    (4, 8, 8, 8),
    (3, 5, 7, 7),  # H·W no multiple of 32
    (2, 1, 3, 5),  # one channel, fewer values than threads
    (5, 40, 3, 6),  # more than 32 channels, ragged
]
CASES = [
    pytest.param(recipe, shape, threads, id=f"{recipe}-{'x'.join(map(str, shape))}-{threads}")
    for recipe in [*RECIPES.values(), *UNSEEN.values()]
    for shape in SHAPES
    for threads in recipe.threads
    if recipe.fits(Batch(shape))
]


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
