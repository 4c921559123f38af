"""Exercise 6.6: answers that nobody listed, right and wrong, and what their verdicts say."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex6_6.answers import Folding

FOLDING = Folding()


def verdict_on(answer, seed="s"):
    return judge(exercise("6.6"), (answer,), seed)


def refusing(fuse):
    """Refuses what has to be refused, then calls `fuse`."""

    def answer(conv, bn):
        FOLDING.refuse(conv, bn)
        return fuse(conv, bn)

    return answer


def hooked(conv, bn):
    """Hides the batch norm in a hook."""
    layer, norm = copy.deepcopy(conv), copy.deepcopy(bn)
    layer.bias = nn.Parameter(torch.zeros(bn.num_features, dtype=conv.weight.dtype))
    layer.register_forward_hook(lambda module, x, y: norm(y))
    return layer


def keeps_settings_for_itself(conv, bn):
    layer = FOLDING(conv, bn)
    conv.stride = tuple(2 * s for s in conv.stride)
    return layer


UNLISTED = {
    "nothing": lambda conv, bn: None,
    "conv itself": lambda conv, bn: conv,
    "a copy of conv": lambda conv, bn: copy.deepcopy(conv),
    "both in a row": lambda conv, bn: nn.Sequential(conv, bn),
    "hooked": hooked,
    "changes a setting": keeps_settings_for_itself,
    "a tuple": lambda conv, bn: (FOLDING(conv, bn), bn),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_answers_that_are_no_mistake_by_name_fail(name):
    assert not verdict_on(refusing(UNLISTED[name])).passed > 2


@pytest.mark.parametrize(
    "name, words",
    [
        ("nothing", "returned None"),
        ("both in a row", "returned Sequential; expected a new Conv2d"),
        ("hooked", "calls PyTorch's own `batch_norm`"),
        ("changes a setting", "changed `conv.stride`"),
    ],
)
def test_a_wrong_form_is_told_in_words(name, words):
    assert words in str(verdict_on(refusing(UNLISTED[name])))


def test_pytorchs_function_fails_where_it_cannot_fold():
    """It has no groups for transposed weights, and asks for conv in eval mode as well."""
    verdict = verdict_on(refusing(lambda c, b: fuse_conv_bn_eval(c, b, transpose=c.transposed)))
    failed = {failure.case for failure in verdict.failures}
    assert failed == {
        "transposed, two groups",
        "the convolution in training mode, the batch norm not",
    }


def test_an_exception_of_its_own_kind_is_a_value_error():
    class NotFoldable(ValueError):
        pass

    def answer(conv, bn):
        if bn.training or bn.running_mean is None:
            raise NotFoldable
        return FOLDING(conv, bn)

    assert verdict_on(answer).ok


def test_a_verdict_tells_layer_and_place():
    says = str(verdict_on(FOLDING.__class__.__call__))  # takes three arguments: raises
    assert "Conv2d(3, 5, kernel_size=3, padding=1), BatchNorm2d(5) in eval mode" in says
