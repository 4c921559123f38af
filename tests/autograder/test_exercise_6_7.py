"""Exercise 6.7: answers that nobody listed, right and wrong."""

import pytest
import torch
from stopwatch import Stopwatch
from torch import nn

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex6_7.answers import Apart, Held, in_backward
from bnlab.workers.checkpointing import statistics_kept


@pytest.fixture(autouse=True, scope="module")
def warm():
    """What the first checkpoint loads is loaded."""
    verdict_on(Held)


def verdict_on(answer, seed="unlisted"):
    return judge(exercise("6.7"), (answer,), seed)


class ByTheBook(nn.BatchNorm2d):
    """With the context of the chapter."""

    def forward(self, x):
        if in_backward():
            with statistics_kept(self):
                return super().forward(x)
        return super().forward(x)


class Around(nn.Module):
    """A plain module whose inner layer is kept out of the state."""

    def __new__(cls, *arguments, **options):
        layer = nn.BatchNorm2d(*arguments, **options)
        plain = layer.forward

        def forward(x):
            if not in_backward():
                return plain(x)
            with statistics_kept(layer):
                return plain(x)

        layer.forward = forward
        return layer


class Scratch(nn.BatchNorm2d):
    """Every pass moves copies; the first one keeps them."""

    def forward(self, x):
        own = dict(self._buffers)
        self._buffers.update({k: b if b is None else b.clone() for k, b in own.items()})
        try:
            y = super().forward(x)
            if not in_backward():
                with torch.no_grad():
                    for k, b in own.items():
                        if b is not None:
                            b.copy_(self._buffers[k])
            return y
        finally:
            self._buffers.update(own)


@pytest.mark.parametrize("answer", [ByTheBook, Around, Scratch])
def test_unlisted_right_answers_pass(answer):
    verdict = verdict_on(answer)
    assert verdict.ok, verdict


class InEvalMode(nn.BatchNorm2d):
    def forward(self, x):
        training = self.training
        self.training = training and not in_backward()
        try:
            return super().forward(x)
        finally:
            self.training = training


class ByAddress(Apart):
    """Remembers where its batches lay."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.known = set()

    def moves(self):
        return self.training and self.running_mean is not None

    def forward(self, x):
        known = x.data_ptr() in self.known
        self.known.add(x.data_ptr())
        if not (known and self.training and self.running_mean is not None):
            return super().forward(x)
        return nn.functional.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)


@pytest.mark.parametrize("answer", [InEvalMode, ByAddress, nn.SyncBatchNorm])
def test_unlisted_wrong_answers_fail(answer):
    assert not verdict_on(answer).ok


class Tuple(nn.BatchNorm2d):
    def forward(self, x):
        return (super().forward(x),)


class NoGraph(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x).detach()


class Wrapped(nn.Module):
    def __init__(self, *arguments, **options):
        super().__init__()
        self.layer = Held(*arguments, **options)

    def forward(self, x):
        return self.layer(x)


class More(Held):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.register_buffer("recomputing", torch.tensor(False))


@pytest.mark.parametrize(
    "answer, says",
    [
        (Tuple, "`forward` returned tuple; expected a tensor like x"),
        (NoGraph, "y has no graph"),
        (Wrapped, "`state_dict()` holds `layer.bias`"),
        (More, "`recomputing`"),
        (lambda *_, **__: 3, "makes int, not a module"),
        (lambda c: Held(c), "unexpected keyword argument"),
        (3, "not something that can be called"),
    ],
)
def test_a_wrong_form_is_said(answer, says):
    verdict = verdict_on(answer)
    assert not verdict.ok and says in str(verdict), verdict


def test_a_verdict_is_quick_and_leaves_the_random_state_alone():
    before, watch = torch.get_rng_state(), Stopwatch()
    verdict_on(Held)
    assert watch.seconds < 1.0
    assert torch.equal(torch.get_rng_state(), before)
