"""Exercise 9.1: answers that nobody listed, and wrong forms."""

import pytest
import torch
from stopwatch import Stopwatch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex9_1 import models
from autograder.specs.ex9_1.answers import Right


def verdict(answer, seed="unlisted"):
    return judge(exercise("9.1"), (answer,), seed)


def variant(**methods):
    return type("reach", (Right,), methods)()


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    """What a first check loads is no part of its verdict's time."""
    verdict(Right())


def labels_compared(model, before, after):
    """Looks at the labels, since these are what was swapped."""
    names = Right()(model, before, before)
    pairs = zip(before, after, strict=True)
    changed = sum((a != b).float().mean().item() for (_, a), (_, b) in pairs)
    return dict.fromkeys(names, changed)


def in_place(model, before, after):
    for x, _ in after:
        x -= x.mean()
    return Right()(model, before, after)


def all_kinds(self, model):
    return [(n, m) for n, m in model.named_modules() if hasattr(m, "running_mean")]


UNLISTED = {
    "always zero": lambda model, *streams: dict.fromkeys(Right()(model, *streams), 0.0),
    "labels compared": labels_compared,
    "first batch alone": variant(run=lambda self, model, s: Right.run(self, model, s[:1])),
    "last layer alone": variant(layers=lambda self, model: Right.layers(self, model)[-1:]),
    "untracked layers too": variant(layers=all_kinds),
    "variances compared": variant(
        distance=lambda self, a, b: (b.running_var / a.running_var - 1).abs().max().item()
    ),
    "sum of both": variant(
        distance=lambda self, a, b: (
            Right.distance(self, a, b) + (b.running_mean - a.running_mean).abs().max().item()
        )
    ),
    "eps left out": variant(scale=lambda self, a, b: a.running_var.sqrt()),
    "batches changed": in_place,
    "one number": lambda *a: max(Right()(*a).values()),
    "a list": lambda *a: list(Right()(*a).items()),
    "flags": lambda *a: {name: value > 1e-6 for name, value in Right()(*a).items()},
    "nothing": lambda *a: None,
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    seen = verdict(UNLISTED[name])
    assert not seen.ok and "Traceback" not in str(seen)
    assert watch.seconds < 1.5


def test_what_is_wrong_with_the_form_is_told():
    assert "should be a dict, but is list" in str(verdict(UNLISTED["a list"]))
    assert "should be a dict, but is NoneType" in str(verdict(UNLISTED["nothing"]))
    assert "has no entry" in str(verdict(UNLISTED["last layer alone"]))
    assert "changed the batches" in str(verdict(in_place))


def test_the_seed_is_free():
    class Other(Right):
        def noise(self):
            return torch.random.fork_rng()

        def run(self, model, stream):
            torch.manual_seed(12345)
            super().run(model, stream)

    for seed in "abcd":
        assert verdict(Other(), seed).ok


def test_the_networks_have_what_the_mistakes_need():
    rows, images, mixed = (models.build(kind, 0, 0.3) for kind in ("rows", "images", "mixed"))
    assert not rows.training and images.training and mixed.training
    assert any(m.training is False for m in mixed.modules())
    assert not any(p.requires_grad for p in mixed.parameters())
