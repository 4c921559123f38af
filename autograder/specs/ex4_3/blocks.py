"""4.3 Blocks: what is seen of a module while it runs, and its parameters filled with known numbers."""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from autograder.spec import AnswerError

SEEN = (nn.Conv2d, nn.BatchNorm2d)


@dataclass(eq=False)
class Step:
    """One call of a convolution or of a batch norm."""

    module: nn.Module
    reads: torch.Tensor
    writes: torch.Tensor


@dataclass
class Layers:
    """The convolutions and batch norms of a block, each in the order in which they run."""

    convs: list[Step]
    norms: list[Step]
    shortcut_convs: list[Step]
    shortcut_norms: list[Step]

    def roles(self) -> dict[str, nn.Module]:
        """Every layer by what it is in the block: "conv 1", "shortcut norm 1"."""
        kinds = {"conv": self.convs, "norm": self.norms}
        kinds |= {"shortcut conv": self.shortcut_convs, "shortcut norm": self.shortcut_norms}
        return {
            f"{kind} {k}": s.module for kind, steps in kinds.items() for k, s in enumerate(steps, 1)
        }


def run(block: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, list[Step]]:
    """Calls a block; returns its output, and the steps on the way.

    Every module that runs is seen, also one that the block does not know as its own.
    """
    steps = []

    def note(module, args, kwargs, output):
        if isinstance(module, SEEN):
            [reads] = (*args, *kwargs.values())
            # Copies: an in-place ReLU may follow.
            steps.append(Step(module, reads.detach().clone(), output.detach().clone()))

    handle = nn.modules.module.register_module_forward_hook(note, with_kwargs=True)
    try:
        y = block(x)
    finally:
        handle.remove()
    return y, steps


def sorted_layers(steps: list[Step], residual: bool) -> Layers:
    """Parts the branch from the shortcut.

    In a residual block the shortcut's convolution is the one with a 1 × 1 kernel, and its
    batch norm the one that reads what that convolution wrote.
    """
    convs = [s for s in steps if isinstance(s.module, nn.Conv2d)]
    norms = [s for s in steps if isinstance(s.module, nn.BatchNorm2d)]
    projections = [s for s in convs if residual and s.module.kernel_size == (1, 1)]
    after = [n for n in norms if any(torch.equal(n.reads, p.writes) for p in projections)]
    return Layers(
        [s for s in convs if s not in projections],
        [s for s in norms if s not in after],
        projections,
        after,
    )


def own(block: nn.Module, steps: list[Step], what: str) -> None:
    """Makes sure that a block knows the layers that it runs.

    Raises:
        AnswerError: parameters of a layer are not among those of the block.
    """
    known = {id(p) for p in block.parameters()}
    for step in steps:
        if any(id(p) not in known for p in step.module.parameters()):
            raise AnswerError(
                f"{what} ran a {type(step.module).__name__} whose parameters are not in "
                "`parameters()` of the block: an optimiser would not train them. Keep layers in "
                "nn.Sequential or nn.ModuleList, not in a Python list.",
                kind="NotRegistered",
            )


@functools.lru_cache(2048)
def numbers(seed: int, role: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Known numbers for a parameter of the layer with this role, float64; not to be changed."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{role} {name}".encode())])
    values = rng.normal(size=shape)
    if name == "weight":
        # γ away from 0 on average; a convolution keeps the size of its input.
        values = values + 0.5 if len(shape) == 1 else values / np.sqrt(np.prod(shape[1:]))
    return values


@torch.no_grad()
def fill(roles: dict[str, nn.Module], seed: int) -> None:
    """Gives every parameter of the layers its known numbers; running statistics start anew."""
    for role, module in roles.items():
        for name, parameter in module.named_parameters():
            values = numbers(seed, role, name, tuple(parameter.shape))
            parameter.copy_(torch.from_numpy(values))
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
