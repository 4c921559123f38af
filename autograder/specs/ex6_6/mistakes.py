"""6.6 Folding: wrong numbers that learners write, and what to tell them."""

from __future__ import annotations

import copy

import torch

from autograder.spec import Mistake
from autograder.specs.ex6_6.answers import Folding


def variant(**methods):
    return (type("Fold", (Folding,), methods)(),)


def _no_beta(self, conv, bn, a):
    return a * (self.start(conv, bn) - bn.running_mean)


def _unscaled_bias(self, conv, bn, a):
    return self.beta(bn) + self.start(conv, bn) - a * bn.running_mean


def _unscaled_mean(self, conv, bn, a):
    return self.beta(bn) + a * self.start(conv, bn) - bn.running_mean


def _no_mean(self, conv, bn, a):
    return self.beta(bn) + a * self.start(conv, bn)


def _mean_added(self, conv, bn, a):
    return self.beta(bn) + a * (self.start(conv, bn) + bn.running_mean)


def _old_bias_lost(self, conv, bn, a):
    return self.beta(bn) - a * bn.running_mean


def _without_gamma(self, conv, bn, a):
    return self.beta(bn) + (self.start(conv, bn) - bn.running_mean) / self.std(bn)


def _along_inputs(self, conv, a):
    if conv.transposed:
        return self.transposed(conv, a)
    return conv.weight * a.reshape(1, -1, *[1] * (conv.weight.ndim - 2))


def _last_axis(self, conv, a):
    return conv.weight * a


def _like_ordinary(self, conv, a):
    return conv.weight * a.reshape(-1, *[1] * (conv.weight.ndim - 1))


def _no_groups(self, conv, a):
    return conv.weight * a.reshape(1, -1, *[1] * (conv.weight.ndim - 2))


def _first_group(self, conv, a):
    """The scales of the first group for all of them."""
    return conv.weight * a[: conv.weight.shape[1]].reshape(1, -1, *[1] * (conv.weight.ndim - 2))


def _affine_only(self, bn):
    return bn.bias if bn.affine else torch.zeros_like(bn.running_mean)


class _OnlyWithBias(Folding):
    """The new bias only where there was one."""

    def layer(self, conv):
        return copy.deepcopy(conv)

    def fill(self, layer, weight, bias):
        layer.weight.copy_(weight)
        if layer.bias is not None:
            layer.bias.copy_(bias)


OF_NUMBERS = (
    Mistake(
        "eps forgotten",
        "eps is missing under the root. With a variance near eps the weights come out too large: "
        "a = γ / √(running_var + bn.eps).",
        variant(std=lambda self, bn: torch.sqrt(bn.running_var)),
    ),
    Mistake(
        "eps outside the root",
        "eps is added to the standard deviation. Batch norm adds it to the variance, under the "
        "root.",
        variant(std=lambda self, bn: torch.sqrt(bn.running_var) + bn.eps),
    ),
    Mistake(
        "eps of your own",
        "eps is 1e-5 whatever the batch norm has. Take bn.eps: models from other frameworks "
        "often have 1e-3.",
        variant(std=lambda self, bn: torch.sqrt(bn.running_var + 1e-5)),
    ),
    Mistake(
        "variance in place of the standard deviation",
        "It divides by the variance. Batch norm divides by its square root.",
        variant(std=lambda self, bn: bn.running_var + bn.eps),
    ),
    Mistake(
        "γ missing",
        "γ (`bn.weight`) is nowhere in the folded layer. The scale is a = γ / √(running_var + "
        "eps), in the weight and in the bias.",
        variant(gamma=lambda self, bn: torch.ones_like(bn.running_mean)),
    ),
    Mistake(
        "γ missing in the bias",
        "The weight carries γ, the bias does not. The whole scale a = γ / √(running_var + eps) "
        "multiplies (bias of conv − running_mean).",
        variant(bias=_without_gamma),
    ),
    Mistake(
        "β missing",
        "β (`bn.bias`) is not in the folded bias: β + a · (bias of conv − running_mean).",
        variant(bias=_no_beta),
    ),
    Mistake(
        "bias of the convolution not scaled",
        "The convolution's own bias is added as it is. Batch norm scales everything that the "
        "convolution writes, its bias too: a · bias.",
        variant(bias=_unscaled_bias),
    ),
    Mistake(
        "bias of the convolution lost",
        "The convolution's own bias is gone. Where there is one, a · bias belongs into the new "
        "bias.",
        variant(bias=_old_bias_lost),
    ),
    Mistake(
        "running mean not scaled",
        "The running mean is subtracted as it is. It is subtracted before the scaling, so the new "
        "bias holds − a · running_mean.",
        variant(bias=_unscaled_mean),
    ),
    Mistake(
        "running mean missing",
        "The running mean is nowhere in the new bias: β + a · (bias of conv − running_mean).",
        variant(bias=_no_mean),
    ),
    Mistake(
        "running mean added",
        "The running mean has the wrong sign. Batch norm subtracts it.",
        variant(bias=_mean_added),
    ),
    Mistake(
        "a convolution without bias crashes",
        "`conv.bias` is None where the convolution was made with bias=False, which is the usual "
        "way in front of a batch norm. Take zeros then.",
        variant(start=lambda self, conv, bn: conv.bias),
    ),
    Mistake(
        "no new bias",
        "Where the convolution has no bias, the folded layer has none either, and the batch "
        "norm's shift is lost. Make room: nn.Parameter of C_out values.",
        (_OnlyWithBias(),),
    ),
    Mistake(
        "affine=False crashes",
        "`bn.weight` and `bn.bias` are None for a batch norm with affine=False. Then γ is 1 and β "
        "is 0.",
        variant(gamma=lambda self, bn: bn.weight, beta=lambda self, bn: bn.bias),
    ),
    Mistake(
        "γ without β crashes",
        "`bn.affine` is True for a batch norm made with bias=False, and its `bias` is None all the "
        "same. Ask `bn.bias is None`.",
        variant(beta=_affine_only),
    ),
    Mistake(
        "scaled along the inputs",
        "The scale multiplies the input channels. In an ordinary convolution the weight has shape "
        "(C_out, C_in / groups, …): the scale goes along axis 0. With as many channels out as in, "
        "nothing complains.",
        variant(weight=_along_inputs),
    ),
    Mistake(
        "scaled along the last axis",
        "`weight * a` broadcasts a along the last axis of the weight, the width of the kernel. "
        "Give a the shape (C_out, 1, …, 1).",
        variant(weight=_last_axis),
    ),
    Mistake(
        "transposed like ordinary",
        "A transposed convolution is scaled along axis 0. Its weight has shape "
        "(C_in, C_out / groups, …): the outputs are on axis 1.",
        variant(transposed=_like_ordinary),
    ),
    Mistake(
        "transposed without groups",
        "A transposed convolution with groups is scaled as if it had one. Axis 1 of its weight has "
        "C_out / groups places, and each block of C_in / groups rows has scales of its own.",
        variant(transposed=_no_groups),
    ),
    Mistake(
        "scales of the first group",
        "In a transposed convolution with groups, every group gets the scales of the first one. "
        "Each block of C_in / groups rows has scales of its own.",
        variant(transposed=_first_group),
    ),
)
