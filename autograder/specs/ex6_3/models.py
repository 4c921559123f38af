"""6.3 Recalibrate: the models of the cases, what they are fed, and what is looked at afterwards."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autograder.spec import AnswerError


class LoaderBroke(Exception):
    """What a loader raises that cannot read a batch."""


class Looked:
    """Counts forward passes that record gradients."""

    def __init__(self):
        self.with_gradients = 0

    def __deepcopy__(self, memo):
        return self  # a copy of the model is looked at as well


class Look(nn.Module):
    """Passes x on."""

    def __init__(self, into: Looked):
        super().__init__()
        self.into = into

    def forward(self, x):
        self.into.with_gradients += int(torch.is_grad_enabled())
        return x


class Branch(nn.Module):
    """x + branch(x)."""

    def __init__(self, branch: nn.Module):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return x + self.branch(x)


def _rows(look: Looked) -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(5, 6), nn.BatchNorm1d(6, momentum=0.3), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(6, 4), nn.BatchNorm1d(4, momentum=0.01), nn.Tanh(), Look(look)),
        *(nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=None)),
    )


def _images(look: Looked) -> nn.Module:
    stem = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    branch = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1), nn.SyncBatchNorm(4), nn.Tanh(), Look(look)
    )
    deep = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.BatchNorm3d(2), nn.Flatten(), nn.Dropout(0.3))
    head = nn.Sequential(nn.Linear(24, 5), nn.BatchNorm1d(5, momentum=None), nn.Linear(5, 2))
    return nn.Sequential(OrderedDict(stem=stem, body=Branch(branch), deep=deep, head=head))


def _signals(look: Looked) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.ReLU()),
        nn.InstanceNorm1d(4, affine=True, track_running_stats=True),
        *(nn.Conv1d(4, 5, 2), nn.BatchNorm1d(5, affine=False, momentum=0.5), Look(look)),
        *(nn.Flatten(), nn.Linear(30, 4), nn.BatchNorm1d(4, track_running_stats=False)),
        *(nn.Tanh(), nn.Linear(4, 3), nn.BatchNorm1d(3)),
    )


BUILD = {"rows": _rows, "images": _images, "signals": _signals}


def built(kind: str, seed: int, modes: str, keep: Sequence[str], look: Looked) -> nn.Module:
    """A model that has trained before: random weights, statistics and counters, float64.

    Args:
        modes: "eval", "train", "kept" (training mode, but for the layers of `keep`) or "mixed"
            (eval mode, but for dropout).
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = BUILD[kind](look).double()
    for name, tensor in model.state_dict().items():
        last = name.rpartition(".")[2]
        if last == "num_batches_tracked":
            tensor.fill_(int(rng.integers(3, 40)))
        elif last == "running_mean":
            tensor.copy_(torch.from_numpy(rng.normal(size=tuple(tensor.shape))))
        elif last == "running_var" or (last == "weight" and tensor.ndim == 1):
            tensor.copy_(torch.from_numpy(rng.uniform(0.5, 2, tuple(tensor.shape))))
        elif last == "bias":
            tensor.copy_(torch.from_numpy(rng.normal(size=tuple(tensor.shape))))
    model.train(modes in ("train", "kept"))
    for name, module in model.named_modules():
        if modes == "kept" and name in keep:
            module.eval()
        if modes == "mixed" and isinstance(module, nn.Dropout):
            module.train()
    return model


def fed(batches: Iterable[np.ndarray], labels: str | None, once: bool, breaks: bool):
    """A loader: a list, or what can be gone through once."""

    def each() -> Iterator:
        for x in batches:
            y = torch.zeros(len(x), dtype=torch.int64)
            x = torch.from_numpy(x.copy())
            yield {"tuple": (x, y), "list": [x, y], None: x}[labels]
        if breaks:
            raise LoaderBroke("a file is damaged")

    return each() if once or breaks else list(each())


def state_after(model: nn.Module, keep: Collection[str], statistics: bool) -> dict[str, np.ndarray]:
    """All that a caller can see of a model: its state, modes, momenta and hooks.

    Statistics of several layers are one output, the kept layers' another: one layer alone agrees
    with too many mistakes by accident.

    Args:
        statistics: the statistics of batch norm as well.

    Raises:
        AnswerError: a buffer can no longer be trained on.
    """
    for name, buffer in model.named_buffers():
        if buffer.is_inference() or buffer.requires_grad:
            raise AnswerError(
                f"`{name}` was made under `torch.inference_mode()`, or carries a graph: the next "
                "training step would fail. Write into the buffer that is there, with `copy_`.",
                kind="Buffer",
            )
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    outputs = _statistics(model, keep) if statistics else {}
    theirs = {id(b) for m in layers for b in m.buffers()}
    others = [
        tensor.detach().double().flatten().numpy()
        for tensor in model.state_dict(keep_vars=True).values()
        if id(tensor) not in theirs
    ]
    outputs["all other state"] = np.concatenate(others)
    outputs["training flags of all modules"] = np.array([int(m.training) for m in model.modules()])
    momenta = [-1.0 if m.momentum is None else float(m.momentum) for m in layers]
    outputs["momentum of each batch norm (−1 for None)"] = np.array(momenta)
    trained = [int(p.requires_grad) for p in model.parameters()]
    outputs["requires_grad of all parameters"] = np.array(trained)
    hooks = sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + ("forward" in vars(m))
        for m in model.modules()
    )
    outputs["hooks left behind"] = np.array(hooks)
    return outputs


def _statistics(model: nn.Module, keep: Collection[str]) -> dict[str, np.ndarray]:
    """Each kind of statistic, of all kept layers in a row, and of all others."""
    named = {
        name: m
        for name, m in model.named_modules()
        if isinstance(m, _BatchNorm) and m.track_running_stats
    }
    outputs = {}
    for kept in (True, False):
        names = [name for name in named if (name in keep) == kept]
        for buffer in ("running_mean", "running_var", "num_batches_tracked") if names else ():
            values = [getattr(named[name], buffer).detach().flatten().numpy() for name in names]
            who = f"layer {', '.join(names)}" if len(names) == 1 else f"layers {', '.join(names)}"
            outputs[f"{buffer} of {who}"] = np.concatenate(values)
    return outputs
