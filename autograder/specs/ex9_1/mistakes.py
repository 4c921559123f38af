"""9.1 Does it reach batch norm?: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import contextlib
import copy

import torch
from torch import nn
from torch.nn import functional as F

from autograder.spec import Mistake
from autograder.specs.ex9_1.answers import KINDS, Right


def variant(**methods):
    return (type("reach", (Right,), methods)(),)


class _Seeded:
    """Seeds, and leaves the generator where that leads."""

    def __enter__(self):
        torch.manual_seed(0)

    def __exit__(self, *error):
        pass


def _train_along(self, model, stream):
    # A copy's parameters may be frozen; whoever trains unfreezes them.
    parameters = list(model.requires_grad_(True).parameters())
    for x, y in stream:
        gradients = torch.autograd.grad(F.cross_entropy(model(x), y), parameters)
        with torch.no_grad():  # a step of SGD; torch.optim takes seconds to load
            for p, g in zip(parameters, gradients, strict=True):
                p -= 0.1 * g


def _one_after_the_other(self, model, before, after):
    ours = copy.deepcopy(model).train()
    with self.noise():
        self.run(ours, before)
    first = copy.deepcopy(ours)
    with self.noise():
        self.run(ours, after)
    return first, ours


def _the_model_itself(self, model, before, after):
    state = copy.deepcopy(model.state_dict())
    first = copy.deepcopy(self.after(model, before))
    model.load_state_dict(state)
    return first, self.after(model, after)


def _modes_left(self, model, before, after):
    state = copy.deepcopy(model.state_dict())
    networks = _the_model_itself(self, model, before, after)
    networks = [copy.deepcopy(network) for network in networks]
    model.load_state_dict(state)
    return networks


def _last_batch(self, model):
    model.train()
    for _, layer in self.layers(model):
        layer.momentum = 1.0


def _plain_average(self, model):
    model.train()
    for _, layer in self.layers(model):
        layer.reset_running_stats()
        layer.momentum = None


def _as_it_is(self, model):
    pass


def _first_alone(self, model):
    return Right.layers(self, model)[:1]


def _of_rows(self, model):
    return [(name, m) for name, m in Right.layers(self, model) if isinstance(m, nn.BatchNorm1d)]


def _top_level(self, model):
    return [
        (name, m)
        for name, m in model.named_children()
        if isinstance(m, KINDS) and m.running_mean is not None
    ]


def _in_the_order(self, model):
    return [(f"batch norm {k}", m) for k, (_, m) in enumerate(Right.layers(self, model))]


MISTAKES = (
    Mistake(
        "modes of the model kept",
        "The streams run in the modes that the model came in. In eval mode nothing moves and "
        "every manipulation gets 0: a test that cannot fail. Call train() on the copy.",
        variant(mode=_as_it_is),
    ),
    Mistake(
        "eval mode",
        "The streams run in eval mode. There the running statistics rest, so that the answer is 0 "
        "whatever is done to the images.",
        variant(mode=lambda self, model: model.eval()),
    ),
    Mistake(
        "other dropout masks",
        "The second stream meets other random numbers than the first, so that dropout alone makes "
        "a difference: the label swap seems to reach the layers behind it. Seed both runs alike.",
        variant(noise=lambda self: contextlib.nullcontext()),
    ),
    Mistake(
        "generator left seeded",
        "After the call PyTorch's generator stands where your seed led it. What the study draws "
        "next would be the same in every run. Use torch.random.fork_rng(), or put the state back.",
        variant(noise=lambda self: _Seeded()),
    ),
    Mistake(
        "weights trained along",
        "The network learns from the streams. Through the gradient the labels reach the weights, "
        "and through them the statistics. The question is about the statistics of given weights.",
        variant(run=_train_along),
    ),
    Mistake(
        "second stream starts where the first ended",
        "Both streams pass through one network, the second after the first, so it starts from "
        "other running statistics. Each starts from the model as it came.",
        variant(both=_one_after_the_other),
    ),
    Mistake(
        "model moved",
        "The model that came in has other running statistics, and perhaps modes, after the call. "
        "Work on a copy, copy.deepcopy(model).",
        variant(both=_the_model_itself, copied=lambda self, model: model),
    ),
    Mistake(
        "modes not put back",
        "The statistics of the model are back, but not its modes: it was in eval mode, or a layer "
        "of it was, and now it is not. Work on a copy.",
        variant(both=_modes_left, copied=lambda self, model: model),
    ),
    Mistake(
        "statistics of the last batch",
        "The statistics of the last batch are compared (momentum 1). Compare the running ones, "
        "with the momentum that each layer has.",
        variant(mode=_last_batch),
    ),
    Mistake(
        "reset and averaged",
        "The statistics are reset and averaged over the stream. Start from those that the model "
        "has, with the momentum of each layer.",
        variant(mode=_plain_average),
    ),
    Mistake(
        "first layer alone",
        "Only the first batch norm is looked at. Report each of them: what the first cancels may "
        "be what the second never sees.",
        variant(layers=_first_alone),
    ),
    Mistake(
        "BatchNorm1d alone",
        "Only nn.BatchNorm1d counts. Between convolutions they are nn.BatchNorm2d.",
        variant(layers=_of_rows),
    ),
    Mistake(
        "top level alone",
        "Only the model's direct children are searched. Layers inside blocks are found by "
        "`named_modules()`.",
        variant(layers=_top_level),
    ),
    Mistake(
        "names of its own",
        "The layers have names of their own. Use those of `model.named_modules()`.",
        variant(layers=_in_the_order),
    ),
    Mistake(
        "means alone",
        "Only the running means are compared. Contrast may change with every mean as it was: "
        "compare the deviations, too.",
        variant(parts=lambda self, means, stds: means),
    ),
    Mistake(
        "deviations alone",
        "Only the deviations are compared. Brightness moves the means and leaves the deviations.",
        variant(parts=lambda self, means, stds: stds),
    ),
    Mistake(
        "sign kept",
        "The largest difference is taken with its sign, so that a channel that sinks does not "
        "count. Take absolute values first.",
        variant(largest=lambda self, values: values.max().item()),
    ),
    Mistake(
        "mean over the channels",
        "The differences are averaged over the channels. One channel that is reached is reached: "
        "take the largest.",
        variant(largest=lambda self, values: values.abs().mean().item()),
    ),
    Mistake(
        "differences of the means not scaled",
        "The difference of the means is not divided by the running deviation. 0.1 is much for a "
        "channel with deviation 0.01, and nothing for one with 10.",
        variant(scale=lambda self, a, b: torch.ones_like(a.running_var)),
    ),
    Mistake(
        "divided by the variance",
        "The difference of the means is divided by the variance. Take its root: √(running_var + ε).",
        variant(scale=lambda self, a, b: a.running_var + a.eps),
    ),
    Mistake(
        "scaled by the second stream",
        "The difference of the means is divided by the deviation after the second stream. Use that "
        "of the first, what was normal before.",
        variant(scale=lambda self, a, b: (b.running_var + b.eps).sqrt()),
    ),
)
