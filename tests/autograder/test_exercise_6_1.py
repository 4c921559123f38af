"""Exercise 6.1: answers that nobody listed, right and wrong, and what their verdicts say."""

from contextlib import ContextDecorator, contextmanager, suppress

import numpy as np
import pytest
import torch
from stopwatch import Stopwatch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex6_1.models import MODELS, ROOT, drawn_modes, named


@pytest.fixture(autouse=True, scope="module")
def warm():
    """What the first verdict loads is loaded."""
    verdict_on(keeps_pairs)


def verdict_on(answer, seed="s"):
    return judge(exercise("6.1"), (answer,), seed)


def modes(model):
    return [(m, m.training) for m in model.modules()]


def put_back(before):
    for module, mode in before:
        module.training = mode


def manager(leave, enter=lambda model: model.eval(), note=modes):
    """A context manager of three parts; the last runs however the block ends."""

    @contextmanager
    def evaluating(model):
        before = note(model)
        enter(model)
        try:
            yield model
        finally:
            leave(model, before)

    return evaluating


keeps_pairs = manager(lambda model, before: put_back(before))


def parents_after_children(model, before):
    for module, mode in reversed(before):
        module.train(mode)


@contextmanager
def returns_in_finally(model):
    before = modes(model)
    model.eval()
    try:
        yield model
    finally:
        put_back(before)
        return  # noqa: B012 - a mistake that learners make


@contextmanager
def suppresses(model):
    before = modes(model)
    model.eval()
    with suppress(RuntimeError):
        yield model
    put_back(before)


@contextmanager
def raises_another(model):
    before = modes(model)
    model.eval()
    try:
        yield model
    except BaseException as error:
        raise type(error)("in the block") from error
    finally:
        put_back(before)


@contextmanager
def inference_mode(model):
    before = modes(model)
    try:
        with torch.inference_mode():
            yield model.eval()
    finally:
        put_back(before)


GLOBAL = {}


def into_a_global(model):
    GLOBAL.clear()
    GLOBAL.update(modes(model))


UNLISTED = {
    "parents after their children": manager(parents_after_children),
    "never restored": manager(lambda model, before: None),
    "eval at the end": manager(lambda model, before: model.eval()),
    "inverted": manager(lambda model, before: put_back([(m, not t) for m, t in before])),
    "one global for all": manager(
        lambda model, before: put_back(GLOBAL.items()), note=into_a_global
    ),
    "batch norm alone is put back": manager(
        lambda model, before: put_back([(m, t) for m, t in before if "Norm" in type(m).__name__])
    ),
    "noted after eval()": manager(lambda m, b: put_back(b), note=lambda m: modes(m.eval())),
    "gradients left off": manager(lambda m, b: put_back(b) or torch.set_grad_enabled(False)),
    "return in finally": returns_in_finally,
    "suppresses an error": suppresses,
    "raises another error": raises_another,
    "inference mode": inference_mode,
    "nothing": lambda model: None,
    "the model": lambda model: model,
    "a string": "with",
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    verdict = verdict_on(UNLISTED[name])
    assert not verdict.ok and "Traceback" not in str(verdict)
    assert watch.seconds < 1.0  # quiet, it takes 0.1 s
    assert torch.is_grad_enabled() or torch.set_grad_enabled(True)


class Decorator(ContextDecorator):
    """With a memory of blocks, so that one manager may be entered twice."""

    def __init__(self, model):
        self.model, self.memory = model, []

    def __enter__(self):
        self.memory.append(modes(self.model))
        for module in self.model.modules():
            module.training = False
        return self.model

    def __exit__(self, kind, error, trace):
        put_back(self.memory.pop())
        return False


RIGHT = {
    "a decorator with a stack": Decorator,
    "named_modules": manager(
        lambda model, before: put_back(before),
        note=lambda model: [(m, m.training) for _, m in model.named_modules()],
    ),
    "by id": manager(
        lambda model, before: put_back(before.values()),
        note=lambda model: {id(m): (m, m.training) for m in model.modules()},
    ),
    "each by itself": manager(
        lambda model, before: put_back(before),
        enter=lambda model: [setattr(m, "training", False) for m in model.modules()],
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_unlisted_right_answer_passes(name):
    verdict = verdict_on(RIGHT[name])
    assert verdict.ok, verdict


@pytest.mark.parametrize(
    "name, says",
    [
        ("nothing", "returned None"),
        ("the model", "returned Sequential"),
        ("a string", "not something that can be called"),
        ("raises another error", "expected 1, got 2"),
        ("return in finally", "expected 1, got 0"),
        ("inference mode", "gradients are recorded in the block"),
    ],
)
def test_a_wrong_form_is_said(name, says):
    assert says in str(verdict_on(UNLISTED[name])), verdict_on(UNLISTED[name])


def test_a_generator_is_recognised():
    def evaluating(model):
        yield model

    assert "Is `@contextmanager` missing" in str(verdict_on(evaluating))


@pytest.mark.parametrize("name", MODELS)
def test_modes_are_mixed_among_siblings(name):
    """Else train(mode) on a parent would do."""
    modules = named(MODELS[name]())
    for seed in range(20):
        drawn = drawn_modes(name, np.random.default_rng(seed), root=bool(seed % 2))
        assert drawn[list(modules).index(ROOT)] == bool(seed % 2)
        if len(drawn) > 1:
            assert len(set(drawn)) == 2


def test_modules_in_the_wrong_mode_are_named():
    says = str(verdict_on(UNLISTED["inverted"]))
    assert "in training mode: all modules; the block" in says
    assert "In eval mode and not in training mode: `model`, `0`, `1`, `2`, `3`, `4`." in says


def test_two_slips_are_not_taken_for_a_third():
    """No `finally`, and train(mode): neither mistake leaves all modes like this."""

    @contextmanager
    def both(model):
        before = modes(model)
        model.eval()
        yield model
        for module, mode in before:
            module.train(mode)

    verdict = verdict_on(both)
    assert not verdict.ok and verdict.mistakes == ()
