"""The ways to compute a variance agree in double precision and keep their dtype."""

import numpy as np
import pytest

from bnlab.variance import METHODS, condition, pairwise, relative_error

X = np.random.default_rng(0).normal(3, 2, size=(5, 64))


@pytest.mark.parametrize("name", METHODS)
def test_methods_agree_with_numpy(name):
    np.testing.assert_allclose(METHODS[name](X), X.var(axis=1), rtol=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_methods_compute_in_the_precision_of_the_input(name):
    single = X.astype(np.float32)
    before = single.copy()
    assert METHODS[name](single).dtype == np.float32
    np.testing.assert_array_equal(single, before)


@pytest.mark.parametrize(("name", "worst"), [("naive", 1e3), ("Welford", 1e-2), ("two-pass", 1e-5)])
def test_order_of_the_methods_at_a_large_offset(name, worst):
    x = (np.random.default_rng(1).normal(size=(32, 1024)) + 1e4).astype(np.float32)
    error = np.abs(relative_error(METHODS[name], x)).max()
    assert worst / 1e4 < error < worst


def test_condition_is_about_mean_over_std():
    x = np.random.default_rng(2).normal(1000, 1, size=(3, 500))
    np.testing.assert_allclose(condition(x), 1000, rtol=0.1)


def test_pairwise_refuses_other_lengths():
    with pytest.raises(ValueError, match="power of two"):
        pairwise(np.zeros((1, 6)))
