"""Networks in which one thing is changed."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn
from torch.utils.checkpoint import checkpoint

from bnlab.training import he_init, linear_layers

STARTS = ("small", "sparse", "heavy tails", "positive", "equal")


@torch.no_grad()
def started(model: nn.Module, start: str, seed: int) -> nn.Module:
    """Draws all weights but the last layer's anew, biases at 0; in place, and returned.

    Args:
        start: "small", normal with standard deviation 1e-4; "sparse", normal, nine of ten are
            0; "heavy tails", Cauchy; "positive", uniform in 0…1; "equal", all 0.1.

    Raises:
        ValueError: another start.
    """
    if start not in STARTS:
        raise ValueError(f"start is {start!r}; expected one of {', '.join(STARTS)}.")
    rng = torch.Generator().manual_seed(seed)
    for layer in linear_layers(model)[:-1]:
        w = layer.weight
        if start == "small":
            w.normal_(0, 1e-4, generator=rng)
        elif start == "sparse":
            w.normal_(generator=rng).mul_(torch.rand(w.shape, generator=rng) < 0.1)
        elif start == "heavy tails":
            w.cauchy_(generator=rng)
        elif start == "positive":
            w.uniform_(generator=rng)
        else:
            w.fill_(0.1)
        layer.bias.zero_()
    return model


@torch.no_grad()
def glorot_init(model: nn.Module, gain: float) -> nn.Module:
    """Glorot's normal initialisation of all weights but the last layer's; in place, and returned.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, eq. 16, there with uniform weights. A gain of 4 makes up for the
    sigmoid's slope of 1/4.
    """
    for layer in linear_layers(model)[:-1]:
        nn.init.xavier_normal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return model


def trains_only(model: nn.Sequential, part: str) -> nn.Sequential:
    """Freezes all parameters but one part's; in place, and returned.

    Args:
        part: "norms", γ and β of every batch norm; "top", the last layer; "all".

    Raises:
        ValueError: another part.
    """
    if part not in ("norms", "top", "all"):
        raise ValueError(f"part is {part!r}; expected 'norms', 'top' or 'all'.")
    for module in model:
        chosen = {"norms": isinstance(module, _BatchNorm), "top": module is model[-1]}
        module.requires_grad_(chosen.get(part, True))
    return model


class ScaledBranch(nn.Module):
    """x + α · branch(x), where α is learnt and starts at 0."""

    def __init__(self, branch: nn.Module):
        super().__init__()
        self.branch, self.alpha = branch, nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.alpha * self.branch(x)


def skip_init(depth: int, width: int = 64, seed: int = 0) -> nn.Sequential:
    """`bnlab.training.residual_mlp` with preactivation, no norm, and a scalar α = 0 per block.

    Source: De and Smith, "Batch Normalization Biases Residual Blocks Towards the Identity
    Function in Deep Networks", NeurIPS 2020 (SkipInit).
    """
    torch.manual_seed(seed)
    blocks = [
        ScaledBranch(
            nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        )
        for _ in range(depth // 2)
    ]
    return he_init(nn.Sequential(nn.Linear(64, width), *blocks, nn.ReLU(), nn.Linear(width, 10)))


def dropout_at(model: nn.Sequential, where: str, p: float = 0.5) -> nn.Sequential:
    """The same layers with dropout behind activations.

    Args:
        where: "nowhere", "once", behind the last ReLU, or "everywhere", behind each.

    Raises:
        ValueError: another place.
    """
    if where not in ("nowhere", "once", "everywhere"):
        raise ValueError(f"where is {where!r}; expected 'nowhere', 'once' or 'everywhere'.")
    last = max(k for k, m in enumerate(model) if isinstance(m, nn.ReLU))
    layers: list[nn.Module] = []
    for k, module in enumerate(model):
        layers.append(module)
        if isinstance(module, nn.ReLU) and (
            where == "everywhere" or (where == "once" and k == last)
        ):
            layers.append(nn.Dropout(p))
    return nn.Sequential(*layers)


def with_fresh_norms(model: nn.Sequential) -> nn.Sequential:
    """A copy with a new batch norm behind each linear layer but the last."""
    layers: list[nn.Module] = []
    for module in copy.deepcopy(model):
        layers.append(module)
        if isinstance(module, nn.Linear):
            layers.append(nn.BatchNorm1d(module.out_features))
    return nn.Sequential(*layers[:-1])


def new_statistics(model: nn.Module, x: torch.Tensor, batch_size: int = 64) -> nn.Module:
    """A copy whose running statistics are averages over the batches of x, taken in order."""
    fresh = copy.deepcopy(model)
    update_bn(x.split(batch_size), fresh)
    return fresh


@torch.no_grad()
def undone(model: nn.Module) -> nn.Module:
    """A copy whose γ and β undo its running statistics: in eval mode each batch norm is x ↦ x."""
    fresh = copy.deepcopy(model)
    for module in fresh.modules():
        if isinstance(module, _BatchNorm):
            module.weight.copy_((module.running_var + module.eps).sqrt())
            module.bias.copy_(module.running_mean)
    return fresh


class Checkpointed(nn.Module):
    """Keeps no values of a block for the backward pass, but runs it again there."""

    def __init__(self, block: nn.Module):
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return checkpoint(self.block, x, use_reentrant=False) if self.training else self.block(x)


def checkpointed(model: nn.Sequential, blocks: int = 2) -> nn.Sequential:
    """A copy of which all but the last layer is cut into checkpointed blocks of equal length."""
    fresh = copy.deepcopy(model)
    length = -(-(len(fresh) - 1) // blocks)
    cuts = range(0, len(fresh) - 1, length)
    body = [Checkpointed(fresh[k : min(k + length, len(fresh) - 1)]) for k in cuts]
    return nn.Sequential(*body, fresh[-1])
