"""2.6 A layer in a network: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex2_6.answers import Right


def variant(**methods):
    return (type("BatchNorm", (Right,), methods),)


def _batch_statistics_always(self, x):
    mean, var = x.mean(axis=0), x.var(axis=0)
    if self.training:
        self.update(mean, var * len(x) / (len(x) - 1))
    return mean, var


def _updated_in_eval(self, x):
    mean, var = Right.statistics(self, x)
    if not self.training:
        self.update(x.mean(axis=0), x.var(axis=0, ddof=1))
    return mean, var


def _biased(self, x):
    if not self.training:
        return self.running_mean, self.running_var
    mean, var = x.mean(axis=0), x.var(axis=0)
    self.update(mean, var)
    return mean, var


def _running_in_training(self, x):
    if self.training:
        self.update(x.mean(axis=0), x.var(axis=0, ddof=1))
    return self.running_mean, self.running_var


def _unbiased_in_forward(self, x):
    if not self.training:
        return self.running_mean, self.running_var
    mean, var = x.mean(axis=0), x.var(axis=0, ddof=1)
    self.update(mean, var)
    return mean, var


def _variance_starts_at_0(self, num_features, eps=1e-5, momentum=0.1):
    Right.__init__(self, num_features, eps, momentum)
    self.running_var = np.zeros(num_features)


def _wrong_sign(self, dy):
    dx = Right.backward(self, dy)
    self.dgamma = -self.dgamma
    return dx


def _accumulated(self, dy):
    before = getattr(self, "sums", (0, 0))
    dx = Right.backward(self, dy)
    self.sums = self.dgamma, self.dbeta = before[0] + self.dgamma, before[1] + self.dbeta
    return dx


def _averaged(self, dy):
    dx = Right.backward(self, dy)
    self.dgamma, self.dbeta = self.dgamma / len(dy), self.dbeta / len(dy)
    return dx


def _x_hat_in_eval(self, x):
    if self.training:
        return Right.forward(self, x)
    return (x - self.running_mean) / np.sqrt(self.running_var + self.eps)


MISTAKES = (
    Mistake(
        "mode ignored",
        "Eval mode normalises with the statistics of the batch, as training mode does. When "
        "`self.training` is False, use running_mean and running_var: one image then gets the "
        "same answer whatever the others are.",
        variant(statistics=_batch_statistics_always),
    ),
    Mistake(
        "γ and β not trained",
        "`parameters()` hands nothing to the optimiser, so γ stays 1 and β stays 0. Return "
        "[(self.gamma, self.dgamma), (self.beta, self.dbeta)].",
        variant(parameters=lambda self: []),
    ),
    Mistake(
        "only γ trained",
        "`parameters()` hands out γ but not β. Both are trained: two pairs.",
        variant(parameters=lambda self: [(self.gamma, self.dgamma)]),
    ),
    Mistake(
        "copies handed out",
        "γ and β do not move in a step, though `parameters()` returns two pairs. The step works "
        "in place on the arrays it is given: hand out self.gamma and self.beta themselves, not "
        "copies, with the gradients of the last backward pass.",
        variant(
            parameters=lambda self: [
                (self.gamma.copy(), self.dgamma),
                (self.beta.copy(), self.dbeta),
            ]
        ),
    ),
    Mistake(
        "gradients exchanged",
        "γ gets the gradient of β and the reverse. dγ = Σ dy·x̂ belongs to γ, dβ = Σ dy to β.",
        variant(
            parameters=lambda self: [(self.gamma, self.dbeta), (self.beta, self.dgamma)],
        ),
    ),
    Mistake(
        "wrong sign of dgamma",
        "dγ has the wrong sign. It is +Σ dy·x̂; the minus of gradient descent is in the step.",
        variant(backward=_wrong_sign),
    ),
    Mistake(
        "gradients accumulated",
        "dγ and dβ still contain the steps before. Each backward pass sets them anew: =, not +=.",
        variant(backward=_accumulated),
    ),
    Mistake(
        "gradients averaged",
        "dγ and dβ are averages over the batch. They are sums: the loss has divided by the "
        "number of samples already.",
        variant(backward=_averaged),
    ),
    Mistake(
        "samples uncoupled",
        "dx treats μ and σ² as constants. Every sample moves the statistics of all: subtract the "
        "mean of dy, and x̂ times the mean of dy·x̂.",
        variant(dx=lambda self, dy, m: self.gamma * self.inv_std * dy),
    ),
    Mistake(
        "gamma missing in dx",
        "dx lacks the factor γ. y = γ·x̂ + β, so the gradient that reaches x̂ is γ·dy.",
        variant(
            dx=lambda self, dy, m: (
                self.inv_std * (dy - self.dbeta / m - self.x_hat * self.dgamma / m)
            )
        ),
    ),
    Mistake(
        "running statistics not updated",
        "running_mean and running_var keep their start. In training mode, each forward pass "
        "moves them a tenth of the way (momentum) to the statistics of the batch.",
        variant(update=lambda self, mean, var: None),
    ),
    Mistake(
        "running statistics updated in eval",
        "The running statistics move in eval mode too. There a network only answers: looking at "
        "test images must not change it.",
        variant(statistics=_updated_in_eval),
    ),
    Mistake(
        "biased running variance",
        "running_var stores the variance divided by m. It stores the unbiased one: times m/(m − 1).",
        variant(statistics=_biased),
    ),
    Mistake(
        "unbiased variance in forward",
        "Training mode normalises with the unbiased variance. It divides by m; only running_var "
        "stores the one divided by m − 1.",
        variant(statistics=_unbiased_in_forward),
    ),
    Mistake(
        "momentum reversed",
        "momentum weighs the old value here. In this course it weighs the new one: "
        "running = (1 − momentum)·running + momentum·batch.",
        variant(blend=lambda self, old, new: self.momentum * old + (1 - self.momentum) * new),
    ),
    Mistake(
        "running statistics used in training",
        "Training mode normalises with the running statistics. They are for eval mode; in "
        "training, x is normalised with the statistics of its own batch.",
        variant(statistics=_running_in_training),
    ),
    Mistake(
        "running_var starts at 0",
        "running_var starts at 0. It starts at 1: a layer that has seen nothing then leaves x "
        "nearly as it is in eval mode.",
        variant(__init__=_variance_starts_at_0),
    ),
    Mistake(
        "gamma and beta missing in eval",
        "Eval mode returns x̂: γ and β are not applied. They belong to the layer in both modes.",
        variant(forward=_x_hat_in_eval),
    ),
)
