"""Exercise 5.4: answers that nobody listed, wrong forms, and what a verdict says of them."""

import pytest
import torch
from stopwatch import Stopwatch
from torch import nn

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex5_4.answers import Right
from bnlab.norms.ghost import GhostBatchNorm


def variant(**methods):
    return type("GhostBatchNorm", (Right,), methods)


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    """What a first check loads is no part of its verdict's time."""
    verdict(Right)


def verdict(answer, seed="unlisted"):
    return judge(exercise("5.4"), (answer,), seed)


class Wrapped(nn.Module):
    """Keeps PyTorch's module inside, so that the state has other names."""

    def __init__(self, num_features, group, eps=1e-5, momentum=0.1):
        super().__init__()
        self.group, self.bn = group, nn.BatchNorm1d(num_features, eps, momentum)

    def forward(self, x):
        return torch.cat([self.bn(part) for part in x.split(self.group)])


class OnlyRows(Right):
    def axes(self, x):
        return [0]

    def shaped(self, t, x):
        return t


UNLISTED = {
    "identity": variant(forward=lambda self, x: self.scale_shift(x)),
    "wrapped": Wrapped,
    "the course's own, which deals out": GhostBatchNorm,
    "groups along the channels": variant(
        parts=lambda self, x: x.split(self.group, 1),
        joined=lambda self, parts, x: torch.cat(parts, 1),
    ),
    "overlapping groups": variant(
        parts=lambda self, x: [x[max(0, k - self.group + 1) : k + 1] for k in range(len(x))],
        joined=lambda self, parts, x: torch.stack([part[-1] for part in parts]),
        unbiased=lambda self, part, var: var,
    ),
    "one too many in the first": variant(
        sizes=lambda self, n: (
            [self.group + 1] + [self.group] * ((n - 1) // self.group - 1)
            if n > 2 * self.group
            else [n]
        ),
    ),
    "a remainder of more than half alone": variant(
        sizes=lambda self, n: (
            Right.sizes(self, n)
            if 2 * (n % self.group) <= self.group
            else [self.group] * (n // self.group) + [n % self.group]
        ),
    ),
    "rows only": OnlyRows,
    "weights by share of the first": variant(
        weights=lambda self, parts: Right.weights(self, parts)[::-1]
    ),
    "pooled within": variant(
        update=lambda self, x, parts, stats: Right.move(
            self,
            [x.mean(self.axes(x)).detach()],
            [
                sum(
                    v.detach() * p.numel() / p.shape[1]
                    for p, (_, v) in zip(parts, stats, strict=True)
                )
                / (x.numel() / x.shape[1] - len(parts))
            ],
            [1.0],
        )
    ),
    "returns nothing": variant(forward=lambda self, x: None),
    "a list of groups": variant(joined=lambda self, parts, x: parts, scale_shift=lambda self, y: y),
    "no module": lambda num_features, group, eps, momentum: None,
    "group forgotten": type(
        "GhostBatchNorm",
        (Right,),
        {
            "__init__": lambda self, num_features, eps=1e-5: Right.__init__(
                self, num_features, 4, eps
            )
        },
    ),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    seen = verdict(UNLISTED[name])
    assert not seen.ok and "Traceback" not in str(seen)
    assert watch.seconds < 1.0


def test_what_is_missing_is_named():
    assert "no `weight`" in str(verdict(Wrapped))
    assert "not a module" in str(verdict(UNLISTED["no module"]))
    assert "`forward` returned None" in str(verdict(UNLISTED["returns nothing"]))


def test_two_slips_are_both_named():
    both = variant(
        unbiased=lambda self, part, var: var,
        evaluation=lambda self, x: self.scale_shift(self.normalised(x, *self.statistics(x))),
    )
    assert set(verdict(both).mistakes) >= {"biased running variance", "eval uses the batch"}


def test_an_average_over_equal_groups_is_right_only_where_nothing_is_left_over():
    """The unweighted average passes the cases with whole groups, and no other."""
    seen = verdict(variant(weights=lambda self, parts: [1 / len(parts)] * len(parts)))
    assert seen.mistakes == ("groups not weighted",) and 0 < seen.passed < seen.total


def test_an_unwritten_answer_is_recognised():
    def forward(self, x):
        raise NotImplementedError

    assert "Not written yet" in str(verdict(variant(forward=forward)))
