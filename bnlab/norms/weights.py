"""Norms of the weights, not of the activations: no sample and no batch takes part.

Both are parametrizations: `register_parametrization(layer, "weight", WeightStandardisation())`
makes `layer.weight` a function of what is trained.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrize


def weight_norm(v: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """w = g·v/|v|, for each output by itself: the direction and the length are two parameters.

    Args:
        v: (O, *rest), float. Axis 0 counts the outputs of a linear or convolution layer.
        g: (O, 1, …, 1), as many axes as v.

    Source: Salimans & Kingma, "Weight Normalization", NeurIPS 2016, section 2.
    """
    return g * v / v.flatten(1).norm(dim=1).view(-1, *[1] * (v.ndim - 1))


def standardise_weight(w: torch.Tensor, eps: float = 1e-6) -> torch.Tensor:
    """Each output's weights with mean 0 and biased variance 1.

    Args:
        w: (O, *rest), float.
        eps: inside the root. The paper's code adds 1e-5 to an unbiased standard deviation.

    Source: Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and Weight
    Standardization", arXiv 1903.10520, 2019, section "Weight Standardization".
    """
    axes = tuple(range(1, w.ndim))
    var, mean = torch.var_mean(w, axes, correction=0, keepdim=True)
    return (w - mean) * torch.rsqrt(var + eps)


class WeightNorm(nn.Module):
    """`weight_norm` as a parametrization; g and v are trained. It starts at the layer's weight."""

    def forward(self, g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return weight_norm(v, g)

    def right_inverse(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        g = weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.ndim - 1))
        return g, weight


class WeightStandardisation(nn.Module):
    """`standardise_weight` as a parametrization.

    Args:
        eps: see `standardise_weight`.
        scaled: also divide by √fan-in, so that the layer keeps the size of its input. Without
            it a normaliser has to follow.

    Source of `scaled`: Brock, De & Smith, "Characterizing signal propagation to close the
    performance gap in unnormalized ResNets", ICLR 2021.
    """

    def __init__(self, eps: float = 1e-6, scaled: bool = False):
        super().__init__()
        self.eps, self.scaled = eps, scaled

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        standard = standardise_weight(weight, self.eps)
        return standard / weight[0].numel() ** 0.5 if self.scaled else standard


def reparametrized(model: nn.Module, make) -> nn.Module:
    """The model, with `make()` in front of the weight of each linear and convolution layer.

    Args:
        model: changed in place.
        make: without arguments, returns a parametrization.

    The last such layer, the classifier, keeps its weight: it sets the size of the logits.
    """
    layers = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d))]
    for layer in layers[:-1]:
        parametrize.register_parametrization(layer, "weight", make())
    return model
