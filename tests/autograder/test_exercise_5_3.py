"""Exercise 5.3: answers that nobody listed, wrong forms, and what a verdict says of them."""

import pytest
import torch
from stopwatch import Stopwatch
from torch import nn

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex5_3.answers import Right


def variant(**methods):
    return type("BatchRenorm", (Right,), methods)


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    """What a first check loads is no part of its verdict's time."""
    verdict(Right)


def verdict(answer, seed="unlisted"):
    return judge(exercise("5.3"), (answer,), seed)


class Named(Right):
    """Keeps a variance under PyTorch's name."""

    def make_buffers(self, c):
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))


class Wide(Right):
    def make_buffers(self, c):
        self.register_buffer("running_mean", torch.zeros(1, c))
        self.register_buffer("running_std", torch.ones(1, c))


class NoLimits(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.01):
        super().__init__(num_features, eps, momentum)
        del self.r_max


class TensorLimit(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.01):
        super().__init__(num_features, eps, momentum)
        self.r_max = torch.tensor(1.0)


class InPlace(Right):
    def training_step(self, x):
        x -= x.mean(0)
        return super().training_step(x)


UNLISTED = {
    "plain batch norm": variant(correction=lambda self, m, s: (torch.ones_like(s), 0 * m.detach())),
    "identity": variant(forward=lambda self, x: self.scale_shift(x)),
    "limits exchanged": variant(
        clip_r=lambda self, r: r.clamp(1 / (1 + self.d_max), 1 + self.d_max),
        clip_d=lambda self, d: d.clamp(1 - self.r_max, self.r_max - 1),
    ),
    "r clipped to 1 − …": variant(clip_r=lambda self, r: r.clamp(2 - self.r_max, self.r_max)),
    "batch axis only": variant(axes=lambda self, x: [0]),
    "statistics per sample": variant(axes=lambda self, x: [1]),
    "all of a channel's samples apart": variant(axes=lambda self, x: [*range(2, x.ndim)]),
    "eps fixed": variant(root=lambda self, var: torch.sqrt(var + 1e-5)),
    "momentum fixed": variant(
        blend=lambda self, name, new: getattr(self, name).lerp_(new, 0.01),
    ),
    "no gradient at all": variant(
        output=lambda self, *a: Right.output(self, *a).detach(),
    ),
    "returns nothing": variant(forward=lambda self, x: None),
    "returns a pair": variant(forward=lambda self, x: (Right.forward(self, x), 0)),
    "float64": variant(
        scale_shift=lambda self, x_hat, x: Right.scale_shift(self, x_hat.double(), x)
    ),
    "no module": lambda num_features, eps, momentum: None,
    "not a class": Right(3),
    "running_var": Named,
    "buffers of two axes": Wide,
    "no limits": NoLimits,
    "a tensor as limit": TensorLimit,
    "x changed": InPlace,
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    seen = verdict(UNLISTED[name])
    assert not seen.ok and "Traceback" not in str(seen)
    assert watch.seconds < 1.0


def test_what_is_missing_is_named():
    assert "no `running_std`" in str(verdict(Named))
    assert "expected shape (5,)" in str(verdict(Wide))
    assert "no attribute `r_max`" in str(verdict(NoLimits))
    assert "plain number" in str(verdict(TensorLimit))
    assert "not a module" in str(verdict(UNLISTED["no module"]))
    assert "in place" in str(verdict(InPlace))
    assert "has no graph" in str(verdict(UNLISTED["no gradient at all"]))


def test_two_slips_are_both_named():
    both = variant(
        ratio=lambda self, m, s: (self.running_std / s, (m - self.running_mean) / self.running_std),
        evaluation=lambda self, x: (
            (x - self.shaped(self.running_mean, x)) / self.shaped(self.running_std, x)
        ),
    )
    assert set(verdict(both).mistakes) >= {"r inverted", "gamma and beta missing in eval"}


class OnPyTorch(nn.BatchNorm1d):
    """Derived from PyTorch's batch norm; its own running_var stays unused."""

    def __init__(self, num_features, eps=1e-5, momentum=0.01):
        super().__init__(num_features, eps, momentum)
        self.register_buffer("running_std", torch.ones(num_features))
        self.r_max, self.d_max = 1, 0

    forward, training_step, evaluation = Right.forward, Right.training_step, Right.evaluation
    axes, batch, root, ratio = Right.axes, Right.batch, Right.root, Right.ratio
    correction, clip_r, clip_d = Right.correction, Right.clip_r, Right.clip_d
    constant_r, constant_d, output = Right.constant_r, Right.constant_d, Right.output
    scale_shift, shaped, update, blend = Right.scale_shift, Right.shaped, Right.update, Right.blend


def test_a_class_derived_from_pytorchs_is_right():
    assert verdict(OnPyTorch).ok


def test_an_unwritten_answer_is_recognised():
    def forward(self, x):
        raise NotImplementedError

    assert "Not written yet" in str(verdict(variant(forward=forward)))
