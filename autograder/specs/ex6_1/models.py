"""6.1 Modes: models whose modules are in modes of their own, and what their modes are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from autograder.spec import Measured


class Held(nn.BatchNorm1d):
    """A batch norm that is frozen for good: train() leaves it in eval mode."""

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(False)


class Towers(nn.Module):
    """Two branches of different depth, a batch norm of its own, and a head in a dict."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(
            nn.Linear(4, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.4))
        )
        self.right = nn.ModuleList([nn.Linear(4, 3), nn.BatchNorm1d(3)])
        self.norm = nn.BatchNorm1d(3, affine=False)
        self.heads = nn.ModuleDict({"a": nn.Linear(3, 2)})

    def forward(self, x):
        right = self.right[1](self.right[0](x))
        return self.heads["a"](self.norm(self.left(x) * right))


class Twice(nn.Module):
    """One batch norm that is used twice, under two names."""

    def __init__(self):
        super().__init__()
        self.first = nn.BatchNorm1d(4)
        self.body = nn.Sequential(nn.Linear(4, 4), self.first, nn.Dropout(0.4))

    def forward(self, x):
        return self.body(self.first(x))


def _images():
    conv = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    return nn.Sequential(conv, nn.Dropout2d(0.4), nn.Sequential(nn.Flatten(), nn.Linear(12, 2)))


MODELS = {
    "layers in a row": lambda: nn.Sequential(
        nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.4), nn.Linear(5, 2)
    ),
    "blocks in blocks": Towers,
    "convolutions": _images,
    "a layer under two names": Twice,
    "a layer whose train() keeps it frozen": lambda: nn.Sequential(
        nn.Linear(4, 3), Held(3), nn.Sequential(nn.Dropout(0.4), nn.BatchNorm1d(3))
    ),
    "one layer": lambda: nn.BatchNorm1d(4),
}
SHAPES = {"convolutions": (5, 2, 4, 4)}
ROOT = "model"


def made(name: str, seed: int) -> nn.Module:
    """A model with parameters and statistics drawn from `seed`, float64."""
    model = MODELS[name]().double()
    rng = np.random.default_rng(seed)
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            low, high = (0.5, 2) if key.endswith("running_var") else (-1, 1)
            tensor.copy_(torch.from_numpy(rng.uniform(low, high, tuple(tensor.shape))))
    return model


def named(model: nn.Module) -> dict[str, nn.Module]:
    """Every module once, the model itself as "model"."""
    return {name or ROOT: module for name, module in model.named_modules()}


def drawn_modes(name: str, rng: np.random.Generator, root: bool) -> tuple[bool, ...]:
    """A mode for each module: mixed wherever a module has children, and among the children."""
    model = MODELS[name]()
    modules = named(model)
    modes = {key: bool(rng.integers(2)) for key in modules} | {ROOT: root}
    for key, module in modules.items():
        children = [n for n, m in modules.items() if any(m is c for c in module.children())]
        if children:
            # One child in the other mode than its parent, so that no parent speaks for all.
            modes[str(rng.choice(children))] = not modes[key]
    if name.endswith("frozen"):
        modes["1"] = False
    if name == "a layer under two names":  # body.train(mode) must not be its last word
        modes["body"] = not modes["first"]
    return tuple(modes.values())


def set_modes(model: nn.Module, modes: Sequence[bool]) -> None:
    for module, mode in zip(named(model).values(), modes, strict=True):
        module.training = mode


def wrong_modes(
    modules: Mapping[str, nn.Module], expected: Mapping[str, bool], when: str
) -> dict[str, Measured]:
    """The modes as one output: how many are wrong, and in words which.

    One output and not one a module: two answers do the same only if they agree in all of them.
    """
    wrong = {n: m.training for n, m in modules.items() if m.training != expected[n]}
    parts = []
    for mode, is_in, not_in in ((True, "training", "eval"), (False, "eval", "training")):
        if names := ", ".join(f"`{name}`" for name, found in wrong.items() if found == mode):
            parts.append(f"In {is_in} mode and not in {not_in} mode: {names}.")
    says = f"Modules in the wrong mode {when}: {len(wrong)}. " + " ".join(parts)
    return {wrong_when(when): Measured(len(wrong), says, " ".join(parts))}


def wrong_when(when: str) -> str:
    """The output's name."""
    return f"modules in the wrong mode {when}"
