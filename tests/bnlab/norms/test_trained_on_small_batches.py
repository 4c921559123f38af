"""What chapter 5.2 says, with more rates, controls and seeds than the page has time for."""

import numpy as np
import pytest

from bnlab.norms.blend import BlendedBatchNorm
from bnlab.norms.renorm import BatchRenorm
from bnlab.small_batches import only_the_top_trained
from bnlab.training import cnn, load, mlp, sweep

pytestmark = pytest.mark.slow


def net(norm):
    return lambda seed: mlp(3, 64, norm, seed=seed)


def medians(arms, over, values, seeds=range(5), data=None, **options):
    """Arm → median test accuracy at each value."""
    results = sweep(arms, over, values, seeds, data, progress=False, **options)
    return {arm: np.median(results.accuracies(arm), axis=0) for arm in arms}


def test_at_a_batch_of_2_no_learning_rate_saves_batch_norm():
    rates = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
    of = medians({"BN": net("bn"), "GN": net("gn")}, "lr", rates, batch_size=2, epochs=1)
    assert of["BN"].max() < 0.55 and of["GN"].max() > 0.87


def test_a_last_map_of_one_pixel_spoils_batch_norm_alone():
    def small_cnn(norm, init="default"):
        return lambda seed, stride: cnn(norm, (16, 32, 32), (2, 2, stride), init=init, seed=seed)

    arms = {n: small_cnn(n) for n in ("bn", "gn", "ln")} | {"none": small_cnn("none", "he")}
    of = medians(arms, "stride", (1, 2), range(3), load("digits"), lr=0.03, batch_size=2, epochs=1)
    assert of["bn"][0] > 0.86 and of["bn"][1] < 0.6
    assert all(of[arm].min() > 0.78 for arm in ("gn", "ln", "none"))


def test_renorm_at_a_batch_of_2_learns_with_its_top_alone():
    def renorm(width):
        return BatchRenorm(width, momentum=0.01, start=50, r_end=500, d_end=300)

    arms = {"all": net(renorm), "top": lambda seed: only_the_top_trained(net(renorm)(seed))}
    of = medians(arms, "lr", (0.01, 0.03), batch_size=2, epochs=1)
    assert (of["top"] > of["all"] - 0.03).all() and of["top"].max() > 0.75


def test_the_blend_learns_from_batches_of_one():
    arms = {"blend": net(lambda width: BlendedBatchNorm(width, momentum=0.01))}
    of = medians(arms, "lr", (0.01,), range(3), batch_size=1, epochs=1)
    assert of["blend"][0] > 0.6
