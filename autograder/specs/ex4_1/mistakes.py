"""4.1 A module like PyTorch's: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from autograder.spec import Mistake
from autograder.specs.ex4_1.answers import Right


def variant(**methods):
    return (type("BatchNorm", (Right,), methods),)


def attributes(self, c):
    self.running_mean, self.running_var = torch.zeros(c), torch.ones(c)
    self.num_batches_tracked = torch.tensor(0)


def buffers(self, c, count, start=1.0):
    self.register_buffer("running_mean", torch.zeros(c))
    self.register_buffer("running_var", torch.full((c,), start))
    self.register_buffer("num_batches_tracked", count)


def tracked_only(make):
    """`make_buffers` that leaves it to Right when nothing is tracked."""

    def make_buffers(self, c):
        make(self, c) if self.track_running_stats else Right.make_buffers(self, c)

    return make_buffers


@tracked_only
def _counter_as_attribute(self, c):
    Right.make_buffers(self, c)
    del self.num_batches_tracked
    self.num_batches_tracked = 0


@tracked_only
def _parameters(self, c):
    for name, start in (("running_mean", 0.0), ("running_var", 1.0)):
        self.register_parameter(name, nn.Parameter(torch.full((c,), start), requires_grad=False))
    self.register_buffer("num_batches_tracked", torch.tensor(0))


def _weights_as_buffers(self, c):
    self.register_buffer("weight", torch.ones(c) if self.affine else None)
    self.register_buffer("bias", torch.zeros(c) if self.affine else None)


def _always_affine(self, c):
    self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))


def _gamma_beta(self, c):
    Right.make_parameters(self, c)
    if self.affine:
        self.gamma, self.beta = self.weight, self.bias
        del self.weight, self.bias


def _scaled_by_gamma(self, x, mean, var):
    y = (x - self.shaped(mean, x)) * self.shaped(self.inv_std(var), x)
    return y * self.shaped(self.gamma, x) + self.shaped(self.beta, x) if self.affine else y


class _Graph(Right):
    """Its update is under no `no_grad`."""

    def forward(self, x):
        if self.uses_batch():
            m = x.numel() // x.shape[1]
            self.refuse(x, m)
            mean, var = self.batch(x)
            if self.moves():
                self.track(mean, self.stored(var, m))
        else:
            mean, var = self.running_mean, self.running_var
        return self.output(x, mean, var)

    def blend(self, name, new, share):
        setattr(self, name, (1 - share) * getattr(self, name) + share * new)


class _TooLate(Right):
    def forward(self, x):
        if self.moves():
            with torch.no_grad():
                self.track(x.mean(self.axes(x)), x.var(self.axes(x)))
        if self.uses_batch():
            self.refuse(x, x.numel() // x.shape[1])
            mean, var = self.batch(x)
        else:
            mean, var = self.running_mean, self.running_var
        return self.output(x, mean, var)


class _RefusesFirst(Right):
    """Its check stands at the top of forward."""

    def forward(self, x):
        self.refuse(x, x.numel() // x.shape[1])
        return super().forward(x)


class _InEval(Right):
    """Statistics follow every batch."""

    def forward(self, x):
        y = super().forward(x)
        if not self.training and self.running_mean is not None:
            with torch.no_grad():
                mean, var = self.batch(x)
                self.track(mean, self.stored(var, x.numel() // x.shape[1]))
        return y


class _CountsInEval(Right):
    def forward(self, x):
        y = super().forward(x)
        if not self.training and self.running_mean is not None:
            self.count()
        return y


class _RunningInTraining(Right):
    def output(self, x, mean, var):
        if self.running_mean is not None:
            mean, var = self.running_mean.clone(), self.running_var.clone()
        return super().output(x, mean, var)


class _Instance(Right):
    def output(self, x, mean, var):
        if x.ndim > 2 and self.uses_batch():
            axes = tuple(range(2, x.ndim))
            var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
            y = (x - mean) * self.inv_std(var)
            return y if self.weight is None else self.scale_shift(y, x)
        return super().output(x, mean, var)


class _PyTorchs(Right):
    def forward(self, x):
        self.refuse(x, x.numel() // x.shape[1] if self.uses_batch() else 2)
        if self.moves():
            self.num_batches_tracked += 1
        running = self.running_mean, self.running_var
        share = self.share() if self.moves() else 0.0
        return F.batch_norm(x, *running, self.weight, self.bias, self.uses_batch(), share, self.eps)


class _OwnCount(Right):
    """Counts in an attribute, and copies it into the buffer."""

    batches = 0

    def count(self):
        self.batches += 1
        self.num_batches_tracked.fill_(self.batches)


def _in_place(self, x, mean, var):
    x -= self.shaped(mean, x)
    return Right.output(self, x, torch.zeros_like(mean), var)


def _detached(self, x):
    mean, var = Right.batch(self, x)
    return mean.detach(), var.detach()


def _mean_of_squares(self, x):
    mean = x.mean(self.axes(x))
    return mean, (x**2).mean(self.axes(x)) - mean**2


def _fixed_axes(self, x):
    return x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)


def _batch_axis(self, x):
    return x.mean(0), x.var(0, correction=0)


def _asserted(self, x, m):
    assert m > 1, "more than one value per channel"


def _by_samples(self, x, m):
    if len(x) < 2:
        raise ValueError("more than one sample, please")


def _in_training_only(self, x, m):
    if self.training and m < 2:
        raise ValueError("one value per channel")


MISTAKES = (
    Mistake(
        "biased running variance",
        "`running_var` stores the variance divided by m. It stores the unbiased one, times "
        "m/(m − 1). Only the normalisation of the batch divides by m.",
        variant(stored=lambda self, var, m: var),
    ),
    Mistake(
        "unbiased variance in forward",
        "Training mode normalises with the variance divided by m − 1, the default of `var()`. "
        "Normalise with correction=0. Only `running_var` stores the one divided by m − 1.",
        variant(
            batch=lambda self, x: (x.mean(self.axes(x)), x.var(self.axes(x))),
            stored=lambda self, var, m: var,
        ),
    ),
    Mistake(
        "graph kept in the buffers",
        "The running statistics are computed with gradients recorded, so each step hangs its "
        "graph onto that of all steps before. Update them under torch.no_grad(), or detach.",
        (_Graph,),
    ),
    Mistake(
        "mode taken from the gradient flag",
        "The mode follows torch.is_grad_enabled(). no_grad() says that nobody will ask for "
        "gradients, train() and eval() say which statistics to use. Ask self.training.",
        variant(
            uses_batch=lambda self: torch.is_grad_enabled() or self.running_mean is None,
            moves=lambda self: torch.is_grad_enabled() and self.running_mean is not None,
        ),
    ),
    Mistake(
        "momentum=None ignored",
        "With momentum=None the running statistics move by a tenth as usual. None asks for the "
        "average of all batches: each new one has the share 1/num_batches_tracked.",
        variant(share=lambda self: 0.1 if self.momentum is None else self.momentum),
    ),
    Mistake(
        "momentum=None stands still",
        "With momentum=None the running statistics do not move. None asks for the average of all "
        "batches: each new one has the share 1/num_batches_tracked.",
        variant(share=lambda self: self.momentum or 0.0),
    ),
    Mistake(
        "momentum 0 taken for None",
        "momentum = 0 is treated as None: both are false. 0 keeps the statistics as they are. "
        "Ask `momentum is None`.",
        variant(share=lambda self: self.momentum or 1 / self.num_batches_tracked.item()),
    ),
    Mistake(
        "average off by one",
        "With momentum=None a new batch has the share 1/(k + 1), where k counts it already. The first "
        "batch replaces the start completely: its share is 1.",
        variant(
            share=lambda self: (
                1 / (self.num_batches_tracked.item() + 1)
                if self.momentum is None
                else self.momentum
            )
        ),
    ),
    Mistake(
        "momentum reversed",
        "momentum weighs the old value here. In PyTorch it weighs the new one: "
        "running = (1 − momentum)·running + momentum·batch.",
        variant(
            blend=lambda self, name, new, share: Right.blend(self, name, new, 1 - share),
        ),
    ),
    Mistake(
        "batches not counted",
        "`num_batches_tracked` stays where it was. Each training batch adds 1.",
        variant(
            count=lambda self: None,
            share=lambda self: (
                1 / (self.num_batches_tracked.item() + 1)
                if self.momentum is None
                else self.momentum
            ),
        ),
    ),
    Mistake(
        "batches counted in eval",
        "`num_batches_tracked` grows in eval mode too. It counts what the running statistics have "
        "seen: training batches.",
        (_CountsInEval,),
    ),
    Mistake(
        "own count beside the buffer",
        "The batches are counted in an attribute of its own, which starts at 0 although a state "
        "with more batches was loaded. Count in the buffer itself.",
        (_OwnCount,),
    ),
    Mistake(
        "plain attributes in place of buffers",
        "The running statistics are plain attributes: they are not saved, not loaded, and `.to()` "
        "does not move them. Register them with self.register_buffer(name, tensor).",
        variant(make_buffers=tracked_only(attributes)),
    ),
    Mistake(
        "counter is no buffer",
        "`num_batches_tracked` is missing from the state. It is a buffer like the other two: "
        "self.register_buffer('num_batches_tracked', torch.tensor(0)).",
        variant(make_buffers=_counter_as_attribute),
    ),
    Mistake(
        "counter is a float",
        "`num_batches_tracked` is a float. It counts: torch.tensor(0) is int64, and `.double()` "
        "and `.half()` leave it alone.",
        variant(make_buffers=tracked_only(lambda self, c: buffers(self, c, torch.zeros(())))),
    ),
    Mistake(
        "running statistics as parameters",
        "The running statistics are parameters. requires_grad=False hides them from autograd, but "
        "`parameters()` still hands them to the optimiser. Register them as buffers.",
        variant(make_buffers=_parameters),
    ),
    Mistake(
        "γ and β are no parameters",
        "`weight` and `bias` are not parameters, so no optimiser finds them. Wrap the tensors in "
        "nn.Parameter.",
        variant(make_parameters=_weights_as_buffers),
    ),
    Mistake(
        "γ and β under other names",
        "γ and β have names of their own in the state. PyTorch calls them `weight` and `bias`, and "
        "a state loads by name.",
        variant(make_parameters=_gamma_beta, output=_scaled_by_gamma),
    ),
    Mistake(
        "affine=False ignored",
        "There are γ and β although affine is False. Then the layer has no parameters, and y is x̂.",
        variant(make_parameters=_always_affine),
    ),
    Mistake(
        "track_running_stats=False ignored",
        "There are running statistics although track_running_stats is False. Then the layer keeps "
        "none, and normalises with the batch in eval mode too.",
        variant(make_buffers=lambda self, c: buffers(self, c, torch.tensor(0))),
    ),
    Mistake(
        "no statistics in eval without tracking",
        "With track_running_stats=False, eval mode normalises with 0 and 1: x passes through. "
        "Nothing was stored, so use the statistics of the batch.",
        variant(
            uses_batch=lambda self: self.training,
            output=lambda self, x, mean, var: (
                Right.output(self, x, torch.zeros(x.shape[1]), torch.ones(x.shape[1]))
                if mean is None
                else Right.output(self, x, mean, var)
            ),
        ),
    ),
    Mistake(
        "mode ignored",
        "Eval mode normalises with the batch, as training mode does. When self.training is False, "
        "use the running statistics.",
        variant(uses_batch=lambda self: True),
    ),
    Mistake(
        "running statistics updated in eval",
        "The running statistics move in eval mode too. Looking at new data must not change the "
        "model: update them only when self.training is True.",
        (_InEval,),
    ),
    Mistake(
        "running statistics used in training",
        "Training mode normalises with the running statistics. They are for eval mode; in "
        "training, x is normalised with the statistics of its own batch.",
        (_RunningInTraining,),
    ),
    Mistake(
        "running_var starts at 0",
        "`running_var` starts at 0. It starts at 1, so that a layer that has seen nothing leaves x "
        "nearly as it is in eval mode.",
        variant(
            make_buffers=tracked_only(lambda self, c: buffers(self, c, torch.tensor(0), start=0.0))
        ),
    ),
    Mistake(
        "statistics without gradient",
        "dx treats μ and σ² as constants. They depend on x: compute them with gradients, and only "
        "the update of the buffers without.",
        variant(batch=_detached),
    ),
    Mistake(
        "axes of images only",
        "The axes (0, 2, 3) are written out. x may have two, three or four axes: work them out "
        "from x.ndim, leaving out axis 1.",
        variant(batch=_fixed_axes),
    ),
    Mistake(
        "batch axis only",
        "Mean and variance run over axis 0 alone, so every pixel has its own. They run over every axis but 1.",
        variant(batch=_batch_axis),
    ),
    Mistake(
        "statistics per image",
        "Each image is normalised with its own statistics: that is instance norm. Mean and variance run over the batch axis too.",
        (_Instance,),
    ),
    Mistake(
        "γ and β on the last axis",
        "γ and β of shape (C,) meet the last axis of x, which is its width. Give them the shape "
        "(C, 1, 1) for images.",
        variant(scale_shift=lambda self, y, x: y * self.weight + self.bias),
    ),
    Mistake(
        "eps outside the root",
        "eps is added to the standard deviation. It stands inside the root: sqrt(var + eps).",
        variant(inv_std=lambda self, var: 1 / (torch.sqrt(var) + self.eps)),
    ),
    Mistake(
        "eps left out",
        "eps is not added to the variance. A channel with the same value everywhere has variance "
        "0, and x̂ would be 0/0: sqrt(var + eps).",
        variant(inv_std=lambda self, var: 1 / torch.sqrt(var)),
    ),
    Mistake(
        "E[x²] − E[x]²",
        "The variance is the difference of two large numbers, E[x²] − E[x]². Where the mean is "
        "large, single precision has no digits left for it. Subtract the mean first, then square.",
        variant(batch=_mean_of_squares),
    ),
    Mistake(
        "x changed in place",
        "x itself is centred. Where gradients are recorded, autograd refuses that; elsewhere the "
        "caller's numbers are gone. Write x = x − mean: a new tensor.",
        variant(output=_in_place),
    ),
    Mistake(
        "batch of one accepted",
        "A training batch with one value per channel is accepted. Its x̂ is 0, whatever x is, and it "
        "has no unbiased variance: 0/0 would leave nan in `running_var` for good. Raise ValueError.",
        variant(
            refuse=lambda self, x, m: None, stored=lambda self, var, m: var * m / max(m - 1, 1)
        ),
    ),
    Mistake(
        "batch of one divides by zero",
        "A batch of one is stopped by the division m/(m − 1), and only where running statistics "
        "are kept. Check m first, and raise ValueError.",
        variant(refuse=lambda self, x, m: None, stored=lambda self, var, m: var * (m / (m - 1))),
    ),
    Mistake(
        "assert in place of ValueError",
        "A batch of one ends in an assert. `python -O` leaves asserts out, and callers cannot tell "
        "one from another. Raise ValueError.",
        variant(refuse=_asserted),
    ),
    Mistake(
        "one image refused",
        "One image is refused although it has many pixels. What counts is m, the number of values "
        "per channel: x.numel() // C.",
        variant(refuse=_by_samples),
    ),
    Mistake(
        "refused in training mode only",
        "With track_running_stats=False, eval mode uses the batch too, and takes a batch of one "
        "without complaint. Refuse it wherever the statistics of the batch are used.",
        variant(refuse=_in_training_only),
    ),
    Mistake(
        "refused with running statistics too",
        "A batch of one is refused in eval mode although there are running statistics. They need "
        "no batch: one sample is enough. Refuse where the statistics of the batch are used.",
        (_RefusesFirst,),
    ),
    Mistake(
        "refused too late",
        "A batch of one is refused after it has spoiled the running statistics: they are nan. "
        "Check first, then update.",
        (_TooLate,),
    ),
    Mistake(
        "PyTorch's own batch norm",
        "The layer hands its work to a normaliser of PyTorch. Here you write it yourself.",
        (_PyTorchs,),
    ),
)
