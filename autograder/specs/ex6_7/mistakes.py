"""6.7 A checkpoint-safe batch norm: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from autograder.spec import Mistake
from autograder.specs.ex6_7.answers import Apart, in_backward


class _CountsTwice(nn.BatchNorm2d):
    def forward(self, x):
        momentum = self.momentum
        if in_backward():
            self.momentum = 0.0
        try:
            return super().forward(x)
        finally:
            self.momentum = momentum


class _NotPutBack(nn.BatchNorm2d):
    def forward(self, x):
        if not in_backward():
            return super().forward(x)
        momentum, count = self.momentum, self.num_batches_tracked
        self.momentum = 0.0
        self.num_batches_tracked = None if count is None else count.clone()
        y = super().forward(x)
        self.momentum, self.num_batches_tracked = momentum, count
        return y


class _CopiedBack(nn.BatchNorm2d):
    def forward(self, x):
        before = {k: b.clone() for k, b in self.named_buffers()}
        try:
            return super().forward(x)
        finally:
            if in_backward():
                for name, buffer in self.named_buffers():
                    buffer.copy_(before[name])


class _OnlyWithGradients(Apart):
    def moves(self):
        return self.training and self.running_mean is not None and torch.is_grad_enabled()


class _OnceWithGradients(Apart):
    def moves(self):
        return super().moves() and torch.is_grad_enabled()


class _OnlyInBackward(Apart):
    def moves(self):
        return self.training and self.running_mean is not None and in_backward()


class _TrackingOff(nn.BatchNorm2d):
    def forward(self, x):
        tracked = self.track_running_stats
        self.track_running_stats = tracked and not in_backward()
        try:
            return super().forward(x)
        finally:
            self.track_running_stats = tracked


class _EvalInBackward(nn.BatchNorm2d):
    def forward(self, x):
        if not (self.training and in_backward()) or self.running_mean is None:
            return super().forward(x)
        mean, var = (s[:, None, None] for s in (self.running_mean, self.running_var))
        y = (x - mean) / torch.sqrt(var + self.eps)
        if self.weight is None:
            return y
        return self.weight[:, None, None] * y + self.bias[:, None, None]


class _Halved(nn.BatchNorm2d):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        if self.momentum is not None:
            self.momentum = 1 - math.sqrt(1 - self.momentum)


class _EverySecond(Apart):
    second = False

    def moves(self):
        if not (self.training and self.running_mean is not None):
            return False
        self.second = not self.second
        return self.second


class _BySameBatch(Apart):
    last = None

    def track(self, x):
        if self.last is not None and torch.equal(self.last, x):
            return
        self.last = x.clone()
        super().track(x)

    def moves(self):
        return self.training and self.running_mean is not None


class _EvalIgnored(Apart):
    def forward(self, x):
        if self.moves():
            with torch.no_grad():
                self.track(x)
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)


class _MovesInEval(Apart):
    def forward(self, x):
        if self.running_mean is not None and not in_backward():
            with torch.no_grad():
                self.track(x)
        if self.training or self.running_mean is None:
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        mean, var = self.running_mean.clone(), self.running_var.clone()
        return F.batch_norm(x, mean, var, self.weight, self.bias, False, 0.0, self.eps)


class _Biased(Apart):
    def stored(self, x):
        return x.var((0, 2, 3), correction=0)


class _TenthForNone(Apart):
    def share(self):
        return 0.1 if self.momentum is None else self.momentum


class _NotCounted(Apart):
    def track(self, x):
        count = self.num_batches_tracked.clone()
        super().track(x)
        self.num_batches_tracked.copy_(count)


class _Detached(Apart):
    """Normalises with statistics from no_grad."""

    def forward(self, x):
        if not self.training and self.running_mean is not None:
            return super().forward(x)
        with torch.no_grad():
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            if self.moves():
                self.track(x)
        return F.batch_norm(x, mean, var, self.weight, self.bias, False, 0.0, self.eps)


MISTAKES = (
    Mistake(
        "statistics updated twice",
        "Under checkpointing the running statistics and the counter move twice per batch, as in "
        "nn.BatchNorm2d: the second pass, inside backward, must leave them alone.",
        (nn.BatchNorm2d,),
    ),
    Mistake(
        "batches counted twice",
        "The running statistics move once, but num_batches_tracked counts the second pass as a "
        "batch of its own. With momentum=None its share comes from there.",
        (_CountsTwice,),
    ),
    Mistake(
        "not put back after the early stop",
        "What was switched off for the second pass stays off: from then on the statistics stand "
        "still. checkpoint leaves the second pass by an exception as soon as it has what it "
        "needs, so the lines after super().forward(x) are not reached. Put things back in finally.",
        (_NotPutBack,),
    ),
    Mistake(
        "old values copied back in place",
        "The second pass moves the buffers, and then the old values are copied into them. Autograd "
        "had saved these buffers, and refuses tensors that were changed since. Keep the second "
        "pass from moving them at all, or let it move copies.",
        (_CopiedBack,),
    ),
    Mistake(
        "updates bound to gradients",
        "The statistics move only when gradients are recorded. The first pass of reentrant "
        "checkpointing records none, the second of either kind does; and whoever measures "
        "statistics under no_grad() gets none. Ask whether a backward pass is running.",
        (_OnlyWithGradients,),
    ),
    Mistake(
        "no updates without gradients",
        "The second pass is recognised, but under no_grad() the statistics do not move at all: "
        "neither in the first pass of reentrant checkpointing, nor when statistics are measured "
        "without gradients. Leave torch.is_grad_enabled() out of it.",
        (_OnceWithGradients,),
    ),
    Mistake(
        "updates in the second pass only",
        "The statistics move in backward and not in forward: the condition is the wrong way "
        "round. Without checkpointing they never move.",
        (_OnlyInBackward,),
    ),
    Mistake(
        "tracking off in the second pass",
        "The second pass runs with track_running_stats = False. Then F.batch_norm gets no buffers "
        "and saves fewer tensors, which checkpoint notices. Run the same operation, and keep the "
        "buffers still by momentum 0 or by copies.",
        (_TrackingOff,),
    ),
    Mistake(
        "running statistics in the second pass",
        "The second pass normalises with the running statistics, as in eval mode. Backward then "
        "differentiates another function than forward has computed. Only the update is to be left "
        "out.",
        (_EvalInBackward,),
    ),
    Mistake(
        "a smaller momentum",
        "momentum is 1 − √(1 − m), which is right for two updates with one batch and wrong for "
        "one: without checkpointing, under no_grad(), and for the counter.",
        (_Halved,),
    ),
    Mistake(
        "every second pass skipped",
        "Every second forward pass is taken for a recomputation. Without checkpointing, or with "
        "several forward passes before backward, it is a new batch.",
        (_EverySecond,),
    ),
    Mistake(
        "recomputation recognised by its batch",
        "A pass with the same x as the last is taken for a recomputation. The same batch may come "
        "twice, and after several forward passes it is not the last that is computed again.",
        (_BySameBatch,),
    ),
    Mistake(
        "eval mode ignored",
        "Eval mode normalises with the batch. It uses the running statistics, if the layer keeps "
        "some.",
        (_EvalIgnored,),
    ),
    Mistake(
        "statistics move in eval mode",
        "The statistics move in eval mode too. Beside the second pass, ask self.training.",
        (_MovesInEval,),
    ),
    Mistake(
        "biased running variance",
        "running_var takes in the variance divided by m. It keeps the unbiased one.",
        (_Biased,),
    ),
    Mistake(
        "momentum=None ignored",
        "With momentum=None a batch gets the share 0.1. It gets 1/num_batches_tracked.",
        (_TenthForNone,),
    ),
    Mistake(
        "batches not counted",
        "num_batches_tracked stays where it was. The first pass over a batch adds 1.",
        (_NotCounted,),
    ),
    Mistake(
        "statistics without gradient",
        "The batch is normalised with statistics that were computed under no_grad(), so dx misses "
        "two terms. Only the update of the buffers belongs there.",
        (_Detached,),
    ),
)
