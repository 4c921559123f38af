"""5.3 Batch renormalisation: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch
from torch import nn

from autograder.spec import Mistake
from autograder.specs.ex5_3.answers import Right


def variant(**methods):
    return (type("BatchRenorm", (Right,), methods),)


def ratio(r=lambda batch_std, std: batch_std / std, d=None):
    """r and d before they are clipped; d(batch_mean, batch_std, mean, std)."""

    def pair(self, batch_mean, batch_std):
        mean, std = self.running_mean, self.running_std
        shift = d(batch_mean, batch_std, mean, std) if d else (batch_mean - mean) / std
        return r(batch_std, std), shift

    return pair


def _inverse_d(batch_mean, batch_std, mean, std):
    return (mean - batch_mean) / batch_std


def _moved_first(self, x):
    mean, std = self.batch(x)
    self.update(x, mean, std)
    return self.output(x, mean, std, *self.correction(mean, std))


def _limits_kept(self, num_features, eps=1e-5, momentum=0.01):
    Right.__init__(self, num_features, eps, momentum)
    self.first_limits = self.r_max, self.d_max


def _clipped_by_first_limits(self, mean, std):
    r, d = self.ratio(mean, std)
    r_max, d_max = self.first_limits
    return r.clamp(1 / r_max, r_max).detach(), d.clamp(-d_max, d_max).detach()


def _running_in_training(self, x):
    mean, std = self.batch(x)
    y = self.evaluation(x)
    self.update(x, mean, std)
    return y


def _outside_gamma(self, x, mean, std, r, d):
    x_hat = (x - self.shaped(mean, x)) / self.shaped(std, x)
    return self.scale_shift(x_hat, x) * self.shaped(r, x) + self.shaped(d, x)


def _d_before_r(self, x, mean, std, r, d):
    x_hat = (x - self.shaped(mean, x)) / self.shaped(std, x)
    return self.scale_shift((x_hat + self.shaped(d, x)) * self.shaped(r, x), x)


def _no_d(self, x, mean, std, r, d):
    return Right.output(self, x, mean, std, r, torch.zeros_like(d))


def _no_r(self, x, mean, std, r, d):
    return Right.output(self, x, mean, std, torch.ones_like(r), d)


def _constant_statistics(self, x):
    mean, std = Right.batch(self, x)
    return mean.detach(), std.detach()


def _unbiased(self, x):
    axes = self.axes(x)
    return x.mean(axes), self.root(x.var(axes))


def _unbiased_std_kept(self, x, mean, std):
    Right.update(self, x, mean, self.root(x.var(self.axes(x))))


def _variance_kept(self, x, mean, std):
    Right.update(self, x, mean, std**2)


def _std_without_eps_kept(self, x, mean, std):
    Right.update(self, x, mean, x.std(self.axes(x), correction=0))


def _corrected_std_kept(self, x, mean, std):
    r, d = self.correction(mean, std)
    Right.update(self, x, self.running_mean + d * self.running_std, r * self.running_std)


def _only_the_mean_moves(self, x, mean, std):
    with torch.no_grad():
        self.blend("running_mean", mean)


def _anew(self, name, new):
    setattr(self, name, torch.lerp(getattr(self, name), new, self.momentum))


def _eval_with_batch(self, x):
    mean, std = self.batch(x)
    return self.output(x, mean, std, torch.ones_like(std), torch.zeros_like(mean))


def _eval_corrected(self, x):
    mean, std = self.batch(x)
    return self.output(x, mean, std, *self.correction(mean, std))


def _eval_with_root(self, x):
    std = torch.sqrt(self.running_std + self.eps)
    return self.scale_shift((x - self.shaped(self.running_mean, x)) / self.shaped(std, x), x)


def _eval_with_eps(self, x):
    std = torch.sqrt(self.running_std**2 + self.eps)
    return self.scale_shift((x - self.shaped(self.running_mean, x)) / self.shaped(std, x), x)


def _eval_moves(self, x):
    y = Right.evaluation(self, x)
    self.update(x, *self.batch(x))
    return y


def _eval_without_gamma(self, x):
    return (x - self.shaped(self.running_mean, x)) / self.shaped(self.running_std, x)


def _graph(self, x, mean, std):
    self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
    self.running_std = (1 - self.momentum) * self.running_std + self.momentum * std


def _attributes(self, c):
    self.running_mean, self.running_std = torch.zeros(c), torch.ones(c)


def _running_parameters(self, c):
    self.running_mean = nn.Parameter(torch.zeros(c), requires_grad=False)
    self.running_std = nn.Parameter(torch.ones(c), requires_grad=False)


def _std_starts_at_0(self, c):
    Right.make_buffers(self, c)
    self.running_std.zero_()


MISTAKES = (
    Mistake(
        "r and d inverted",
        "r and d are the inverse pair, σ/σ_B and (μ − μ_B)/σ_B. They turn a value normalised by the "
        "running statistics into one normalised by the batch. Here it is the other way round: "
        "r = σ_B/σ and d = (μ_B − μ)/σ, so that training comes to what eval mode does.",
        variant(ratio=ratio(lambda b, s: s / b, _inverse_d)),
    ),
    Mistake(
        "r inverted",
        "r is σ/σ_B. Check it with wide limits: (x − μ_B)/σ_B · r must have σ below the line, so "
        "r = σ_B/σ.",
        variant(ratio=ratio(lambda b, s: s / b)),
    ),
    Mistake(
        "d inverted",
        "d is (μ − μ_B)/σ_B. With wide limits x̂ must be (x − μ)/σ, so d = (μ_B − μ)/σ: another sign, "
        "and the running deviation.",
        variant(ratio=ratio(d=_inverse_d)),
    ),
    Mistake(
        "d over the deviation of the batch",
        "d is divided by σ_B. The running deviation belongs there: d = (μ_B − μ)/σ. It is added "
        "after the multiplication with r, which has σ in place already.",
        variant(ratio=ratio(d=lambda m, b, mean, s: (m - mean) / b)),
    ),
    Mistake(
        "d with the wrong sign",
        "d is (μ − μ_B)/σ. A batch whose mean lies above the running one must come out above 0: "
        "d = (μ_B − μ)/σ.",
        variant(ratio=ratio(d=lambda m, b, mean, s: (mean - m) / s)),
    ),
    Mistake(
        "d not divided",
        "d is μ_B − μ. It is added to a normalised value, so it counts in running deviations: "
        "d = (μ_B − μ)/σ.",
        variant(ratio=ratio(d=lambda m, b, mean, s: m - mean)),
    ),
    Mistake(
        "r of variances",
        "r is the ratio of the variances, σ²_B/σ². It is the ratio of the deviations.",
        variant(ratio=ratio(lambda b, s: (b / s) ** 2)),
    ),
    Mistake(
        "gradient through r and d",
        "The values of y are right and dx is not: it flows through r and d as well. The gradient "
        "takes both for constants (detach them, or compute them under torch.no_grad()). With wide "
        "limits it otherwise becomes that of fixed statistics, and the mean path is lost.",
        variant(constant_r=lambda self, r: r, constant_d=lambda self, d: d, blend=_anew),
    ),
    Mistake(
        "r and d with a graph",
        "r and d have a graph, and it holds the running statistics, which you change in place. The "
        "gradient takes r and d for constants: detach them, or compute them under torch.no_grad(). "
        "(You normalise with the running statistics themselves? Normalise with the batch, then "
        "correct with r and d.)",
        variant(constant_r=lambda self, r: r, constant_d=lambda self, d: d),
    ),
    Mistake(
        "gradient through r",
        "The gradient takes d for a constant, but flows through r. Detach r as well.",
        variant(constant_r=lambda self, r: r, blend=_anew),
    ),
    Mistake(
        "gradient through d",
        "The gradient takes r for a constant, but flows through d. Detach d as well.",
        variant(constant_d=lambda self, d: d, blend=_anew),
    ),
    Mistake(
        "no gradient through the batch statistics",
        "The gradient takes μ_B and σ_B for constants. Only r and d are: the statistics of the batch "
        "keep their paths, as in batch norm.",
        variant(batch=_constant_statistics),
    ),
    Mistake(
        "no clipping",
        "r and d are not clipped. With wide limits that is right; with tight ones r stays within "
        "1/r_max … r_max and d within −d_max … d_max, and with r_max = 1, d_max = 0 it is batch norm.",
        variant(clip_r=lambda self, r: r, clip_d=lambda self, d: d),
    ),
    Mistake(
        "r not clipped",
        "d is clipped, r is not. It stays within 1/r_max … r_max.",
        variant(clip_r=lambda self, r: r),
    ),
    Mistake(
        "d not clipped",
        "r is clipped, d is not. It stays within −d_max … d_max.",
        variant(clip_d=lambda self, d: d),
    ),
    Mistake(
        "r clipped from above only",
        "r may fall below 1/r_max. A batch that varies too little is held as well: clip on both "
        "sides, 1/r_max … r_max. (−r_max … r_max does nothing below: r is never negative.)",
        variant(clip_r=lambda self, r: r.clamp(max=self.r_max)),
    ),
    Mistake(
        "d clipped from above only",
        "d may fall below −d_max. Clip on both sides: a batch may lie on either side of the running "
        "mean.",
        variant(clip_d=lambda self, d: d.clamp(max=self.d_max)),
    ),
    Mistake(
        "d clipped with r_max",
        "d is clipped to −r_max … r_max. It has its own limit, d_max.",
        variant(clip_d=lambda self, d: d.clamp(-self.r_max, self.r_max)),
    ),
    Mistake(
        "d clipped with 1/d_max",
        "d is clipped to 1/d_max … d_max, as if it were a ratio. It is a difference: −d_max … d_max.",
        variant(
            clip_d=lambda self, d: d.clamp(min(1 / max(self.d_max, 1e-9), self.d_max), self.d_max)
        ),
    ),
    Mistake(
        "limits read once",
        "Later values of r_max and d_max have no effect: the limits of a new layer are kept. The "
        "training loop raises them step by step, so read self.r_max and self.d_max in every forward.",
        variant(__init__=_limits_kept, correction=_clipped_by_first_limits),
    ),
    Mistake(
        "running statistics moved first",
        "The running statistics take in the batch before r and d are computed. Then the batch is "
        "compared with itself, in part. Compute r and d first, update last.",
        variant(training_step=_moved_first),
    ),
    Mistake(
        "running statistics used in training",
        "Training mode normalises with the running statistics. With wide limits the values are those, "
        "but not the gradient; and the limits have no effect. Normalise with the batch, then correct "
        "with r and d.",
        variant(training_step=_running_in_training, blend=_anew),
    ),
    Mistake(
        "corrected after gamma and beta",
        "r and d are applied to γ·x̂ + β. They correct x̂: γ·(x̂·r + d) + β.",
        variant(output=_outside_gamma),
    ),
    Mistake(
        "d added before r",
        "It computes (x̂ + d)·r. d stands outside: x̂·r + d. It counts in running deviations already.",
        variant(output=_d_before_r),
    ),
    Mistake(
        "d left out",
        "d is computed and not used, or it is always 0: x̂·r lacks the shift + d.",
        variant(output=_no_d),
    ),
    Mistake(
        "r left out",
        "r is computed and not used, or it is always 1: the batch's x̂ must be multiplied by r.",
        variant(output=_no_r),
    ),
    Mistake(
        "unbiased deviation",
        "σ_B divides by m − 1. It divides by m, in the normalisation and in what is kept.",
        variant(batch=_unbiased),
    ),
    Mistake(
        "unbiased deviation kept",
        "running_std follows the deviation with m − 1. Batch renormalisation keeps σ_B itself, the "
        "biased one: otherwise r is not 1 for an ordinary batch.",
        variant(update=_unbiased_std_kept),
    ),
    Mistake(
        "variance kept",
        "running_std follows the variance of the batch. It follows the deviation, σ_B.",
        variant(update=_variance_kept),
    ),
    Mistake(
        "deviation kept without eps",
        "running_std follows the deviation without ε. It follows σ_B = √(variance + ε), so that r "
        "compares like with like, also where the variance is tiny.",
        variant(update=_std_without_eps_kept),
    ),
    Mistake(
        "eps outside of the root",
        "σ_B is √variance + ε. In this course ε stands inside the root.",
        variant(root=lambda self, var: torch.sqrt(var) + self.eps),
    ),
    Mistake(
        "clipped statistics kept",
        "The running statistics follow the batch as r and d show it, after clipping. They follow μ_B "
        "and σ_B. Otherwise they move too slowly to catch up with the network.",
        variant(update=_corrected_std_kept),
    ),
    Mistake(
        "only the running mean moves",
        "running_std keeps its start. Both running statistics move in each training step.",
        variant(update=_only_the_mean_moves),
    ),
    Mistake(
        "running statistics not updated",
        "running_mean and running_std keep their start. In training mode each forward pass moves "
        "them by momentum times the difference to μ_B and σ_B.",
        variant(update=lambda self, x, mean, std: None),
    ),
    Mistake(
        "momentum reversed",
        "momentum weighs the old value here. In this course it weighs the new one: "
        "running + momentum·(batch − running).",
        variant(blend=lambda self, name, new: getattr(self, name).lerp_(new, 1 - self.momentum)),
    ),
    Mistake(
        "eval uses the batch",
        "Eval mode normalises with the statistics of the batch. It uses running_mean and running_std, "
        "and neither r nor d.",
        variant(evaluation=_eval_with_batch),
    ),
    Mistake(
        "eval corrects the batch",
        "Eval mode computes r and d from the batch, as training does. Where they are clipped, the "
        "answer to a sample depends on its neighbours. Use running_mean and running_std alone.",
        variant(evaluation=_eval_corrected),
    ),
    Mistake(
        "eval takes a root",
        "Eval mode divides by √(running_std + ε), as if a variance was kept. running_std is a "
        "deviation, with its ε: divide by it.",
        variant(evaluation=_eval_with_root),
    ),
    Mistake(
        "eps twice in eval",
        "Eval mode adds ε to running_std². It is in there already, from σ_B = √(variance + ε).",
        variant(evaluation=_eval_with_eps),
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
        "running statistics as parameters",
        "The running statistics are parameters: an optimiser with weight decay would move them. "
        "Register them as buffers.",
        variant(make_buffers=_running_parameters),
    ),
    Mistake(
        "running_std starts at 0",
        "running_std starts at 0, and r = σ_B/σ is infinite in the first step. It starts at 1.",
        variant(make_buffers=_std_starts_at_0),
    ),
)
