"""Runs a learner's normaliser, a module with running statistics, and says what form of it is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autograder.compare import describe
from autograder.spec import AnswerError


def made(name: str, make: type, *arguments: Any, **options: Any) -> nn.Module:
    """A new layer of the learner's class.

    Raises:
        AnswerError: it is no module, or is not in training mode.
    """
    layer = make(*arguments, **options)
    if not isinstance(layer, nn.Module):
        raise AnswerError(
            f"`{name}(...)` makes {describe(layer)}, not a module. Derive the class from "
            "nn.Module, and call super().__init__() first.",
            kind="NotAModule",
        )
    if layer.training is not True:
        raise AnswerError(
            f"`training` of a new layer is {layer.training!r}. nn.Module sets it to True; leave "
            "it to train() and eval().",
            kind="Mode",
        )
    return layer


def same_form(layer: nn.Module, like: Mapping[str, np.ndarray], buffers: Iterable[str]) -> None:
    """Checks that the state has the entries of `like`, in their shapes, as parameters or buffers.

    Raises:
        AnswerError: an entry is missing, of another type or shape, a buffer is a parameter or the
            reverse, or a buffer has a graph.
    """
    state, parameters = layer.state_dict(), dict(layer.named_parameters())
    for name, value in like.items():
        tensor = state.get(name)
        if tensor is None:
            how = "register_buffer" if name in buffers else "nn.Parameter"
            raise AnswerError(
                f"`state_dict()` has no `{name}`; it has {sorted(state)}. Make it with {how} in "
                "`__init__`, under this name.",
                kind="StateDict",
                slip=name,
            )
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != value.shape:
            got = f"shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else describe(tensor)
            raise AnswerError(f"`{name}` has {got}; expected shape {value.shape}.", kind="Shape")
        if (name in parameters) == (name in buffers):
            is_one, right = ("parameter", "buffer") if name in buffers else ("buffer", "parameter")
            raise AnswerError(
                f"`{name}` is a {is_one} and should be a {right}. The optimiser moves parameters, "
                "forward moves buffers.",
                kind="Parameters",
                slip=name,
            )
    if any(buffer.requires_grad for name, buffer in layer.named_buffers() if name in buffers):
        raise AnswerError(
            "The running statistics carry a graph after a training step. It would hold on to every "
            "batch since the start. Update them under torch.no_grad(), or from detached values.",
            kind="Graph",
            slip="graph",
        )


def loaded(layer: nn.Module, state: Mapping[str, np.ndarray]) -> None:
    """Puts values into the entries of the state, whatever else the state holds."""
    with torch.no_grad():
        for name, tensor in layer.state_dict().items():
            if name in state:
                tensor.copy_(torch.from_numpy(np.asarray(state[name])))


def state_of(layer: nn.Module, names: Iterable[str], when: str = "") -> dict[str, np.ndarray]:
    """Copies of entries of the state, as outputs: "running_mean after eval mode"."""
    state = layer.state_dict()
    return {f"{name} {when}".strip(): state[name].detach().numpy().copy() for name in names}


def run(layer: nn.Module, x: np.ndarray) -> np.ndarray:
    """y of one pass without gradients."""
    with torch.no_grad():
        return _forward(layer, torch.from_numpy(x.copy()), x).numpy().copy()


def run_with_gradients(
    layer: nn.Module, x: np.ndarray, dy: np.ndarray, when: str = ""
) -> dict[str, np.ndarray]:
    """y of one pass, dx, dweight and dbias, as outputs: "dx with wide limits"."""
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    y = _forward(layer, leaf, x)
    if not y.requires_grad:
        raise AnswerError(
            "y has no graph, so that nothing could be trained. Only the update of the running "
            "statistics belongs under torch.no_grad().",
            kind="NoGraph",
        )
    outputs = {f"y {when}".strip(): y.detach().numpy().copy()}
    wanted = {"x": leaf, "weight": layer.weight, "bias": layer.bias}
    # y.backward(dy) would load half a second of SymPy first.
    loss = (y * torch.from_numpy(dy)).sum()
    gradients = _gradients(loss, list(wanted.values()))
    for name, gradient in zip(wanted, gradients, strict=True):
        if gradient is None:
            raise AnswerError(f"No gradient reaches `{name}`.", kind="Unused", slip=name)
        outputs[f"d{name} {when}".strip()] = gradient.numpy()
    return outputs


def _gradients(loss: Tensor, wanted: list[Tensor]) -> tuple[Tensor | None, ...]:
    try:
        return torch.autograd.grad(loss, wanted, allow_unused=True)
    except RuntimeError as error:
        if "inplace operation" not in str(error):
            raise
        raise AnswerError(
            "The backward pass needs a tensor that forward has changed in place after using it "
            "(RuntimeError: … modified by an inplace operation). Running statistics that are "
            "updated in place must not stand in a formula through which the gradient flows.",
            kind="InPlace",
            slip="in place",
        ) from None


def _forward(layer: nn.Module, x: Tensor, given: np.ndarray) -> Tensor:
    y = layer(x)
    if not np.array_equal(x.detach().numpy(), given):
        raise AnswerError(
            "`forward` changed its input x in place. Whoever made x still needs it.", kind="Changed"
        )
    if not isinstance(y, Tensor):
        raise AnswerError(f"`forward` returned {describe(y)}; expected a tensor like x.")
    if y.dtype != x.dtype:
        raise AnswerError(f"`forward` returned {y.dtype} for x of {x.dtype}.", kind="Dtype")
    if y.shape != x.shape:
        raise AnswerError(
            f"`forward` returned shape {tuple(y.shape)} for x of shape {tuple(x.shape)}.",
            kind="Shape",
        )
    return y
