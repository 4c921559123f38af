"""6.6 Folding: makes the pair of layers, and says what of a folded layer is wrong in form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autograder.compare import describe
from autograder.forbidden import NORMALISERS, refusing
from autograder.judge import learners_line
from autograder.spec import AnswerError

INSTEAD = "The folded layer needs no batch norm any more: its weight and bias hold all of it."
SETTINGS = ("stride", "padding", "dilation", "groups", "padding_mode", "output_padding")


def made(
    kind: str,
    c_in: int,
    c_out: int,
    options: Mapping[str, Any],
    norm: Mapping[str, Any],
    conv: Mapping[str, np.ndarray],
    bn: Mapping[str, np.ndarray],
    modes: tuple[bool, bool],
    x: np.ndarray,
) -> tuple[nn.Module, nn.Module]:
    """The convolution and the batch norm of a case, filled, each in its mode."""
    dtype = torch.from_numpy(x).dtype
    layers = (
        getattr(nn, kind)(c_in, c_out, **options, dtype=dtype),
        getattr(nn, f"BatchNorm{kind[-2:]}")(c_out, **norm, dtype=dtype),
    )
    for layer, state, training in zip(layers, (conv, bn), modes, strict=True):
        for name, value in state.items():
            # No copy: a gradient-free write into the layer's own memory.
            layer.state_dict()[name].copy_(torch.from_numpy(value))
        layer.train(training)
    return layers


def fused(fuse: Callable, conv: nn.Module, bn: nn.Module, x: Tensor) -> dict[str, Any]:
    """What the folded layer holds and gives.

    Raises:
        AnswerError: it is no layer like `conv`, it calls a batch norm, or the pair was changed.
    """
    before = _snapshot(conv), _snapshot(bn)
    layer = fuse(conv, bn)
    _unchanged(before, conv, bn)
    if type(layer) is not type(conv):
        raise AnswerError(
            f"`fuse_conv_bn` returned {describe(layer)}; expected a new {type(conv).__name__}, the "
            "kind of layer that it was given."
        )
    if layer is conv:
        raise AnswerError("`fuse_conv_bn` returned conv itself; expected a new layer.")
    if layer.bias is None:
        raise AnswerError(
            "The folded layer has no bias. Even if conv has none, the batch norm's shift needs a "
            "place: make the layer with bias=True, or set layer.bias to an nn.Parameter.",
            kind="NoBias",
        )
    with torch.no_grad(), refusing(NORMALISERS, INSTEAD):
        y = layer(x)
    _unchanged(before, conv, bn)
    if y.dtype != x.dtype:
        raise AnswerError(f"The folded layer returned {y.dtype} for x of {x.dtype}.")
    outputs = {"weight": layer.weight, "bias": layer.bias, "y": y}
    return {name: t.detach().numpy().copy() for name, t in outputs.items()}


def _snapshot(layer: nn.Module) -> tuple:
    state = {name: t.detach().clone() for name, t in layer.state_dict().items()}
    settings = {name: getattr(layer, name) for name in SETTINGS if hasattr(layer, name)}
    return state, settings, layer.training


def _unchanged(before: tuple, conv: nn.Module, bn: nn.Module) -> None:
    for name, layer, (state, settings, training) in zip(
        ("conv", "bn"), (conv, bn), before, strict=True
    ):
        now = layer.state_dict()
        changed = [k for k in state | now if k not in now or k not in state]
        changed += [k for k in state if k in now and not torch.equal(state[k], now[k])]
        changed += [k for k, v in settings.items() if getattr(layer, k) != v]
        if changed:
            raise AnswerError(
                f"It changed `{name}.{changed[0]}`. The pair must stay as it is, so that it can "
                "still be trained, or folded again: work on a new layer.",
                kind="Changed",
                slip=f"changed {name}.{changed[0]}",
            )
        if layer.training is not training:
            was, now = ("training", "eval") if training else ("eval", "training")
            raise AnswerError(
                f"It left `{name}` in {now} mode; it was in {was} mode.",
                kind="Mode",
                slip=f"mode of {name}",
            )


def refused(fuse: Callable, conv: nn.Module, bn: nn.Module) -> dict[str, Any]:
    """That the pair was refused, and left as it was.

    Raises:
        AnswerError: it was not refused, or with another exception, or changed.
    """
    before = _snapshot(conv), _snapshot(bn)
    why = "in training mode" if bn.training else "without running statistics"
    says = f"A batch norm {why} normalises with the batch that it sees, so no weight can stand "
    says += "for it; expected a ValueError"
    try:
        fuse(conv, bn)
    except NotImplementedError:
        raise
    except ValueError:
        _unchanged(before, conv, bn)
        return {"refusals": 1}
    except Exception as error:
        raise AnswerError(
            f"{says}, but it raised {type(error).__name__}.",
            kind=f"Not ValueError but {type(error).__name__}",
            slip=f"{why}: {type(error).__name__}",
            line=learners_line(error),
        ) from None
    _unchanged(before, conv, bn)
    raise AnswerError(f"{says}, but it returned a layer.", kind="Accepted", slip=why)
