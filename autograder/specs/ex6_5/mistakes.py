"""6.5 Batch norm on many workers: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex6_5.answers import Right, axes_of, pair, values, wide


def nothing(part):
    """What comes back if the sums of the others never arrive."""
    return np.asarray(part)


def own_sums(self, x, all_reduce):
    return Right.statistics(self, x, nothing)


def own_mean(x):
    return x.sum(axes_of(x)) / max(values(x), 1)


def own_var(x, mean=None):
    mean = own_mean(x) if mean is None else mean
    return ((x - wide(mean, x)) ** 2).sum(axes_of(x)) / max(values(x), 1)


def _mean_of_variances(self, x, all_reduce):
    n = values(x)
    m = all_reduce(n)
    return m, all_reduce(n * own_mean(x)) / m, all_reduce(n * own_var(x)) / m


def _averages_of_workers(self, x, all_reduce):
    workers = all_reduce(1.0)
    mean, var = all_reduce(own_mean(x)) / workers, all_reduce(own_var(x)) / workers
    return all_reduce(values(x)), mean, var


def _equal_weights(self, x, all_reduce):
    workers = all_reduce(1.0)
    mean = all_reduce(own_mean(x)) / workers
    return all_reduce(values(x)), mean, all_reduce(own_var(x, mean)) / workers


def _by_samples(self, x, all_reduce):
    n, total = len(x), all_reduce(len(x))
    mean = all_reduce(n * own_mean(x)) / total
    return all_reduce(values(x)), mean, all_reduce(n * own_var(x, mean)) / total


def _samples_as_count(self, x, all_reduce):
    m = all_reduce(len(x))
    mean = all_reduce(x.sum(axes_of(x))) / m
    return m, mean, all_reduce(((x - wide(mean, x)) ** 2).sum(axes_of(x))) / m


def _own_count_times_workers(self, x, all_reduce):
    m = all_reduce(1.0) * values(x)
    mean = all_reduce(x.sum(axes_of(x))) / m
    return m, mean, all_reduce(((x - wide(mean, x)) ** 2).sum(axes_of(x))) / m


def _averaged(self, x, all_reduce):
    """Takes the sum for an average."""
    m, mean = values(x), all_reduce(own_mean(x))
    return all_reduce(m), mean, all_reduce(own_var(x, mean))


def _squares(self, x, all_reduce):
    """All at once, in the precision of x."""
    sums = np.stack([x.sum(axes_of(x)), (x**2).sum(axes_of(x))])
    m = all_reduce(values(x))
    mean, squares = all_reduce(sums) / np.asarray(m, x.dtype)
    return m, mean, squares - mean**2


def _nan_of_an_empty_shard(self, x, all_reduce):
    n = values(x)
    m = all_reduce(n)
    mean = all_reduce(n * x.mean(axes_of(x))) / m
    return m, mean, all_reduce(n * ((x - wide(mean, x)) ** 2).mean(axes_of(x))) / m


def _unbiased(self, x, all_reduce):
    m, mean, var = Right.statistics(self, x, all_reduce)
    return m, mean, var * m / (m - 1)


def _left_early(self, *arguments):
    x, _, _, running_mean, running_var, *_ = arguments
    if len(x) == 0:
        return x, running_mean, running_var, None
    return Right.forward(self, *arguments)


def _left_early_backward(self, dy, cache, all_reduce):
    if len(dy) == 0:
        return dy, np.zeros(dy.shape[1]), np.zeros(dy.shape[1])
    return Right.backward(self, dy, cache, all_reduce)


def _in_place(self, old, new, momentum):
    old *= 1 - momentum
    old += momentum * new
    return old


MISTAKES = (
    Mistake(
        "statistics of the own shard",
        "Every worker normalises with the mean and variance of its own shard. Either all_reduce is "
        "not called, or its result is not used: it returns the sum and leaves its argument alone.",
        pair(
            statistics=own_sums,
            kept_var=lambda self, x, var, m: var * m / max(m - 1, 1),
            reduced=lambda self, a, b, all_reduce: (a, b),
        ),
    ),
    Mistake(
        "mean of variances",
        "The variance is the average of the workers' variances. That leaves out how far their "
        "means lie apart. Sum the squared distances from the mean of all workers.",
        pair(statistics=_mean_of_variances),
    ),
    Mistake(
        "plain averages over workers",
        "Mean and variance are the plain averages of the workers' means and variances. A worker "
        "with two samples then counts as much as one with twenty, and the distance between their "
        "means is left out. Reduce sums and counts, and divide at the end.",
        pair(statistics=_averages_of_workers),
    ),
    Mistake(
        "counts ignored",
        "The mean is the plain average of the workers' means, so that a small shard weighs as much "
        "as a large one. Reduce the sums and the counts, and divide one by the other.",
        pair(statistics=_equal_weights),
    ),
    Mistake(
        "weighted by samples",
        "Each worker's statistics are weighted by its number of samples. Images of different size "
        "have different numbers of pixels: weigh by values per channel, x.size // C.",
        pair(statistics=_by_samples),
    ),
    Mistake(
        "samples counted in place of values",
        "The sums are divided by the number of samples. They run over the pixels as well: divide "
        "by the number of values per channel, x.size // C.",
        pair(statistics=_samples_as_count),
    ),
    Mistake(
        "own count times workers",
        "The count is this worker's own, times the number of workers. The others hold more or "
        "fewer values: send the count through all_reduce as well.",
        pair(statistics=_own_count_times_workers),
    ),
    Mistake(
        "sum taken for an average",
        "The means of the workers are added up and never divided. all_reduce returns the sum over "
        "the workers. Hand it sums, and divide by the count of all.",
        pair(statistics=_averaged),
    ),
    Mistake(
        "digits lost in E[x²] − E[x]²",
        "The variance is E[x²] − E[x]², in float32. At a mean of 10 000 standard deviations both "
        "terms agree in all their digits. Reduce the mean first, then the squared distances from "
        "it, or accumulate in float64.",
        pair(statistics=_squares),
    ),
    Mistake(
        "NaN of an empty shard",
        "The mean of an empty shard is NaN, and 0 · NaN is NaN too: the sum then poisons all "
        "workers. The sum of nothing is 0, so reduce sums in place of means.",
        pair(statistics=_nan_of_an_empty_shard),
    ),
    Mistake(
        "an empty shard leaves forward early",
        "A worker with an empty shard returns from forward at once, and the others wait for it in "
        "all_reduce for ever. It has nothing to add, yet it must call: its sums are 0.",
        pair(forward=_left_early),
    ),
    Mistake(
        "an empty shard leaves backward early",
        "A worker with an empty shard returns from backward at once, and the others wait for it in "
        "all_reduce for ever. It has nothing to add, yet it must call: its sums are 0.",
        pair(backward=_left_early_backward),
    ),
    Mistake(
        "unbiased variance in forward",
        "y is normalised with the variance divided by m − 1. Divide by m; only running_var keeps "
        "the unbiased one.",
        pair(statistics=_unbiased, kept_var=lambda self, x, var, m: var),
    ),
    Mistake(
        "eps outside the root",
        "eps is added to the standard deviation. It belongs inside the root: 1/√(σ² + eps).",
        pair(inv_std=lambda self, var, eps: 1 / (np.sqrt(var) + eps)),
    ),
    Mistake(
        "biased running variance",
        "running_var takes in the variance divided by m. It keeps the unbiased one: times "
        "m/(m − 1), with m the count of all workers.",
        pair(kept_var=lambda self, x, var, m: var),
    ),
    Mistake(
        "running variance unbiased by the own count",
        "running_var is made unbiased with this worker's own count n/(n − 1), so that the "
        "workers' buffers drift apart, and one sample gives a division by 0. m is the count of all "
        "workers.",
        pair(kept_var=lambda self, x, var, m: var * np.divide(values(x), values(x) - 1)),
    ),
    Mistake(
        "running statistics of the own shard",
        "y is right, but the running statistics take in this worker's own mean and variance. They "
        "take in those of all workers, as every worker has them at hand.",
        pair(
            kept_mean=lambda self, x, mean: own_mean(x),
            kept_var=lambda self, x, var, m: own_var(x) * values(x) / max(values(x) - 1, 1),
        ),
    ),
    Mistake(
        "momentum reversed",
        "momentum weighs the old value. It weighs the new one: "
        "(1 − momentum)·running + momentum·batch.",
        pair(blend=lambda self, old, new, momentum: momentum * old + (1 - momentum) * new),
    ),
    Mistake(
        "running statistics changed in place",
        "The running statistics of the caller are changed in place (*=, +=, or out=). Return new "
        "arrays, and leave those that came in as they are.",
        pair(blend=_in_place),
    ),
    Mistake(
        "gradients not reduced",
        "dx uses the sums of dy and dy·x̂ of its own shard alone. Through μ and σ each x "
        "moves the outputs of all workers: both sums need an all_reduce.",
        pair(reduced=lambda self, a, b, all_reduce: (a, b)),
    ),
    Mistake(
        "backward of the own shard",
        "backward treats the shard as if it were the whole batch: own sums, own count. The "
        "statistics belong to all workers: reduce both sums, and divide by the count of all.",
        pair(
            reduced=lambda self, a, b, all_reduce: (a, b),
            share=lambda self, m, dy: max(values(dy), 1),
        ),
    ),
    Mistake(
        "reduced sums over the own count",
        "In dx the sums of all workers are divided by this worker's own count. Divide by the count "
        "of all, which forward can put into the cache.",
        pair(share=lambda self, m, dy: max(values(dy), 1)),
    ),
    Mistake(
        "only dy reduced",
        "The sum of dy is reduced, the sum of dy·x̂ is not. The variance is shared as the mean "
        "is: both sums need an all_reduce, and both fit into one call.",
        pair(reduced=lambda self, a, b, all_reduce: (all_reduce(a), b)),
    ),
    Mistake(
        "statistics as constants in backward",
        "dx is γ·dy/σ, as if mean and variance were constants. They depend on every x of every "
        "worker, so that two terms are subtracted.",
        pair(centred=lambda self, dy, x_hat, mean_dy, mean_dy_x_hat: dy),
    ),
    Mistake(
        "dγ and dβ reduced",
        "dgamma and dbeta are those of all workers. Here they are this worker's part: the training "
        "loop adds up the gradients of all parameters later, and would count these once per worker.",
        pair(
            of_parameters=lambda self, dgamma, dbeta, all_reduce: all_reduce(
                np.stack([dgamma, dbeta])
            )
        ),
    ),
)
