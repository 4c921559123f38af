"""10.1 The gated norm: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch

from autograder.spec import Mistake
from autograder.specs.ex10_1.answers import Right


def variant(**methods):
    return (type("gated_norm", (Right,), methods)(),)


def _outputs_blended(self, x, g, own_mean, own_var, mean, var):
    by_own = (x - own_mean) / self.root(own_var)
    return g * by_own + (1 - g) * (x - mean) / self.root(var)


def _deviations_blended(self, x, g, own_mean, own_var, mean, var):
    std = g * self.root(own_var) + (1 - g) * self.root(var)
    return (x - self.centre(g, own_mean, mean)) / std


def _detached(self, x):
    mean, var = Right.own(self, x)
    return mean.detach(), var.detach()


def _unbiased(self, x):
    axes = self.axes(x)
    return x.mean(axes, keepdim=True), x.var(axes, keepdim=True)


MISTAKES = (
    Mistake(
        "distance of the means missing",
        "The two variances are blended, and that is all. A pool of two sets of values whose means "
        "differ is wider than both: add g(1 − g)(μₙ − μ)².",
        variant(spread=lambda self, g, own, var, apart: g * own + (1 - g) * var),
    ),
    Mistake(
        "distance of the means times g",
        "The squared distance of the means is weighted with g. Its weight is g(1 − g): at g = 1 "
        "nothing of the running statistics is left.",
        variant(
            spread=lambda self, g, own, var, apart: g * own + (1 - g) * var + g * apart**2,
        ),
    ),
    Mistake(
        "gate reversed",
        "At gate 0 the sample decides, and at gate 1 the running statistics. It is the other way "
        "round: the gate is the share of the sample's own statistics.",
        variant(gate=lambda self, g: 1 - g),
    ),
    Mistake(
        "sigmoid of the gate",
        "The gate passes through a sigmoid. Here it is a share between 0 and 1 already; the "
        "sigmoid comes in the next checkpoint, before this function.",
        variant(gate=lambda self, g: g.sigmoid()),
    ),
    Mistake(
        "gate without gradient",
        "The gate is cut off from the graph (`.detach()`, `.data`, `.item()`), so it never learns.",
        variant(gate=lambda self, g: g.detach()),
    ),
    Mistake(
        "statistics of the batch",
        "The own statistics run over the batch as well, so a sample's output depends on its "
        "neighbours. In a batch of one nothing shows. Leave axis 0 out.",
        variant(axes=lambda self, x: (0, *range(2, x.ndim))),
    ),
    Mistake(
        "statistics across channels",
        "The own statistics run over the channels as well. That is layer norm: each channel has "
        "its own mean and variance. Leave axis 1 out.",
        variant(axes=lambda self, x: tuple(range(1, x.ndim))),
    ),
    Mistake(
        "one spatial axis only",
        "The own statistics run over the last axis alone, so each row of a map has its own. They "
        "run over all axes behind the channels.",
        variant(axes=lambda self, x: (x.ndim - 1,)),
    ),
    Mistake(
        "outputs blended",
        "Two normalised maps are blended. At g = 0 and g = 1 that is the same; in between it is "
        "not: blend the statistics, then normalise once.",
        variant(normalised=_outputs_blended),
    ),
    Mistake(
        "standard deviations blended",
        "The standard deviations are blended. The pool has a variance: blend the variances, add "
        "g(1 − g)(μₙ − μ)², and take one root.",
        variant(normalised=_deviations_blended),
    ),
    Mistake(
        "mean alone is gated",
        "The gate reaches the mean, but the variance is the running one.",
        variant(spread=lambda self, g, own, var, apart: var + 0 * own),
    ),
    Mistake(
        "variance alone is gated",
        "The gate reaches the variance, but the mean is the running one.",
        variant(centre=lambda self, g, own, mean: mean + 0 * own),
    ),
    Mistake(
        "unbiased own variance",
        "The own variance is divided by H·W − 1 (PyTorch's default for `var`); a map of one value "
        "then gives NaN. Normalise with the biased one, `correction=0`.",
        variant(own=_unbiased),
    ),
    Mistake(
        "own statistics without gradient",
        "The own mean and variance are cut off from the graph. They are functions of x, and the "
        "gradient flows through them.",
        variant(own=_detached),
    ),
    Mistake(
        "eps outside the root",
        "ε is added to the standard deviation. It stands inside the root: √(variance + ε).",
        variant(root=lambda self, var: torch.sqrt(var) + self.eps),
    ),
    Mistake(
        "along the last axis",
        "Gate, statistics, γ and β, of shape (C,), meet the last axis of x in place of the "
        "channels. Where W = C that raises no error. Reshape them to (C, 1, 1).",
        variant(shaped=lambda self, t, x: t),
    ),
)
