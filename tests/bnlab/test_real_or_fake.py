"""A judge of real and fake images, and what the make-up of its batches hides from it."""

import pytest
import torch

from bnlab.real_or_fake import MAKEUPS, judge, judged_rightly, train_judge, verdicts
from bnlab.training import load


@pytest.fixture(scope="module")
def images():
    data = load().flat()
    return data.x_train[:704], data.x_test[:320]


def test_a_pure_batch_hides_a_shift_exactly(images):
    """Linear layers and batch norm cancel x ↦ 0.7 x: the batches of both kinds look the same."""
    _, real = images
    says = verdicts(judge("bn"), real, 0.7 * real, "separate")
    torch.testing.assert_close(*says, atol=1e-2, rtol=1e-2)
    mixed = verdicts(judge("bn"), real, 0.7 * real, "mixed")
    assert (mixed[0] - mixed[1]).abs().max() > 0.1


def test_layer_norm_gives_the_same_verdict_in_both_makeups(images):
    _, real = images
    separate, mixed = (verdicts(judge("ln"), real, 0.7 * real, m) for m in MAKEUPS)
    for a, b in zip(separate, mixed, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_a_judge_trained_on_mixed_batches_fails_on_pure_ones(images):
    x, real = images
    model = train_judge(judge("bn"), x, 0.7 * x, "mixed", epochs=3)
    assert model.training
    # Ten seeds: 0.98 to 1, and 0.5.
    assert judged_rightly(model, real, 0.7 * real, "mixed") > 0.9
    assert judged_rightly(model, real, 0.7 * real, "separate") < 0.6


def test_another_makeup_is_refused(images):
    with pytest.raises(ValueError, match="separate, mixed"):
        verdicts(judge("bn"), *images, "alternating")
