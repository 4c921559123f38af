"""4.1 A module like PyTorch's: runs one, and says what form of it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from autograder.compare import describe
from autograder.judge import learners_line
from autograder.spec import AnswerError

INSTEAD = "Here you compute mean, variance and the rest yourself, with tensor operations."
GRADS = ("dx", "dweight", "dbias")
STATE = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def made(BatchNorm: type, features: int, options: Mapping[str, Any]) -> nn.Module:
    """A new layer of the learner's class.

    Raises:
        AnswerError: it is no module, is one of PyTorch's normalisers, or is not in training mode.
    """
    layer = BatchNorm(features, **options)
    if not isinstance(layer, nn.Module):
        raise AnswerError(
            f"`BatchNorm(...)` makes {describe(layer)}, not a module. Derive the class from "
            "nn.Module, and call super().__init__() first."
        )
    if isinstance(layer, _NormBase):
        says = "`BatchNorm` is derived from PyTorch's own batch norm. " + INSTEAD
        raise AnswerError(says + " Derive it from nn.Module.", kind="Forbidden", slip=INSTEAD)
    if layer.training is not True:
        raise AnswerError(
            f"`training` of a new layer is {layer.training!r}. nn.Module sets it to True; leave "
            "it to train() and eval()."
        )
    return layer


def same_form(layer: nn.Module, like: nn.Module) -> None:
    """Compares parameters, buffers and state with those of PyTorch's module, but for values.

    Raises:
        AnswerError: an entry is missing, superfluous, of another type, shape or kind, or a buffer
            has a graph.
    """
    want, got = like.state_dict(), layer.state_dict()
    if got.keys() != want.keys():
        raise AnswerError(
            f"`state_dict()` holds {_listed(got)}; expected {_listed(want)}.",
            kind="StateDict",
        )
    for name, tensor in want.items():
        _same_tensor(name, got[name], tensor)
    named, theirs = dict(layer.named_parameters()), dict(like.named_parameters())
    if named.keys() != theirs.keys():
        raise AnswerError(
            f"`parameters()` gives {_listed(named)}; expected {_listed(theirs)}. The optimiser "
            "moves parameters, forward moves buffers.",
            kind="Parameters",
        )
    graphs = [name for name, buffer in layer.named_buffers() if buffer.requires_grad]
    if graphs:
        raise AnswerError(
            f"{_listed(graphs)}: the buffer carries a graph after a training step "
            "(`requires_grad` is True). It would hold on to every batch since the start.",
            kind="Graph",
            slip="graph",
        )


def _listed(names) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


def _same_tensor(name: str, got: Tensor, want: Tensor) -> None:
    if not isinstance(got, Tensor):
        raise AnswerError(f"`{name}` in state_dict() is {describe(got)}, not a tensor.")
    if got.dtype != want.dtype or got.shape != want.shape:
        raise AnswerError(
            f"`{name}` is {got.dtype} of shape {tuple(got.shape)}; "
            f"expected {want.dtype} of shape {tuple(want.shape)}.",
            kind="Dtype" if got.dtype != want.dtype else "Shape",
        )


def state_of(layer: nn.Module, when: str = "") -> dict[str, np.ndarray]:
    """Copies of the state, as outputs: "running_mean after eval mode"."""
    state = layer.state_dict()
    return {
        f"{name} {when}".strip(): np.array(state[name].detach()) for name in STATE if name in state
    }


def output(layer: nn.Module, x: np.ndarray, dy: np.ndarray | None = None):
    """y of one pass, and its gradients if dy is given.

    Raises:
        AnswerError: x was refused or changed; y is no tensor, has another dtype, or no graph.
    """
    given = torch.from_numpy(x)
    x = given.clone().requires_grad_(dy is not None)
    mode = "training" if layer.training else "eval"
    try:
        y = layer(x)
    except ValueError as error:
        raise AnswerError(
            f"x of shape {tuple(x.shape)} was refused in {mode} mode: "
            f"ValueError: {' '.join(str(error).split())[:200]}",
            kind="Refused",
            slip=f"refused {mode}",
            line=learners_line(error),
        ) from None
    if not torch.equal(x, given):
        raise AnswerError(
            "`forward` changed its input x in place. Whoever made x still needs it.", kind="Changed"
        )
    if not isinstance(y, Tensor):
        raise AnswerError(f"`forward` returned {describe(y)}; expected a tensor like x.")
    if y.dtype != x.dtype:
        raise AnswerError(f"`forward` returned {y.dtype} for x of {x.dtype}.")
    if dy is None:
        return y.detach().numpy().copy(), {}
    if not y.requires_grad:
        raise AnswerError(
            "y has no graph, so that nothing could be trained. Only the update of the buffers "
            "belongs under torch.no_grad().",
            kind="NoGraph",
        )
    return y.detach().numpy().copy(), _gradients(layer, x, y, torch.from_numpy(dy))


def _gradients(layer: nn.Module, x: Tensor, y: Tensor, dy: Tensor) -> dict[str, np.ndarray]:
    inputs = [t for t in (x, *map(layer._parameters.get, ("weight", "bias"))) if t is not None]
    if y.shape != dy.shape:
        raise AnswerError(
            f"`forward` returned shape {tuple(y.shape)} for x of {tuple(x.shape)}.", kind="Shape"
        )
    # y.backward(dy) would load half a second of SymPy first.
    grads = torch.autograd.grad((y * dy).sum(), inputs, allow_unused=True)
    for name, grad in zip(GRADS, grads, strict=False):
        if grad is None:
            raise AnswerError(f"No gradient reaches `{name[1:]}`.", kind="Unused")
    return {name: g.numpy() for name, g in zip(GRADS, grads, strict=False)}


def refused(layer: nn.Module, x: np.ndarray, training: bool) -> dict[str, Any]:
    """What is left after a batch of one was refused: the statistics, and eval mode.

    Raises:
        AnswerError: it was not refused, or with another exception.
    """
    shape, mode = tuple(x.shape), "training" if training else "eval"
    try:
        layer.train(training)(torch.from_numpy(x))
    except NotImplementedError:
        raise
    except ValueError:
        outputs = {"refusals": 1}
    except Exception as error:
        raise AnswerError(
            f"x of shape {shape} in {mode} mode raised {type(error).__name__}; expected a "
            "ValueError that says what is wrong.",
            kind=f"Not ValueError but {type(error).__name__}",
            line=learners_line(error),
        ) from None
    else:
        raise AnswerError(
            f"x of shape {shape} was accepted in {mode} mode, where its own statistics are needed. "
            "With one value per channel x̂ is 0 whatever x is; expected a ValueError.",
            kind="Accepted",
        )
    if layer.state_dict().get("running_mean") is not None:
        for name in ("running_mean", "running_var"):
            outputs[f"{name} after the refusal"] = layer.state_dict()[name].numpy().copy()
        outputs["y in eval mode"] = output(layer.eval(), x)[0]
    return outputs
