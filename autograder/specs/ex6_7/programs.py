"""6.7 A checkpoint-safe batch norm: networks around a layer, and training runs with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import CheckpointError, checkpoint

from autograder.compare import describe
from autograder.spec import AnswerError

# What surrounds the layer in its segment: before and after. "bn" is the layer itself.
LAYOUTS = {
    "alone": ("bn",),
    "last": ("conv", "bn"),
    "middle": ("conv", "bn", "relu"),
    "twice": ("bn", "relu", "bn", "relu"),
    "dropout": ("dropout", "conv", "bn", "relu"),
    "nested": ("conv", "checkpointed bn", "relu"),
}


class Network(nn.Module):
    """A segment with the layer in it; perhaps checkpointed.

    Args:
        layer: the batch norm.
        conv: (C, C), weights of a 1 × 1 convolution.
        layout: a key of LAYOUTS.
        way: "kept", "checkpoint" or "reentrant checkpoint".
    """

    def __init__(self, layer: nn.Module, conv: np.ndarray, layout: str, way: str):
        super().__init__()
        self.bn, self.layout, self.way = layer, layout, way
        self.conv = nn.Parameter(torch.from_numpy(conv))

    def forward(self, x: Tensor) -> Tensor:
        if self.way == "kept":
            return self.segment(x)
        return checkpoint(self.segment, x, use_reentrant=self.way == "reentrant checkpoint")

    def segment(self, x: Tensor) -> Tensor:
        for step in LAYOUTS[self.layout]:
            if step == "conv":
                x = torch.einsum("nchw,dc->ndhw", x, self.conv)
            elif step == "relu":
                x = x.relu()
            elif step == "dropout":
                x = nn.functional.dropout(x, 0.3, self.training)
            elif step == "checkpointed bn" and self.way != "kept":
                x = checkpoint(self.bn, x, use_reentrant=False)
            else:
                x = self.bn(x)
                if not isinstance(x, Tensor):
                    raise AnswerError(
                        f"`forward` returned {describe(x)}; expected a tensor like x."
                    )
        return x


@functools.cache
def warm() -> None:
    """Loads what the first checkpoint of a process loads, for seconds, outside of any time limit."""
    checkpoint(torch.relu, torch.ones(1, requires_grad=True), use_reentrant=False).backward()


def made(
    SafeBatchNorm: Callable, options: dict[str, Any], state: dict[str, np.ndarray]
) -> nn.Module:
    """A layer of the learner's class with a given state.

    Raises:
        AnswerError: it is no module, or its state has other entries than PyTorch's.
    """
    channels = len(next(iter(state.values())))
    layer = SafeBatchNorm(channels, **options)
    if not isinstance(layer, nn.Module):
        raise AnswerError(f"`SafeBatchNorm(...)` makes {describe(layer)}, not a module.")
    want, got = nn.BatchNorm2d(channels, **options).state_dict(), layer.state_dict()
    if got.keys() != want.keys():
        raise AnswerError(
            f"`state_dict()` holds {_listed(got)}; expected {_listed(want)}, as in nn.BatchNorm2d: "
            "a checkpoint of one loads into the other.",
            kind="StateDict",
        )
    layer.load_state_dict({name: torch.from_numpy(state[name]) for name in want}, strict=True)
    return layer


def _listed(names) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "nothing"


def trained(layer: nn.Module, conv, xs, dys, layout, way, course) -> dict[str, Any]:
    """Runs a course of training and returns everything that can be seen of it.

    Raises:
        AnswerError: the passes of checkpointing do not fit, a tensor was changed in place that
            backward needs, or no gradient came back.
    """
    network = Network(layer, conv, layout, way)
    with torch.random.fork_rng(devices=[]), _explained(way):
        torch.default_generator.manual_seed(0)
        outputs = COURSES[course](network, [torch.from_numpy(x).clone() for x in xs], dys)
    outputs["gradients"] = _flat(p.grad for p in network.parameters())
    for name, value in layer.state_dict().items():
        outputs[f"{name} at the end"] = value.detach().numpy().copy()
    layer.eval()
    with torch.no_grad():
        outputs["y in eval mode, at the end"] = layer(torch.from_numpy(xs[0])).numpy().copy()
    return outputs


def _flat(grads) -> np.ndarray:
    kept = [np.zeros(0) if g is None else g.numpy().ravel() for g in grads]
    return np.concatenate(kept)


@contextmanager
def _explained(way: str) -> Iterator[None]:
    try:
        yield
    except CheckpointError:
        raise AnswerError(
            "CheckpointError: the second pass saved other tensors for backward than the first. Both "
            "must run the same operations; only what happens to the buffers may differ.",
            kind="CheckpointError",
            slip="saved",
        ) from None
    except RuntimeError as error:
        if "inplace operation" not in str(error):
            raise
        raise AnswerError(
            "RuntimeError: a tensor that backward needs was changed in place after it had been "
            "saved. A buffer that was handed to F.batch_norm is such a tensor: do not copy "
            "old values into it afterwards.",
            kind="InPlace",
            slip="in place",
        ) from None


def _forward(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    x.requires_grad_()
    return x, network(x)


def _backward(pairs, dys, retain: bool = False) -> None:
    """By .backward(), which reentrant checkpointing needs."""
    loss = sum((y * torch.from_numpy(dy)).sum() for (_, y), dy in zip(pairs, dys, strict=True))
    if not loss.requires_grad:
        raise AnswerError("y has no graph, so that nothing could be trained.", kind="NoGraph")
    loss.backward(retain_graph=retain)
    if retain:
        loss.backward()


def _seen(pairs) -> dict[str, Any]:
    return {
        "y": np.concatenate([y.detach().numpy().ravel() for _, y in pairs]),
        "dx": _flat(x.grad for x, _ in pairs),
    }


def _step_by_step(network, xs, dys):
    pairs = []
    for x, dy in zip(xs, dys, strict=True):
        pairs.append(_forward(network, x))
        _backward(pairs[-1:], [dy])
    return _seen(pairs)


def _all_forward_first(network, xs, dys):
    pairs = [_forward(network, x) for x in xs]
    _backward(pairs, dys)
    return _seen(pairs)


def _backward_twice(network, xs, dys):
    pairs = [_forward(network, xs[0])]
    _backward(pairs, dys[:1], retain=True)
    return _seen(pairs)


def _without_gradients(network, xs, dys):
    with torch.no_grad():
        ys = [network(x) for x in xs[:-1]]
    pairs = [_forward(network, xs[-1])]
    _backward(pairs, dys[-1:])
    return _seen([*((x, y) for x, y in zip(xs, ys, strict=False)), *pairs])


def _frozen(network, xs, dys):
    network.bn.eval()
    return _step_by_step(network, xs, dys)


def _training_after_eval(network, xs, dys):
    seen = _frozen(network, xs[:1], dys[:1])
    network.bn.train()
    return seen | _step_by_step(network, xs[1:], dys[1:])


def _same_batch(network, xs, dys):
    return _step_by_step(network, [xs[0].clone() for _ in xs], dys)


COURSES = {
    "step by step": _step_by_step,
    "all forward passes first": _all_forward_first,
    "backward twice": _backward_twice,
    "statistics measured without gradients": _without_gradients,
    "frozen in eval mode": _frozen,
    "frozen, then trained": _training_after_eval,
    "the same batch three times": _same_batch,
}
