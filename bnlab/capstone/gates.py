"""The study of gates for batches of one: shifts, arms, and what each arm answers.

A gated layer is a learner's module with a parameter `gate_logit` of shape (C,) beside batch norm's
state; its share σ(gate_logit) says how much a sample's own statistics count.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from bnlab.training import Data, cnn, train

GATE = "gate_logit"
# To float32, σ(−40) adds nothing and σ(40) is 1.
SHUT, OPEN = -40.0, 40.0


def each_its_own(
    x: torch.Tensor, seed: int, contrast: float = 3.0, brightness: float = 0.5
) -> torch.Tensor:
    """Images that each have a contrast and a brightness of their own: a·x + b.

    Args:
        x: (N, C, H, W).
        seed: of the draw.
        contrast: a is between 1/contrast and contrast, log-uniformly.
        brightness: b is between −brightness and brightness.
    """
    rng = torch.Generator().manual_seed(seed)
    one = (len(x), 1, 1, 1)
    factor = torch.exp(math.log(contrast) * (2 * torch.rand(one, generator=rng) - 1))
    return factor * x + brightness * (2 * torch.rand(one, generator=rng) - 1)


def gated_layers(model: nn.Module) -> list[nn.Module]:
    """The layers that have gates, from input to output."""
    return [m for m in model.modules() if hasattr(m, GATE)]


def gated(model: nn.Sequential, make: Callable[[int], nn.Module]) -> nn.Sequential:
    """A copy in eval mode with `make(width)` in place of each BatchNorm2d, holding its state.

    Raises:
        TypeError: what `make` returns lacks an entry of batch norm's state, or `gate_logit`.
    """
    layers = []
    for module in copy.deepcopy(model):
        if isinstance(module, nn.BatchNorm2d):
            layer, state = make(module.num_features), module.state_dict()
            named = layer.state_dict()
            missing = {*state, GATE} - {*named, "num_batches_tracked"}
            if missing:
                raise TypeError(f"A gated layer has no {', '.join(sorted(missing))}.")
            layer.load_state_dict(named | {k: state[k] for k in state if k in named})
            module = layer
        layers.append(module)
    return nn.Sequential(*layers).eval()


@torch.no_grad()
def with_gates(model: nn.Module, logits: Callable[[int, torch.Tensor], torch.Tensor]) -> nn.Module:
    """A copy with the gates `logits(position, the layer's own)`; position 0 is the first layer."""
    model = copy.deepcopy(model)
    for position, layer in enumerate(gated_layers(model)):
        getattr(layer, GATE).copy_(logits(position, getattr(layer, GATE)))
    return model


def constant(share: float) -> Callable[[int, torch.Tensor], torch.Tensor]:
    """Gates that all have one share, from 0 to 1, for `with_gates`."""
    logit = SHUT if share == 0 else OPEN if share == 1 else math.log(share / (1 - share))
    return lambda position, own: torch.full_like(own, logit)


def first_layer_open(position: int, own: torch.Tensor) -> torch.Tensor:
    """The first layer uses a sample's own statistics, all others the running ones."""
    return torch.full_like(own, SHUT if position else OPEN)


def shuffled(seed: int) -> Callable[[int, torch.Tensor], torch.Tensor]:
    """The layer's gates in another order: the same shares, for other channels."""
    rng = torch.Generator().manual_seed(seed)
    return lambda position, own: own[torch.randperm(len(own), generator=rng)]


def learn_gates(
    model: nn.Module,
    data: Data,
    seed: int,
    shift: bool = True,
    steps: int = 60,
    lr: float = 0.2,
    size: int = 32,
) -> nn.Module:
    """A copy whose gates, and nothing else, were trained by Adam; in eval mode throughout.

    Half of each batch is shifted (`each_its_own`), half as it is, from the training part. Without
    `shift` all of it is as it is.
    """
    model = copy.deepcopy(model).eval()
    gates = [getattr(layer, GATE) for layer in gated_layers(model)]
    optimiser, rng = torch.optim.Adam(gates, lr), torch.Generator().manual_seed(seed)
    x, y = data.part("train")
    for step in range(steps):
        rows = torch.randint(len(x), (size,), generator=rng)
        plain, moved = x[rows].chunk(2)
        moved = each_its_own(moved, seed=1000 * seed + step) if shift else moved
        images = torch.cat([plain, moved])
        loss = F.cross_entropy(model(images), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


class Standardised(nn.Module):
    """A network whose images are brought to mean 0 and variance 1, each by itself."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        axes = tuple(range(1, x.ndim))
        var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        return self.network((x - mean) / torch.sqrt(var + 1e-5))


def networks(data: Data, seed: int) -> dict[str, nn.Module]:
    """What each seed trains: a CNN with batch norm, one on standardised images, one with group norm.

    Group norm learns more slowly here, so it gets more epochs and a larger learning rate.
    """
    channels = data.x_train.shape[1]
    found = {
        "batch norm": cnn("bn", channels=channels, seed=seed),
        "standardised images": Standardised(cnn("bn", channels=channels, seed=seed)),
        "group norm": cnn("gn", channels=channels, seed=seed),
    }
    for name, model in found.items():
        lr, epochs = (0.3, 9) if name == "group norm" else (0.1, 5)
        train(model, lr, epochs, seed=seed, data=data)
    return found


def arms(
    trained: dict[str, nn.Module], make: Callable[[int], nn.Module], data: Data, seed: int
) -> dict[str, nn.Module]:
    """Every arm of a seed, in eval mode.

    Args:
        trained: what `networks` returns.
        make: makes a gated layer of a width; see `gated`.
    """
    start = gated(trained["batch norm"], make)
    learned = learn_gates(start, data, seed)
    fixed = {
        "running statistics": constant(0),
        "own statistics": constant(1),
        "half and half": constant(0.5),
        "shuffled gates": shuffled(seed),
        "first layer own": first_layer_open,
    }
    found = {
        "learned gates": learned,
        "learned without a shift": learn_gates(start, data, seed, shift=False),
    }
    found |= {name: with_gates(learned, logits) for name, logits in fixed.items()}
    return found | {name: trained[name].eval() for name in ("standardised images", "group norm")}


def shifts(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Images as they are, each with a contrast and a brightness of its own, and all as 2x + 1."""
    return {"clean": x, "shifted": each_its_own(x, seed=99), "doubled": 2 * x + 1}


@torch.no_grad()
def answers(model: nn.Module, x: torch.Tensor, size: int = 1) -> torch.Tensor:
    """The classes (N,) that a model in eval mode gives to images, `size` at a time."""
    model.eval()
    return torch.cat([model(some).argmax(1) for some in x.split(size)])


def right(model: nn.Module, x: torch.Tensor, y: torch.Tensor, size: int = 1000) -> float:
    """Share of right answers. No arm looks at neighbours, so `size` is a matter of time alone."""
    return (answers(model, x, size) == y).float().mean().item()
