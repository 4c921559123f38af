"""A batch norm whose backward pass forgets paths: right outputs, wrong gradients."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class ForgetfulNorm(nn.BatchNorm1d):
    """Batch norm for (N, D) that treats batch statistics as constants in backward.

    Args:
        width: D.
        forgets: any of "mean" and "var"; empty for the right gradient.
    """

    def __init__(self, width: int, forgets: tuple[str, ...] = ()):
        super().__init__(width)
        unknown = set(forgets) - {"mean", "var"}
        if unknown:
            raise ValueError(f"forgets has {sorted(unknown)}; expected 'mean' and 'var'.")
        self.forgets = forgets

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        mean, var = x.mean(0), x.var(0, unbiased=False)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * len(x) / (len(x) - 1), self.momentum)
        # Through var, the mean's gradient is 0, so that "mean" is the mean in x − mean alone.
        mean = mean.detach() if "mean" in self.forgets else mean
        var = var.detach() if "var" in self.forgets else var
        return self.weight * (x - mean) / torch.sqrt(var + self.eps) + self.bias


def forgetful(model: nn.Sequential, *forgets: str) -> nn.Sequential:
    """Replaces each BN layer of a fresh `bnlab.training.mlp`; weights stay the same."""
    for place, module in enumerate(model):
        if isinstance(module, nn.BatchNorm1d):
            model[place] = ForgetfulNorm(module.num_features, forgets)
    return model


def gradient(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The loss gradient of all parameters as one vector. x: (N, 64), y: (N,)."""
    loss = F.cross_entropy(model(x), y)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


@torch.no_grad()
def adopt_statistics(model: nn.Module, x: torch.Tensor) -> nn.Module:
    """Sets every BN layer's running statistics to those of the batch x, biased variance, and
    switches to evaluation: the outputs for x are then those of training mode.

    Args:
        x: (N, …), N at least 2.

    Returns:
        The model.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d)]
    usual = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 1.0
    model.train()(x)
    for layer, momentum in zip(layers, usual, strict=True):
        layer.momentum = momentum
        layer.running_var *= (len(x) - 1) / len(x)
    return model.eval()
