"""6.4 A drift alarm: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import math

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex6_4.answers import Drift


def variant(**methods):
    return type("Drift", (Drift,), methods)().pair


def _quantile(self, scores, rate):
    return float(np.quantile(scores, 1 - rate))


def _normal(self, scores, rate):
    from statistics import NormalDist

    return np.mean(scores) + NormalDist().inv_cdf(1 - rate) * np.std(scores, ddof=1)


def _std_of_variance(self, s, v, m):
    return np.abs(np.sqrt(s / v) - 1) / self.error_of_var(m)


def _higher(self, scores, rate):
    n = len(scores)
    level = min(1, math.ceil((n + 1) * (1 - rate)) / n)
    return np.quantile(scores, level, method="higher")


def _beyond(self, scores, rate):
    return scores[len(scores)]


def _maps_averaged(self, x):
    return x.reshape(*x.shape[:2], -1).mean(2).T


def _own_eps(self, running, batch, eps):
    return running + 1e-5, batch + 1e-5


MISTAKES = (
    Mistake(
        "maps averaged first",
        "Each sample's map was averaged first, and the variance taken of these averages. The layer "
        "knows the variance of all values: rows of N·H·W, not of N.",
        variant(rows=_maps_averaged, count=lambda self, x: len(x)),
    ),
    Mistake(
        "channels mixed",
        "`x.reshape(-1, C)` mixes channels as soon as there are spatial axes: the channel axis is "
        "not the last. Move it first.",
        variant(rows=lambda self, x: x.reshape(-1, x.shape[1]).T),
    ),
    Mistake(
        "eps of its own",
        "eps is 10⁻⁵, whatever was passed. Use the argument.",
        variant(variances=_own_eps),
    ),
    Mistake(
        "mean and variance combined",
        "Mean and variance of a channel are combined to the length of a vector. The score is the "
        "largest of all 2C numbers.",
        variant(together=lambda self, a, b: np.sqrt(a**2 + b**2).max()),
    ),
    Mistake(
        "root mean square",
        "The score is the root of the mean square. One broken channel among many sound ones is "
        "diluted. Take the largest.",
        variant(together=lambda self, a, b: np.sqrt(np.mean(np.concatenate([a, b]) ** 2))),
    ),
    Mistake(
        "standard deviations, not standard errors",
        "The distance of the means is measured in standard deviations of single values. A mean of "
        "m values scatters √m times less: divide by √(v/m). Otherwise the same drift scores the "
        "same with 8 samples, where it may be chance, and with 800, where it is not.",
        variant(error_of_mean=lambda self, v, m: np.sqrt(v)),
    ),
    Mistake(
        "the score grows with m",
        "The distance of the means is multiplied by m, not by √m. Clean batches score the higher "
        "the larger they are.",
        variant(error_of_mean=lambda self, v, m: np.sqrt(v) / m),
    ),
    Mistake(
        "divided by the variance",
        "The distance of the means is divided by v/m, without the root. That is no number of "
        "standard errors: it has the unit 1/x.",
        variant(error_of_mean=lambda self, v, m: v / m),
    ),
    Mistake(
        "the batch's own standard error",
        "The standard error of the mean is made from the batch's variance. Where drift has made "
        "that larger, it hides the drift of the mean. Take the running variance.",
        variant(of_mean=lambda self, b, r, v, s, m: np.abs(b - r) / np.sqrt(s / m)),
    ),
    Mistake(
        "only upwards",
        "Means that are too low do not count: the absolute value is missing.",
        variant(of_mean=lambda self, b, r, v, s, m: (b - r) / np.sqrt(v / m)),
    ),
    Mistake(
        "a variance too small is missed",
        "A variance that is too small does not count: the absolute value of s/v − 1 is missing. A "
        "camera that has gone dark has no spread left.",
        variant(of_var=lambda self, s, v, m: (s / v - 1) / math.sqrt(2 / (m - 1))),
    ),
    Mistake(
        "variance ignored",
        "Only the means are compared. A loss of contrast around the same mean goes unnoticed.",
        variant(of_var=lambda self, s, v, m: np.zeros_like(v)),
    ),
    Mistake(
        "mean ignored",
        "Only the variances are compared. A constant that is added to each value goes unnoticed.",
        variant(of_mean=lambda self, b, r, v, s, m: np.zeros_like(v)),
    ),
    Mistake(
        "one channel hides in the average",
        "The score is an average over channels. One broken channel among many sound ones hardly "
        "moves it. Take the largest.",
        variant(together=lambda self, a, b: max(a.mean(), b.mean())),
    ),
    Mistake(
        "average of all",
        "The score is the average over channels, of means and variances alike. One broken channel "
        "hardly moves it. Take the largest of all 2C numbers.",
        variant(together=lambda self, a, b: (a.mean() + b.mean()) / 2),
    ),
    Mistake(
        "sum over channels",
        "The score is a sum over channels. In it a clean layer of 512 channels scores more than a "
        "broken one of 16. Take the largest.",
        variant(together=lambda self, a, b: a.sum() + b.sum()),
    ),
    Mistake(
        "mean and variance added",
        "The largest of the means' numbers and the largest of the variances' are added. The score "
        "is the larger of the two.",
        variant(together=lambda self, a, b: a.max() + b.max()),
    ),
    Mistake(
        "biased variance",
        "The batch's variance is divided by m. `running_var` is unbiased, so this one must be as "
        "well: divide by m − 1. With two samples the biased one is half as large.",
        variant(variance=lambda self, rows: rows.var(1)),
    ),
    Mistake(
        "standard deviations compared",
        "The ratio of standard deviations is compared with 1. √(2/(m − 1)) is the standard error of "
        "s/v, a ratio of variances.",
        variant(of_var=_std_of_variance),
    ),
    Mistake(
        "2/m for 2/(m − 1)",
        "The standard error of s/v is √(2/(m − 1)): m values have m − 1 degrees of freedom left "
        "after the mean.",
        variant(error_of_var=lambda self, m: math.sqrt(2 / m)),
    ),
    Mistake(
        "1/m for 2/(m − 1)",
        "s/v − 1 is divided by 1/√m, the standard error of a mean. That of a variance of normal "
        "values is √(2/(m − 1)) of its size.",
        variant(error_of_var=lambda self, m: math.sqrt(1 / m)),
    ),
    Mistake(
        "m counts samples only",
        "m is the number of samples. With images, N·H·W values stand behind a channel's mean.",
        variant(count=lambda self, x: len(x)),
    ),
    Mistake(
        "eps missing",
        "eps is not added. A channel that is 0 and always was gives 0/0. Add eps to both variances, "
        "as the layer does.",
        variant(variances=lambda self, running, batch, eps: (running, batch)),
    ),
    Mistake(
        "eps in the running variance only",
        "eps is added to the running variance only. A channel that is 0 and always was then has the "
        "ratio 0/eps = 0, as if its spread had vanished. Add eps to both.",
        variant(variances=lambda self, running, batch, eps: (running + eps, batch)),
    ),
    Mistake(
        "one rank too low",
        "The rank is ⌈n(1 − rate)⌉. The next score is one of n + 1, and a threshold at this rank "
        "is exceeded more often than you promise. Take ⌈(n + 1)(1 − rate)⌉.",
        variant(rank=lambda self, n, rate: math.ceil(n * (1 - rate))),
    ),
    Mistake(
        "one index too high",
        "The k-th smallest has the index k − 1. At index k the alarm is less sensitive than it may "
        "be, and for k = n there is no such score.",
        variant(at=lambda self, scores, k: np.sort(scores)[k]),
    ),
    Mistake(
        "one index too high, and no refusal",
        "The k-th smallest has the index k − 1, and with too few scores (k > n) there is none: "
        "raise a ValueError. An IndexError tells nobody what to do.",
        variant(at=lambda self, scores, k: np.sort(scores)[k], too_few=_beyond),
    ),
    Mistake(
        "too few end in an IndexError",
        "With too few scores k is larger than n, and the k-th smallest is looked for all the same. "
        "Ask before, and raise a ValueError that says so: an IndexError tells nobody what to do.",
        variant(too_few=_beyond),
    ),
    Mistake(
        "rounded down",
        "(n + 1)(1 − rate) is rounded down. Round up: otherwise the rate is a little higher than "
        "you promise.",
        variant(rank=lambda self, n, rate: math.floor((n + 1) * (1 - rate) + 1e-9)),
    ),
    Mistake(
        "np.quantile",
        "`np.quantile(scores, 1 - rate)` interpolates between scores, and takes n scores for the "
        "whole distribution. It is exceeded more often than you promise, and it never says that "
        "there are too few.",
        variant(threshold=_quantile),
    ),
    Mistake(
        "mean plus standard deviations",
        "The threshold is a mean plus some standard deviations, as if scores were normal. They are "
        "maxima, and skewed to the right. Take a rank: it needs no such assumption.",
        variant(threshold=_normal),
    ),
    Mistake(
        "wrong tail",
        "The threshold lies at the low end: almost every clean batch would raise the alarm. Drift "
        "makes the score large.",
        variant(rank=lambda self, n, rate: max(1, math.ceil((n + 1) * rate))),
    ),
    Mistake(
        "two-sided",
        "Half of the rate is kept for a lower tail. The score is a distance already: there is one "
        "tail, and all of the rate belongs to it.",
        variant(rank=lambda self, n, rate: math.ceil((n + 1) * (1 - rate / 2))),
    ),
    Mistake(
        "the largest score",
        "The threshold is the largest clean score. Its rate of false alarms is 1/(n + 1), whatever "
        "was asked: an alarm that sees less than it may.",
        variant(at=lambda self, scores, k: np.max(scores)),
    ),
    Mistake(
        "not sorted",
        "The scores are taken in the order in which they came. The k-th *smallest* is meant.",
        variant(at=lambda self, scores, k: scores[k - 1]),
    ),
    Mistake(
        "too few are not refused",
        "With too few scores no threshold can hold the rate, not even the largest score. Raise a "
        "ValueError: nobody is helped by a promise that is not kept.",
        variant(too_few=lambda self, scores, rate: np.max(scores)),
    ),
    Mistake(
        "too few give infinity",
        "With too few scores the threshold is infinite: the alarm never sounds, and nobody knows. "
        "Raise a ValueError.",
        variant(too_few=lambda self, scores, rate: math.inf),
    ),
    Mistake(
        "the least number is refused",
        "The largest score is a valid threshold if k = n. Refuse only if k > n.",
        variant(
            threshold=lambda self, scores, rate: (
                self.too_few(scores, rate)
                if self.rank(len(scores), rate) >= len(scores)
                else Drift.threshold(self, scores, rate)
            )
        ),
    ),
    Mistake(
        "np.quantile with method higher",
        "`np.quantile` counts places from 0 to n − 1: at the level k/n, method “higher” gives the "
        "k + 1-st smallest. Sort, and take the k-th. And refuse where k > n.",
        variant(threshold=_higher),
    ),
)
