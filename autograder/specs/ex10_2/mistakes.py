"""10.2 A layer whose gates learn: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch
from torch import nn

from autograder.spec import Mistake
from autograder.specs.ex10_2.answers import Right


def variant(**methods):
    return (type("GatedBatchNorm", (Right,), methods),)


def _forward_with_running(self, x):
    y = self.output(x, self.running_mean.clone(), self.running_var.clone())
    if self.training:
        self.update(x, *self.batch(x))
    return y


def _moved_in_eval(self, x):
    mean, var = self.common(x)
    y = self.output(x, mean.clone(), var.clone())
    self.update(x, *self.batch(x))
    return y


def _batch_always(self, x):
    return self.batch(x)


def _detached(self, x):
    return tuple(t.detach() for t in Right.batch(self, x))


def _with_graph(self, x, mean, var):
    m = x.numel() / x.shape[1]
    keep = 1 - self.momentum
    self.running_mean = keep * self.running_mean + self.momentum * mean
    self.running_var = keep * self.running_var + self.momentum * self.stored(var, m)


def _buffer(self, c, gate):
    self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
    self.register_buffer("gate_logit", torch.full((c,), self.logit(gate)))


def _one_for_all(self, c, gate):
    self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
    self.gate_logit = nn.Parameter(torch.tensor(self.logit(gate)))


def _parameters_for_buffers(self, c):
    self.running_mean = nn.Parameter(torch.zeros(c))
    self.running_var = nn.Parameter(torch.ones(c))


def _pooled_kept(self, x, mean, var):
    """Keeps what the samples were normalised with, averaged over them."""
    own_mean, own_var = self.own(x)
    g = self.share()
    pooled = g * own_var + (1 - g) * var + self.distance(g, own_mean - mean)
    kept = (g * own_mean + (1 - g) * mean).mean(0)
    Right.update(self, x, kept, pooled.mean(0))


def _own_kept(self, x, mean, var):
    Right.update(self, x, mean, self.own(x)[1].mean(0))


def _reversed(self, name, new):
    running = getattr(self, name)
    running.copy_(self.momentum * running + (1 - self.momentum) * new)


MISTAKES = (
    Mistake(
        "running statistics in training",
        "In training mode the samples are pooled with the running statistics. In training, what "
        "they share are the statistics of the batch.",
        variant(forward=_forward_with_running),
    ),
    Mistake(
        "batch statistics in eval",
        "In eval mode the samples are pooled with the statistics of the batch. A batch of one then "
        "has nothing but itself: the gate does nothing. Take the running statistics.",
        variant(common=_batch_always),
    ),
    Mistake(
        "moved in eval mode",
        "The running statistics move in eval mode. They move in training alone.",
        variant(forward=_moved_in_eval),
    ),
    Mistake(
        "graph in the buffers",
        "The running statistics are updated with the graph of the batch attached. Every step then "
        "keeps all steps before it in memory.",
        variant(update=_with_graph),
    ),
    Mistake(
        "running statistics as parameters",
        "The running statistics are parameters, so an optimiser moves them, too. Register them as "
        "buffers.",
        variant(make_buffers=_parameters_for_buffers),
    ),
    Mistake(
        "gate is a buffer",
        "`gate_logit` is a buffer: no optimiser ever sees it. Make it an nn.Parameter.",
        variant(make_parameters=_buffer),
    ),
    Mistake(
        "one gate for all channels",
        "There is one gate for the whole layer. Each channel has its own, so `gate_logit` has "
        "shape (C,).",
        variant(make_parameters=_one_for_all),
    ),
    Mistake(
        "gate cut off from the graph",
        "The gate is computed without a graph (`.detach()`, `.data`, `no_grad`), so it gets no "
        "gradient.",
        variant(share=lambda self: self.gate_logit.detach().sigmoid()),
    ),
    Mistake(
        "logit used as the gate",
        "`gate_logit` itself serves as the share. The share is its sigmoid, which stays between 0 "
        "and 1 wherever the optimiser goes.",
        variant(share=lambda self: self.gate_logit),
    ),
    Mistake(
        "gate clamped",
        "`gate_logit` is clipped to 0…1 in place of the sigmoid. Where it is clipped its gradient "
        "is 0, and it stays there.",
        variant(share=lambda self: self.gate_logit.clamp(0, 1)),
    ),
    Mistake(
        "logit starts at the share",
        "`gate_logit` starts at the value of `gate`, so the share starts at sigmoid(gate). Start at "
        "its inverse, log(gate/(1 − gate)).",
        variant(logit=lambda self, gate: float(gate)),
    ),
    Mistake(
        "gate reversed",
        "The share goes to the common statistics. It is the share of the sample's own.",
        variant(share=lambda self: (-self.gate_logit).sigmoid()),
    ),
    Mistake(
        "distance of the means missing",
        "The variances are blended without g(1 − g)(μₙ − μ)². A pool of two sets of values with "
        "different means is wider than both.",
        variant(distance=lambda self, g, apart: 0 * apart),
    ),
    Mistake(
        "batch statistics without gradient",
        "In training the batch's mean and variance are cut off from the graph. As in batch norm, "
        "the gradient flows through them. Only the update of the buffers is outside.",
        variant(batch=_detached),
    ),
    Mistake(
        "biased running variance",
        "The running variance takes the biased variance of the batch. As in PyTorch, it takes the "
        "unbiased one: times m/(m − 1).",
        variant(stored=lambda self, var, m: var),
    ),
    Mistake(
        "momentum reversed",
        "`momentum` weighs the old value. In PyTorch it is the share of the new batch.",
        variant(blend=_reversed),
    ),
    Mistake(
        "variance within the samples kept",
        "The running variance takes the mean of the samples' own variances. That leaves out how "
        "far the samples are from each other. Keep the variance of the whole batch.",
        variant(update=_own_kept),
    ),
    Mistake(
        "pooled statistics kept",
        "The running statistics take what the samples were normalised with. They are to describe "
        "the batch, whatever the gates are.",
        variant(update=_pooled_kept),
    ),
)
