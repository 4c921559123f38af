"""7.1 One network, two arms: what learners get wrong, and what to tell them."""

from __future__ import annotations

import torch
from torch import nn

from autograder.spec import Mistake
from autograder.specs.ex7_1.answers import Builder, variant


def _from_the_global_one(self, layer, generator):
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def _nothing(self, *arguments):
    """PyTorch's own start is kept."""


def _fan_out(self, layer, generator):
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)


def _without_gain(self, layer, generator):
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear", generator=generator)


def _restarted(self, layer, generator):
    Builder.weight(self, layer, generator.manual_seed(generator.initial_seed()))


def _convolutions_alone(self, model):
    return [m for m in model if isinstance(m, nn.Conv2d)]


MISTAKES = (
    Mistake(
        "arms start apart",
        "The weights of the two arms differ. PyTorch draws weights and biases as a layer is made, so "
        "an arm without biases draws fewer numbers, and every later weight is another one. Draw "
        "all weights once the layers are there, from a generator of their own.",
        variant(before=lambda self, seed: torch.manual_seed(seed), weight=_from_the_global_one),
    ),
    Mistake(
        "seed ignored",
        "The weights do not follow `seed`. Draw them from torch.Generator().manual_seed(seed).",
        variant(generator=lambda self, seed: torch.Generator().manual_seed(0)),
    ),
    Mistake(
        "PyTorch's default start",
        "The weights are those that PyTorch gives a new layer. They are smaller than He's by a "
        "factor of √6, and a plain network hardly trains from them: then batch norm looks better "
        "than it is.",
        variant(before=lambda self, seed: torch.manual_seed(seed), weight=_nothing),
    ),
    Mistake(
        "default start without a seed",
        "The weights are those that PyTorch gives a new layer, and do not follow `seed`. Draw He's "
        "weights from torch.Generator().manual_seed(seed), once the layers are there.",
        variant(weight=_nothing),
    ),
    Mistake(
        "a generator for each layer",
        "Every layer starts the generator again, so the first weights of all layers are the same "
        "numbers up to a factor. Make one generator and draw layer after layer.",
        variant(weight=_restarted),
    ),
    Mistake(
        "fan-out in place of fan-in",
        "The weights are scaled by the channels that a layer writes. He's start for a forward "
        "pass divides by what a weight's row reads: mode='fan_in', which is the default.",
        variant(weight=_fan_out),
    ),
    Mistake(
        "gain of ReLU missing",
        "The weights are too small by √2. ReLU drops half of the signal's power, and He's start makes "
        "up for it: nonlinearity='relu'.",
        variant(weight=_without_gain),
    ),
    Mistake(
        "head with the default start",
        "The linear layer at the end keeps PyTorch's default start. It is a layer like the others: "
        "He's weights, bias 0.",
        variant(weighted=_convolutions_alone),
    ),
    Mistake(
        "biases with the default start",
        "The biases start at random values. They start at 0.",
        variant(zero=_nothing),
    ),
    Mistake(
        "bias before batch norm",
        "In the bn arm the convolutions have a bias. Batch norm subtracts it again with the mean: "
        "bias=False, and β does its work.",
        variant(bias=lambda self, normed: True),
    ),
    Mistake(
        "no bias in the plain arm",
        "In the plain arm the convolutions have no bias. Nothing else can shift their output, so "
        "the arm would be handicapped.",
        variant(bias=lambda self, normed: False),
    ),
    Mistake(
        "batch norm after ReLU",
        "Batch norm comes after the ReLU. The order is convolution, batch norm, ReLU.",
        variant(unit=lambda self, conv, norms, last: [conv, nn.ReLU(), *norms]),
    ),
    Mistake(
        "no batch norm in the first layer",
        "The first convolution has no batch norm. Every convolution of the bn arm gets one.",
        variant(
            norms=lambda self, width, normed, number: Builder.norms(
                self, width, normed and number > 0, number
            )
        ),
    ),
    Mistake(
        "no ReLU after the last convolution",
        "After the last convolution the ReLU is missing.",
        variant(
            unit=lambda self, conv, norms, last: [conv, *norms, *([] if last else [nn.ReLU()])]
        ),
    ),
    Mistake(
        "maximum in place of the mean",
        "The map is reduced by its maximum. The task asks for its mean.",
        variant(
            head=lambda self, width, normed: [
                nn.AdaptiveMaxPool2d(1),
                nn.Flatten(),
                nn.Linear(width, 10),
            ]
        ),
    ),
    Mistake(
        "softmax at the end",
        "The network ends in a softmax. Cross-entropy takes the logits and applies it itself.",
        variant(
            head=lambda self, width, normed: [*Builder.head(self, width, normed), nn.Softmax(1)]
        ),
    ),
    Mistake(
        "no padding",
        "The convolutions have no padding, so each map is smaller by two. Use padding=1.",
        variant(padding=0),
    ),
    Mistake(
        "strides ignored",
        "The convolutions have stride 1. Each takes its entry of `strides`.",
        variant(stride=lambda self, stride: 1),
    ),
    Mistake(
        "switch reversed",
        "The arm 'plain' has batch norm, and the arm 'bn' has none.",
        variant(normed=lambda self, arm: arm != "bn"),
    ),
    Mistake(
        "switch ignored",
        "Both arms have batch norm. The arm 'plain' has none.",
        variant(normed=lambda self, arm: True),
    ),
)
