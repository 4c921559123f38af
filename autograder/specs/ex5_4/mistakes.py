"""5.4 Ghost batch norm: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch

from autograder.spec import Mistake
from autograder.specs.ex5_4.answers import Right


def variant(**methods):
    return (type("GhostBatchNorm", (Right,), methods),)


def _whole_groups(self, n):
    return max(n // self.group, 1)


def _left_over_dropped(self, x):
    return x[: _whole_groups(self, len(x)) * self.group].split(self.group)


def _alone(self, x):
    return x.split(self.group)


def _variance_that_exists(self, part, var):
    """Of one value, the biased one: it is 0."""
    m = part.numel() // part.shape[1]
    return var * m / max(m - 1, 1)


def _left_over(self, x):
    return len(x) - self.group * (len(x) // self.group)


def _left_over_as_last_group(self, x):
    """The statistics of the last whole group serve for those left over as well."""
    rest = _left_over(self, x) if len(x) >= self.group else 0
    parts = x[: len(x) - rest].split(self.group)
    statistics = [self.statistics(part) for part in parts]
    given = [*parts, x[len(x) - rest :]]
    pairs = zip(given, [*statistics, statistics[-1]], strict=True)
    self.update(x, parts, statistics)
    return self.scale_shift(torch.cat([self.normalised(p, *both) for p, both in pairs]))


def _left_over_by_running(self, x):
    rest = _left_over(self, x) if len(x) >= self.group else 0
    parts = x[: len(x) - rest].split(self.group)
    statistics = [self.statistics(part) for part in parts]
    pairs = zip(parts, statistics, strict=True)
    y = [self.normalised(p, *both) for p, both in pairs]
    if rest:
        y.append(self.normalised(x[len(x) - rest :], self.running_mean, self.running_var))
    y = torch.cat(y).clone()
    self.update(x, parts, statistics)
    return self.scale_shift(y)


def _left_over_untouched(self, x):
    rest = _left_over(self, x) if len(x) >= self.group else 0
    parts = x[: len(x) - rest].split(self.group)
    statistics = [self.statistics(part) for part in parts]
    pairs = zip(parts, statistics, strict=True)
    y = torch.cat([*(self.normalised(p, *both) for p, both in pairs), x[len(x) - rest :]])
    self.update(x, parts, statistics)
    return self.scale_shift(y)


def _left_over_to_the_first(self, n):
    whole = _whole_groups(self, n)
    return [n - self.group * (whole - 1)] + [self.group] * (whole - 1)


def _spread_evenly(self, n):
    whole = _whole_groups(self, n)
    return [n // whole + (g < n % whole) for g in range(whole)]


def _dealt(self, x):
    whole = _whole_groups(self, len(x))
    return [x[g::whole] for g in range(whole)]


def _dealt_back(self, parts, x):
    y = torch.empty_like(x)
    for g, part in enumerate(parts):
        y[g :: len(parts)] = part
    return y


def _as_number_of_groups(self, n):
    groups = min(self.group, n)
    return [n // groups + (g < n % groups) for g in range(groups)]


def _no_groups(self, x):
    return [x]


def _per_sample(self, x):
    return x.split(1)


def _channels_together(self, part):
    mean, var = part.mean(), part.var(correction=0)
    return mean.expand(part.shape[1]), var.expand(part.shape[1])


def _unbiased_statistics(self, part):
    return part.mean(self.axes(part)), part.var(self.axes(part))


def _constant(self, part):
    mean, var = Right.statistics(self, part)
    return mean.detach(), var.detach()


def _of_the_whole_batch(self, x, parts, statistics):
    with torch.no_grad():
        self.blend("running_mean", x.mean(self.axes(x)))
        self.blend("running_var", x.var(self.axes(x)))


def _of_the_last(self, x, parts, statistics):
    Right.update(self, x, parts[-1:], statistics[-1:])


def _of_the_first(self, x, parts, statistics):
    Right.update(self, x, parts[:1], statistics[:1])


def _one_after_the_other(self, x, parts, statistics):
    for part, both in zip(parts, statistics, strict=True):
        Right.update(self, x, [part], [both])


def _momentum_shared_out(self, x, parts, statistics):
    with torch.no_grad():
        for part, (mean, var) in zip(parts, statistics, strict=True):
            share = self.momentum / len(parts)
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(self.unbiased(part, var), share)


def _equal_weights(self, parts):
    return [1 / len(parts)] * len(parts)


def _summed(self, parts):
    return [1.0] * len(parts)


def _factor_of_the_batch(self, x, parts, statistics):
    m = x.numel() // x.shape[1]
    with torch.no_grad():
        variances = [var * m / (m - 1) for _, var in statistics]
        self.move([mean for mean, _ in statistics], variances, self.weights(parts))


def _factor_of_the_samples(self, part, var):
    return var * len(part) / (len(part) - 1) if len(part) > 1 else var


def _standard_deviations(self, part, var):
    return Right.unbiased(self, part, var).sqrt()


def _eval_by_groups(self, x):
    parts = self.parts(x)
    y = torch.cat([self.normalised(part, *self.statistics(part)) for part in parts])
    return self.scale_shift(y)


def _eval_with_batch(self, x):
    return self.scale_shift(self.normalised(x, *self.statistics(x)))


def _eval_moves(self, x):
    parts = self.parts(x)
    y = Right.evaluation(self, x).clone()
    self.update(x, parts, [self.statistics(part) for part in parts])
    return y


def _eval_without_gamma(self, x):
    return self.normalised(x, self.running_mean, self.running_var)


def _only_the_mean(self, means, variances, weights):
    self.blend("running_mean", sum(w * v for w, v in zip(weights, means, strict=True)))


def _graph(self, x, parts, statistics):
    weights = self.weights(parts)
    variances = [self.unbiased(p, v) for p, (_, v) in zip(parts, statistics, strict=True)]
    for name, values in (
        ("running_mean", [mean for mean, _ in statistics]),
        ("running_var", variances),
    ):
        new = sum(w * v for w, v in zip(weights, values, strict=True))
        setattr(self, name, torch.lerp(getattr(self, name), new, self.momentum))


def _attributes(self, c):
    self.running_mean, self.running_var = torch.zeros(c), torch.ones(c)


def _variance_starts_at_0(self, c):
    Right.make_buffers(self, c)
    self.running_var.zero_()


MISTAKES = (
    Mistake(
        "samples left over dropped",
        "y has fewer samples than x: those that fill no whole group are gone. They join the last group.",
        variant(parts=_left_over_dropped),
    ),
    Mistake(
        "samples left over alone",
        "The samples left over form a group of their own. One sample of (N, C) alone becomes 0, "
        "whatever it is. They join the last group.",
        variant(parts=_alone, unbiased=_variance_that_exists),
    ),
    Mistake(
        "samples left over not counted",
        "The samples left over are normalised with the last group, but its statistics do not contain "
        "them. They join the group, so its mean and variance run over them too.",
        variant(training_step=_left_over_as_last_group),
    ),
    Mistake(
        "samples left over by the running statistics",
        "The samples left over are normalised with the running statistics. They join the last group.",
        variant(training_step=_left_over_by_running),
    ),
    Mistake(
        "samples left over not normalised",
        "The samples left over are not normalised, only scaled and shifted. They join the last group.",
        variant(training_step=_left_over_untouched),
    ),
    Mistake(
        "samples left over in the first group",
        "The samples left over enlarge the first group. They stand at the end of the batch, and join "
        "the last.",
        variant(sizes=_left_over_to_the_first),
    ),
    Mistake(
        "samples left over spread",
        "The samples left over are spread over the groups, one each. They all join the last group.",
        variant(sizes=_spread_evenly),
    ),
    Mistake(
        "groups dealt out",
        "A group consists of every G-th sample. Here it consists of samples that follow each other. "
        "(With reshape, the axis of the groups comes first: (G, group, …).)",
        variant(parts=_dealt, joined=_dealt_back),
    ),
    Mistake(
        "samples out of order",
        "A group consists of every G-th sample, and y has the groups one after the other: its samples "
        "are in another order than those of x. Take samples that follow each other.",
        variant(parts=_dealt),
    ),
    Mistake(
        "group taken for the number of groups",
        "x is cut into `group` groups. `group` is the number of samples in one. (torch.chunk counts "
        "pieces, torch.split their length.)",
        variant(sizes=_as_number_of_groups, unbiased=_variance_that_exists),
    ),
    Mistake(
        "no groups",
        "All samples share one mean and variance: that is batch norm. Each group has its own.",
        variant(parts=_no_groups),
    ),
    Mistake(
        "groups of one",
        "Each sample has its own statistics: that is instance norm. A group has `group` samples.",
        variant(parts=_per_sample, unbiased=_variance_that_exists),
    ),
    Mistake(
        "channels together",
        "The mean and the variance of a group run over its channels too. Each channel has its own: "
        "every axis but axis 1.",
        variant(statistics=_channels_together),
    ),
    Mistake(
        "unbiased variance in the normalisation",
        "The groups are normalised with the variance divided by m − 1. It divides by m; only "
        "running_var follows the one divided by m − 1.",
        variant(statistics=_unbiased_statistics, unbiased=lambda self, part, var: var),
    ),
    Mistake(
        "statistics without a gradient",
        "dx takes the mean and the variance of a group for constants. The gradient flows through them, "
        "as in batch norm: compute them outside of torch.no_grad().",
        variant(statistics=_constant),
    ),
    Mistake(
        "running variance of the whole batch",
        "running_var follows the variance of the whole batch, which contains the spread of the group "
        "means. It follows the variances within the groups.",
        variant(update=_of_the_whole_batch),
    ),
    Mistake(
        "running statistics of the last group",
        "The running statistics follow the last group alone. They follow the average over the groups.",
        variant(update=_of_the_last),
    ),
    Mistake(
        "running statistics of the first group",
        "The running statistics follow the first group alone. They follow the average over the groups.",
        variant(update=_of_the_first),
    ),
    Mistake(
        "one update per group",
        "The running statistics move once per group, by the full momentum each time. So they forget as "
        "many times faster as there are groups, and the last group counts most. Average over the "
        "groups first; a batch is one update.",
        variant(update=_one_after_the_other),
    ),
    Mistake(
        "momentum shared out",
        "The running statistics move once per group, by momentum divided by the number of groups. That "
        "is close, but not one update with the average, and it does not weigh the groups by their "
        "samples.",
        variant(update=_momentum_shared_out),
    ),
    Mistake(
        "groups not weighted",
        "The average over the groups takes them all for equal. The last one may have more samples: "
        "weigh each group by its share of the batch.",
        variant(weights=_equal_weights),
    ),
    Mistake(
        "statistics summed",
        "The running statistics follow the sum over the groups. They follow the average.",
        variant(weights=_summed),
    ),
    Mistake(
        "biased running variance",
        "running_var follows variances that divide by m. It follows the unbiased ones, m/(m − 1) times "
        "as large. With small groups that is much: a factor of 2 for m = 2.",
        variant(unbiased=lambda self, part, var: var),
    ),
    Mistake(
        "m of the whole batch",
        "The unbiased variance uses the m of the whole batch. Each group's variance comes from the "
        "values of the group: that m counts.",
        variant(update=_factor_of_the_batch),
    ),
    Mistake(
        "m counts samples",
        "The unbiased variance uses the number of samples in the group. m counts values: samples times "
        "positions.",
        variant(unbiased=_factor_of_the_samples),
    ),
    Mistake(
        "standard deviation kept",
        "running_var follows the standard deviation. It follows the variance.",
        variant(unbiased=_standard_deviations),
    ),
    Mistake(
        "momentum reversed",
        "momentum weighs the old value here. In this course it weighs the new one: "
        "running + momentum·(batch − running).",
        variant(blend=lambda self, name, new: getattr(self, name).lerp_(new, 1 - self.momentum)),
    ),
    Mistake(
        "running statistics not updated",
        "running_mean and running_var keep their start. In training mode each batch moves them.",
        variant(update=lambda self, x, parts, statistics: None),
    ),
    Mistake(
        "only the running mean moves",
        "running_var keeps its start. Both running statistics move in each training step.",
        variant(move=_only_the_mean),
    ),
    Mistake(
        "eval by groups",
        "Eval mode normalises by groups. It uses running_mean and running_var for all samples.",
        variant(evaluation=_eval_by_groups),
    ),
    Mistake(
        "eval uses the batch",
        "Eval mode normalises with the statistics of the batch. It uses running_mean and running_var.",
        variant(evaluation=_eval_with_batch),
    ),
    Mistake(
        "running statistics updated in eval",
        "The running statistics move in eval mode too. There a network only answers.",
        variant(evaluation=_eval_moves),
    ),
    Mistake(
        "gamma and beta missing in eval",
        "Eval mode returns x̂: γ and β are not applied. They belong to the layer in both modes.",
        variant(evaluation=_eval_without_gamma),
    ),
    Mistake(
        "eps outside of the root",
        "It divides by √variance + ε. ε stands inside the root: √(variance + ε).",
        variant(
            normalised=lambda self, part, mean, var: (
                (part - self.shaped(mean, part)) / (self.shaped(var.sqrt(), part) + self.eps)
            )
        ),
    ),
    Mistake(
        "graph in the running statistics",
        "The running statistics keep the graph of every step. Update them under torch.no_grad(), or "
        "from detached values.",
        variant(update=_graph),
    ),
    Mistake(
        "running statistics as attributes",
        "The running statistics are plain attributes, so they are in no checkpoint and do not move "
        "with .to(). Register them as buffers.",
        variant(make_buffers=_attributes),
    ),
    Mistake(
        "running_var starts at 0",
        "running_var starts at 0. It starts at 1, as PyTorch's does: a layer that has seen nothing then "
        "leaves x nearly as it is in eval mode.",
        variant(make_buffers=_variance_starts_at_0),
    ),
)
