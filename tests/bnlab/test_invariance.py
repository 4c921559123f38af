"""The identities of chapter 1.4, and the ways in which they must fail."""

import numpy as np
import pytest

from bnlab.invariance import follow


def difference(a, b):
    return np.abs(a.losses - b.losses).max()


@pytest.fixture(scope="module")
def base():
    return follow(steps=40)


def test_longer_weights_need_a_squared_rate(base):
    assert difference(base, follow(lr=0.1 * 9, scale=3, steps=40)) < 1e-10
    assert difference(base, follow(lr=0.1 * 3, scale=3, steps=40)) > 1e-4


def test_every_step_adds_by_pythagoras(base):
    lengths = base.lengths**2
    np.testing.assert_allclose(lengths[1:], (lengths + (0.1 * base.gradients) ** 2)[:-1], 1e-12)


def test_the_effective_rate_is_rate_over_squared_length(base):
    assert base.effective.shape == (40, 2)
    np.testing.assert_allclose(base.effective[7, 1], 0.1 / base.lengths[7, 1] ** 2)


def test_weight_decay_is_a_schedule(base):
    decayed = follow(decay=0.2, steps=40)
    c = 1 - 0.1 * 0.2
    copied = follow(0.1 / c, copy_lengths=decayed.lengths, steps=40)
    growing = follow(growth=1 / c, steps=40)
    assert difference(decayed, copied) < 1e-10 and difference(decayed, growing) < 1e-10
    assert difference(decayed, base) > 1e-3
    np.testing.assert_allclose(copied.lengths, decayed.lengths)
