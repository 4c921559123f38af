"""2.2 Running statistics and eval mode: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex2_2.answers import Right


def variant(**methods):
    return (type("RunningStatistics", (Right,), methods),)


def _reverse(self, old, new):
    return self.momentum * old + (1 - self.momentum) * new


def _about_running_mean(self, x):
    mean = (1 - self.momentum) * self.running_mean + self.momentum * x.mean(axis=0)
    return x.mean(axis=0), ((x - mean) ** 2).sum(axis=0) / (len(x) - 1)


def _var_replaced(self, x):
    self.check(x)
    self.running_mean = self.blend(self.running_mean, x.mean(axis=0))
    self.running_var = x.var(axis=0, ddof=1)


def _plain_average(self, x):
    self.check(x)
    self.seen = getattr(self, "seen", 0) + 1
    mean, var = self.batch(x)
    self.running_mean = self.running_mean + (mean - self.running_mean) / self.seen
    self.running_var = self.running_var + (var - self.running_var) / self.seen


def _first_batch_copied(self, x):
    self.check(x)
    mean, var = self.batch(x)
    first, self.started = not getattr(self, "started", False), True
    self.running_mean = mean if first else self.blend(self.running_mean, mean)
    self.running_var = var if first else self.blend(self.running_var, var)


def _with_batch(self, x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) + beta


def _updated_first(self, x, gamma, beta, eps=1e-5):
    self.update(x)
    return Right.normalize(self, x, gamma, beta, eps)


def _updated_afterwards(self, x, gamma, beta, eps=1e-5):
    y = Right.normalize(self, x, gamma, beta, eps)
    self.update(x)
    return y


def _with_batch_and_update(self, x, gamma, beta, eps=1e-5):
    self.update(x)
    return _with_batch(self, x, gamma, beta, eps)


def _eps_kept(self, eps):
    self.running_var += eps
    return 1 / np.sqrt(self.running_var)


def _in_place(self, x, gamma, beta, eps=1e-5):
    x -= self.running_mean.astype(x.dtype)
    return gamma * x * self.scale(eps) + beta


_EVAL_UPDATES = (
    "`normalize` moves the running statistics. Eval mode only reads them: otherwise the prediction for one "
    "sample would depend on what was predicted before it."
)
MISTAKES = (
    Mistake(
        "biased running variance",
        "running_var is fed the biased variance, divided by m. What is stored is the unbiased one, "
        "divided by m − 1: `x.var(axis=0, ddof=1)`.",
        variant(batch=lambda self, x: (x.mean(axis=0), x.var(axis=0))),
    ),
    Mistake(
        "correction the wrong way",
        "The batch variance is multiplied by (m − 1)/m. To make a biased variance unbiased, multiply it by m/(m − 1).",
        variant(batch=lambda self, x: (x.mean(axis=0), x.var(axis=0) * (len(x) - 1) / len(x))),
    ),
    Mistake(
        "momentum reversed",
        "The momentum weighs the old value. Here it is the weight of the new batch: "
        "running = (1 − momentum)·running + momentum·batch.",
        variant(blend=_reverse),
    ),
    Mistake(
        "decay missing",
        "The running value grows by momentum·batch but is never multiplied by 1 − momentum, so old batches are not forgotten.",
        variant(blend=lambda self, old, new: old + self.momentum * new),
    ),
    Mistake(
        "momentum ignored",
        "The momentum makes no difference: 0.1 is written into the update. Keep the argument as self.momentum and use it.",
        variant(blend=lambda self, old, new: 0.9 * old + 0.1 * new),
    ),
    Mistake(
        "last batch only",
        "The running statistics are replaced by those of the last batch. Blend them: (1 − momentum)·running + momentum·batch.",
        variant(blend=lambda self, old, new: new),
    ),
    Mistake(
        "variance not blended",
        "running_mean is blended, but running_var is replaced by the variance of the last batch. Both use the same rule.",
        variant(update=_var_replaced),
    ),
    Mistake(
        "plain average over batches",
        "Every batch gets the same weight. The running statistics are an exponential average: each update weighs "
        "the new batch with momentum, however many came before.",
        variant(update=_plain_average),
    ),
    Mistake(
        "first batch copied",
        "The first batch replaces the start values. It is blended like every other one: after one update "
        "running_var is (1 − momentum)·1 + momentum·variance.",
        variant(update=_first_batch_copied),
    ),
    Mistake(
        "variance starts at 0",
        "running_var starts at 0. It starts at 1, so that a layer that has seen nothing leaves x nearly as it is.",
        variant(start=lambda self, d: (np.zeros(d), np.zeros(d))),
    ),
    Mistake(
        "start values swapped",
        "The start values are swapped: running_mean starts at 0 and running_var at 1.",
        variant(start=lambda self, d: (np.ones(d), np.zeros(d))),
    ),
    Mistake(
        "standard deviation stored",
        "running_var is fed the standard deviation. Store its square, the variance: the root is taken in `normalize`.",
        variant(batch=lambda self, x: (x.mean(axis=0), x.std(axis=0, ddof=1))),
    ),
    Mistake(
        "variance about the running mean",
        "The variance of the batch is measured about the running mean. Centre the batch on its own mean.",
        variant(batch=_about_running_mean),
    ),
    Mistake(
        "mean of squares for the variance",
        "running_var is fed the mean of x². The variance is about the mean of the batch: subtract it first.",
        variant(batch=lambda self, x: (x.mean(axis=0), (x**2).sum(axis=0) / (len(x) - 1))),
    ),
    Mistake(
        "statistics over the features",
        "Mean and variance run over the features of each sample (axis 1). They run over the batch, axis 0: one per feature.",
        variant(batch=lambda self, x: (x.mean(axis=1), x.var(axis=1, ddof=1))),
    ),
    Mistake(
        "one statistic for all features",
        "Mean and variance are taken over the whole batch array. Each feature has its own: use axis=0.",
        variant(
            batch=lambda self, x: (
                np.full(x.shape[1], x.mean()),
                np.full(x.shape[1], x.var(ddof=1)),
            )
        ),
    ),
    Mistake(
        "batch of one accepted",
        "A batch of one sample goes into the running statistics. It has no unbiased variance (m − 1 = 0): "
        "raise ValueError and leave the statistics as they are.",
        variant(check=lambda self, x: None),
    ),
    Mistake(
        "batch of one skipped silently",
        "A batch of one sample is passed over without a word. Its unbiased variance does not exist: raise ValueError, "
        "so that the caller learns of it.",
        variant(update=lambda self, x: Right.update(self, x) if len(x) > 1 else None),
    ),
    Mistake(
        "batch statistics in eval",
        "`normalize` uses mean and variance of the batch it is given. In eval mode the running statistics take their place.",
        variant(normalize=_with_batch),
    ),
    Mistake("update, then eval", _EVAL_UPDATES, variant(normalize=_updated_first)),
    Mistake("eval, then update", _EVAL_UPDATES, variant(normalize=_updated_afterwards)),
    Mistake(
        "training mode in eval",
        "`normalize` does what training does: it moves the running statistics and uses those of the batch. "
        "Eval mode uses the running ones and changes nothing.",
        variant(normalize=_with_batch_and_update),
    ),
    Mistake(
        "eps missing",
        "eps is missing in `normalize`: the scale is 1/√(running_var + eps), as in training.",
        variant(scale=lambda self, eps: 1 / np.sqrt(self.running_var)),
    ),
    Mistake(
        "eps hard-coded",
        "eps = 1e-5 is written into `normalize`. Use the argument.",
        variant(scale=lambda self, eps: 1 / np.sqrt(self.running_var + 1e-5)),
    ),
    Mistake(
        "eps added to running_var itself",
        "`normalize` adds eps to the attribute running_var (+= works in place), a little more with every call. "
        "Eval mode changes nothing.",
        variant(scale=_eps_kept),
    ),
    Mistake(
        "eps outside the root",
        "eps is added outside the square root in `normalize`. It belongs inside: 1/√(running_var + eps).",
        variant(scale=lambda self, eps: 1 / (np.sqrt(self.running_var) + eps)),
    ),
    Mistake(
        "divided by the variance",
        "`normalize` divides by running_var. Divide by the standard deviation, √(running_var + eps).",
        variant(scale=lambda self, eps: 1 / (self.running_var + eps)),
    ),
    Mistake(
        "gamma and beta ignored",
        "`normalize` returns x̂: γ and β belong to eval mode as well, y = γ·x̂ + β.",
        variant(
            normalize=lambda self, x, gamma, beta, eps: (x - self.running_mean) * self.scale(eps)
        ),
    ),
    Mistake(
        "beta missing",
        "`normalize` returns γ·x̂: β is missing, y = γ·x̂ + β.",
        variant(
            normalize=lambda self, x, gamma, beta, eps: (
                gamma * (x - self.running_mean) * self.scale(eps)
            )
        ),
    ),
    Mistake(
        "input changed in place",
        "`normalize` subtracts in x itself (x -= … works in place). The caller still needs its input: build a new array.",
        variant(normalize=_in_place),
    ),
)
