"""6.6 Folding: wrong layers, pairs that are changed and pairs that should be refused."""

from __future__ import annotations

import copy

import torch
from torch import nn

from autograder.spec import Mistake
from autograder.specs.ex6_6.answers import Folding
from autograder.specs.ex6_6.mistakes import OF_NUMBERS, variant


def _made_without(*forgotten):
    """`layer` from the constructor, some settings left at their defaults."""
    names = ("stride", "padding", "dilation", "groups", "padding_mode", "output_padding")

    def layer(self, conv):
        settings = {n: getattr(conv, n) for n in names if n not in forgotten}
        if not conv.transposed:
            settings.pop("output_padding", None)
        return type(conv)(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            **settings,
            dtype=conv.weight.dtype,
        )

    return layer


def _float32(self, conv):
    return Folding.layer(self, conv).float()


def _replaced(self, layer, weight, bias):
    """As it has to be where a setting changes the weight's shape."""
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)


class _InPlace(Folding):
    """Scales the weight of conv itself, then copies it."""

    def __call__(self, conv, bn):
        self.refuse(conv, bn)
        with torch.no_grad():
            a = self.gamma(bn) / self.std(bn)
            bias = self.bias(conv, bn, a)
            conv.weight.copy_(self.weight(conv, a))
            layer = copy.copy(conv)
            layer._parameters = dict(conv._parameters)
            layer.bias = nn.Parameter(bias)
        return layer


class _BiasInPlace(Folding):
    """Takes β itself for the new bias, and adds into it."""

    def __call__(self, conv, bn):
        self.refuse(conv, bn)
        with torch.no_grad():
            a = self.gamma(bn) / self.std(bn)
            layer = self.layer(conv)
            layer.weight.copy_(self.weight(conv, a))
            layer.bias = nn.Parameter(self.beta(bn))
            layer.bias += a * (self.start(conv, bn) - bn.running_mean)
        return layer


def _by_assert(self, conv, bn):
    assert not bn.training and bn.running_mean is not None


def _any_training(self, conv, bn):
    if conv.training:
        raise ValueError("conv is in training mode")
    Folding.refuse(self, conv, bn)


def _only_mode(self, conv, bn):
    if bn.training:
        raise ValueError("bn is in training mode")


def _only_statistics(self, conv, bn):
    if bn.running_mean is None:
        raise ValueError("no running statistics")


class _SwitchedToEval(Folding):
    """Puts the batch norm into eval mode in place of refusing it."""

    def refuse(self, conv, bn):
        bn.eval()
        Folding.refuse(self, conv, bn)


class _SwitchesBoth(Folding):
    def refuse(self, conv, bn):
        Folding.refuse(self, conv, bn)
        conv.eval()


OF_FORM = (
    *(
        Mistake(
            f"{setting} forgotten",
            f"The new layer is made without `{setting}` of conv. Pass every setting on, or take "
            "copy.deepcopy(conv) and replace weight and bias.",
            variant(layer=_made_without(setting), fill=_replaced),
        )
        for setting in ("stride", "padding", "dilation", "groups", "padding_mode")
    ),
    Mistake(
        "output_padding forgotten",
        "The new transposed convolution is made without `output_padding`, and its output is "
        "smaller. Pass every setting on, or take copy.deepcopy(conv).",
        variant(layer=_made_without("output_padding"), fill=_replaced),
    ),
    Mistake(
        "always float32",
        "The folded layer is float32 although the pair is float64. Give it the dtype of "
        "conv.weight.",
        variant(layer=_float32),
    ),
    Mistake(
        "conv changed in place",
        "The weight of conv itself is scaled. The pair then gives something else than before: "
        "folding twice scales twice. Work on copies.",
        (_InPlace(),),
    ),
    Mistake(
        "β changed in place",
        "The new bias is bn.bias itself, and adding into it changes the batch norm. nn.Parameter "
        "makes no copy; take clone().",
        (_BiasInPlace(),),
    ),
    Mistake(
        "folded in training mode",
        "A batch norm in training mode is folded. There it normalises with the batch, and the "
        "folded layer gives something else than the pair. Raise a ValueError.",
        variant(refuse=_only_statistics),
    ),
    Mistake(
        "switched to eval",
        "It switches the batch norm to eval mode by itself. Whoever calls it in training mode has "
        "forgotten something; a silent switch hides that. Raise a ValueError.",
        (_SwitchedToEval(),),
    ),
    Mistake(
        "no running statistics crashes",
        "With track_running_stats=False, `running_mean` is None: the batch norm normalises with "
        "the batch also in eval mode. Raise a ValueError that says so.",
        variant(refuse=_only_mode),
    ),
    Mistake(
        "assert in place of an exception",
        "The refusal is an assert. Python leaves asserts out with -O, and callers cannot tell "
        "them from bugs. Raise a ValueError.",
        variant(refuse=_by_assert),
    ),
    Mistake(
        "conv in training mode refused",
        "It refuses because conv is in training mode. A convolution does the same in both; only "
        "the batch norm's mode counts.",
        variant(refuse=_any_training),
    ),
    Mistake(
        "conv switched to eval",
        "It leaves conv in another mode than it was. Switch the new layer if you like, and leave "
        "the pair alone.",
        (_SwitchesBoth(),),
    ),
)

MISTAKES = OF_NUMBERS + OF_FORM
