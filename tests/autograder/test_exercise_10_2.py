"""Exercise 10.2: answers that nobody listed, wrong forms, and what the text claims."""

import pytest
import torch
from stopwatch import Stopwatch
from torch import nn

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex10_2.answers import Right


def verdict(answer, seed="unlisted"):
    return judge(exercise("10.2"), (answer,), seed)


def variant(**methods):
    return type("GatedBatchNorm", (Right,), methods)


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    """What a first check loads is no part of its verdict's time."""
    verdict(Right)


class OtherName(Right):
    def make_parameters(self, c, gate):
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        self.gate = nn.Parameter(torch.full((c,), self.logit(gate)))

    def share(self):
        return self.gate.sigmoid()


class Shaped(Right):
    def make_parameters(self, c, gate):
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        self.gate_logit = nn.Parameter(torch.full((1, c, 1, 1), self.logit(gate)))


class InPlaceBeforeBackward(Right):
    """Pools with the running statistics, and moves them before the backward pass."""

    def forward(self, x):
        y = self.output(x, self.running_mean, self.running_var)
        if self.training:
            self.update(x, *self.batch(x))
        return y


UNLISTED = {
    "plain batch norm": variant(
        share=lambda self: 0 * self.gate_logit, distance=lambda self, g, apart: 0 * apart
    ),
    "plain instance norm": variant(share=lambda self: 1 + 0 * self.gate_logit),
    "own statistics without gradient": variant(
        own=lambda self, x: tuple(t.detach() for t in Right.own(self, x))
    ),
    "own statistics of the batch": variant(own=lambda self, x: Right.batch(self, x)),
    "hard gate": variant(share=lambda self: (self.gate_logit > 0).float() + 0 * self.gate_logit),
    "tanh": variant(share=lambda self: self.gate_logit.tanh()),
    "momentum fixed": variant(
        blend=lambda self, name, new: getattr(self, name).lerp_(new, 0.1),
    ),
    "buffers never move": variant(update=lambda self, x, mean, var: None),
    "starts at 0.1 always": variant(logit=lambda self, gate: Right.logit(self, 0.1)),
    "gate_logit under another name": OtherName,
    "gates of four axes": Shaped,
    "moved before the backward pass": InPlaceBeforeBackward,
    "no graph": variant(output=lambda self, *a: Right.output(self, *a).detach()),
    "returns nothing": variant(forward=lambda self, x: None),
    "float64": variant(forward=lambda self, x: Right.forward(self, x).double()),
    "no module": lambda num_features, eps, momentum, gate: None,
    "nn.BatchNorm2d": lambda num_features, eps, momentum, gate: nn.BatchNorm2d(num_features),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    seen = verdict(UNLISTED[name])
    assert not seen.ok and "Traceback" not in str(seen)
    assert watch.seconds < 1.5


def test_what_is_missing_is_named():
    assert "no `gate_logit`" in str(verdict(OtherName))
    assert "expected shape" in str(verdict(Shaped))
    assert "has no graph" in str(verdict(UNLISTED["no graph"]))
    assert "not a module" in str(verdict(UNLISTED["no module"]))
    assert "returned None" in str(verdict(UNLISTED["returns nothing"]))


def test_the_example_of_the_task():
    layer = Right(1, gate=0.25)
    assert layer.gate_logit.sigmoid().item() == pytest.approx(0.25)
    layer(torch.tensor([[[[0.0, 4.0]]], [[[8.0, 12.0]]]]))
    assert layer.running_mean.item() == pytest.approx(0.6)
    assert layer.running_var.item() == pytest.approx(0.9 + 0.1 * 20 * 4 / 3)


def test_the_gate_learns_where_the_right_answer_needs_it():
    """Images of any contrast, one class with a wide and one with a narrow mark: the gate opens."""
    torch.manual_seed(0)
    layer, head = Right(1), nn.Linear(8, 2)
    marks = torch.zeros(2, 1, 1, 8)
    marks[0, ..., 0], marks[1, ..., 4:] = 1.0, 1.0
    parameters = [*layer.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(parameters, 0.05)
    for _ in range(200):
        y = torch.randint(2, (16,))
        x = marks[y] * torch.exp(2 * torch.randn(16, 1, 1, 1)) + 2 * torch.randn(16, 1, 1, 1)
        loss = nn.functional.cross_entropy(head(layer(x).flatten(1)), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert layer.gate_logit.sigmoid().item() > 0.5 > 0.1
    assert not layer.running_mean.requires_grad and layer.running_mean.grad_fn is None
