"""Exercise 6.2: answers that nobody listed, right and wrong, and what their verdicts say."""

import functools
import types

import pytest
import torch
from stopwatch import Stopwatch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex6_2.answers import batch_norms, fix_parameters
from autograder.specs.ex6_2.models import MODELS, made, with_fixed


@pytest.fixture(autouse=True, scope="module")
def warm():
    """What the first verdict loads is loaded."""
    verdict_on(each(into_a_class))


def verdict_on(answer, seed="s"):
    return judge(exercise("6.2"), (answer,), seed)


def each(freeze):
    """A freezing that treats each batch norm by itself; `freeze(layer)`."""

    def freeze_batchnorm(model, affine=True):
        for module in batch_norms(model):
            freeze(module)
            fix_parameters(module, affine)
        return model

    return freeze_batchnorm


class _Frozen:
    def train(self, mode=True):
        self.training = False
        return self


def into_a_class(layer):
    layer.__class__ = type("Frozen", (_Frozen, type(layer)), {})
    layer.train()


def ends_in_training_mode(layer):
    layer.eval()
    layer.train = types.MethodType(lambda self, mode=True: self, layer)
    layer.training = True


def without_mean(layer):
    layer.eval().train = types.MethodType(lambda self, mode=True: self, layer)
    layer.running_mean.zero_()


def counts_on(layer):
    def count(layer, args):
        layer.eval()
        layer.num_batches_tracked += 1

    layer.register_forward_pre_hook(count)


def resets(layer):
    layer.reset_running_stats()
    layer.eval().train = types.MethodType(lambda self, mode=True: self, layer)


def thaws_at_eval(layer):
    """Only train(True) is caught, by its own name for the mode."""
    layer.eval()
    layer.train = types.MethodType(lambda self, training=True: self, layer)


def plain_buffers(layer):
    layer.eval().train = types.MethodType(lambda self, mode=True: self, layer)
    for name in ("running_mean", "running_var"):
        value = getattr(layer, name)
        delattr(layer, name)
        setattr(layer, name, value)


def calls_eval(layer):
    """eval() is train(False), which calls eval()."""
    layer.eval()
    layer.train = types.MethodType(lambda self, mode=True: self.eval(), layer)


def follows_once(model, affine=True):
    """A counter lets the first train() pass."""
    for module in batch_norms(model):
        module.eval()
        fix_parameters(module, affine)
        calls = []

        def train(self, mode=True, calls=calls):
            calls.append(mode)
            return nn.Module.train(self, len(calls) > 1 and mode)

        module.train = types.MethodType(train, module)
    return model


UNLISTED = {
    "nothing at all": lambda model, affine=True: model,
    "left in training mode": each(ends_in_training_mode),
    "mean lost": each(without_mean),
    "counts": each(counts_on),
    "resets": each(resets),
    "buffers no longer registered": each(plain_buffers),
    "follows the second train()": follows_once,
    "calls eval()": each(calls_eval),
    "no affine": lambda model: each(into_a_class)(model),
    "a list": lambda model, affine=True: batch_norms(model),
    "replaced by a module without statistics": lambda model, affine=True: nn.Sequential(model),
    "parameters cleared": lambda model, affine=True: each(into_a_class)(model).requires_grad_(),
    "a string": "eval",
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    verdict = verdict_on(UNLISTED[name])
    assert not verdict.ok and "Traceback" not in str(verdict)
    assert watch.seconds < 1.0  # quiet, it takes 0.2 s


def replaced(model, affine=True):
    """The layers replaced by fixed ones, under every name; a model that is one, by its forward."""
    if isinstance(model, _BatchNorm):
        return each(into_a_class)(model, affine)
    return with_fixed(model, affine)


def partial(layer):
    """Bound by functools; a deep copy of it would still call the original."""
    layer.eval()

    def stay(layer, mode=True):
        return layer

    layer.train = functools.partial(stay, layer)


RIGHT = {
    "a class made from two": each(into_a_class),
    "replaced under every name": replaced,
    "a partial": each(partial),
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_unlisted_right_answer_passes(name):
    verdict = verdict_on(RIGHT[name])
    assert verdict.ok, verdict


@pytest.mark.parametrize(
    "name, says",
    [
        ("a list", "returned list"),
        ("calls eval()", "calls itself without end"),
        ("a string", "not something that can be called"),
        ("no affine", "unexpected keyword argument 'affine'"),
        ("buffers no longer registered", "entries of state_dict() have changed"),
        ("replaced by a module without statistics", "expected the model itself"),
    ],
)
def test_a_wrong_form_is_said(name, says):
    assert says in str(verdict_on(UNLISTED[name])), verdict_on(UNLISTED[name])


def test_another_name_for_the_mode_is_recognised():
    """model.train(mode=True) passes the mode on by position; nothing is lost."""
    assert verdict_on(each(thaws_at_eval)).ok


@pytest.mark.parametrize("name", MODELS)
def test_the_reference_is_pytorchs_eval_mode_of_the_layer(name):
    exercise_case = next(c for c in cases() if c.inputs["model"] == name)
    x = torch.from_numpy(exercise_case.inputs["batches"][0])
    theirs, ours = made(name, 3), with_fixed(made(name, 3))
    norms = batch_norms(theirs)
    assert norms and not batch_norms(ours)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-12)


def cases():
    import numpy as np

    return exercise("6.2").cases(np.random.default_rng(0))
