"""Exercise 6.3: answers that nobody listed, right and wrong, and what their verdicts say."""

import pytest
import torch
from stopwatch import Stopwatch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex6_3.answers import Recalibrate, batch_by_batch


def verdict_on(answer, seed="s"):
    return judge(exercise("6.3"), (answer,), seed)


def variant(**methods):
    return type("Recalibrate", (Recalibrate,), methods)()


def test_a_verdict_takes_less_than_a_second():
    verdict_on(Recalibrate())
    watch = Stopwatch()
    assert verdict_on(Recalibrate()).ok
    assert watch.seconds < 1


def forever_trainable(model, loader, keep=()):
    with torch.inference_mode():
        batch_by_batch(model, loader, keep)


def freezes_parameters(model, loader, keep=()):
    model.requires_grad_(False)
    Recalibrate()(model, loader, keep)


def replaces_forward(model, loader, keep=()):
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.forward = module.forward
    Recalibrate()(model, loader, keep)


def as_long_as_the_first(self, layer, n, seen, number):
    """Weighs by batches, the last one by its size: right with equal batches only."""
    return 1 / number if number < 3 else n / seen


UNLISTED = {
    "buffers made in inference mode": forever_trainable,
    "parameters frozen for good": freezes_parameters,
    "a forward of the layer's own": replaces_forward,
    "by batches, but for the last": variant(share=as_long_as_the_first),
    "nothing at all": lambda model, loader, keep=(): None,
    "no keep": lambda model, loader: Recalibrate()(model, loader),
    "a class": type("Recalibrator", (), {"__init__": lambda self, model, loader, keep=(): None}),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_wrong_answers_that_are_not_listed_lose_marks(name):
    for seed in ("s", "t"):
        assert not verdict_on(UNLISTED[name], seed).ok


def test_buffers_that_cannot_be_trained_on_are_explained():
    assert "copy_" in str(verdict_on(forever_trainable))


def test_the_library_helper_is_named():
    verdict = verdict_on(lambda model, loader, keep=(): update_bn(loader, model))
    assert verdict.mistakes == ("update_bn",)


def test_a_missing_keep_is_said():
    assert "keep" in str(verdict_on(UNLISTED["no keep"]))


def test_two_slips_at_once_lose_marks():
    both = variant(
        share=lambda self, layer, n, seen, number: 1 / number,
        restore_modes=lambda self, model, before: model.eval(),
    )
    verdict = verdict_on(both)
    assert not verdict.ok
    assert {"every batch weighs the same", "model left in eval mode"} <= set(verdict.mistakes)


def test_three_slips_that_hide_each_other_are_not_taken_for_others():
    class Several(Recalibrate):
        kinds = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
        share = staticmethod(lambda layer, n, seen, number: 1 / number)

        def restore_modes(self, model, before):
            model.train(before[0][1])

    assert verdict_on(Several()).mistakes == (
        "every batch weighs the same",
        "one mode for all modules",
    )


def test_layers_are_named_where_their_statistics_are_wrong():
    assert "running_mean of layers 1, 5, 9" in str(verdict_on(UNLISTED["nothing at all"]))
