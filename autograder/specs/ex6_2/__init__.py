"""6.2 Batch norm that stays frozen, whatever is called."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autograder.compare import describe
from autograder.spec import AnswerError, Case, Exercise
from autograder.specs.ex6_2.answers import RIGHT_WAYS
from autograder.specs.ex6_2.mistakes import MISTAKES
from autograder.specs.ex6_2.models import MODELS, SHAPES, made, with_fixed

RETURNS = "layers whose train(True) returns the layer"
CALLS = {
    "nothing": "nothing more",
    "model": "model.train()",
    "keyword": "model.eval(), then model.train(mode=True)",
    "part": "train() of each child",
    "layer": "train() of each batch norm",
    "copy": "copy.deepcopy(model), then train() of the copy",
    "eval": "model.train(), then model.eval()",
}


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, model, then="model", asleep=(), before=(), **options):
        shape = SHAPES.get(model, (6, 4))
        batches = [rng.normal(1, 2, size=shape) for _ in range(2)]
        inputs = dict(model=model, then=then, options=options, asleep=asleep, before=before)
        return Case(name, inputs | dict(seed=int(rng.integers(2**31)), batches=batches))

    return [
        case("rows, model.train()", "rows"),
        case(
            "rows, right after the freezing, dropout in eval mode", "rows", "nothing", asleep=("3",)
        ),
        case("rows, eval() and train(mode=True)", "rows", "keyword"),
        case("rows, eval() at the end", "rows", "eval"),
        case("blocks, model.train()", "blocks"),
        case("blocks, train() of each child", "blocks", "part"),
        case("blocks, train() of each batch norm", "blocks", "layer"),
        case(
            "blocks, γ and β as they were",
            "blocks",
            affine=False,
            before=("norm.weight", "stem.1.bias"),
        ),
        case("blocks, a deep copy", "blocks", "copy"),
        case("images, a class derived from BatchNorm2d", "images"),
        case("volumes", "volumes"),
        case("SyncBatchNorm", "SyncBatchNorm"),
        case("other normalisers beside it", "other normalisers"),
        case("a layer without γ and β", "no γ and β"),
        case("a layer under two names", "a layer under two names"),
        case("a model that is one layer", "one layer"),
    ]


def call(freeze_batchnorm, model, then, options, asleep, before, seed, batches):
    net = _prepared(model, seed, asleep, before)
    keys, layers = _entries(net), _batch_norms(net)
    frozen = freeze_batchnorm(net, **options)
    if frozen is not net:
        raise AnswerError(
            f"freeze_batchnorm returned {describe(frozen)}; expected the model itself, frozen in "
            "place: whoever holds it, an optimiser too, holds a frozen model then.",
            kind="NotTheModel",
            slip=type(frozen).__name__,
        )
    if odd := sorted(_entries(net) ^ keys):
        raise AnswerError(
            f"The entries of state_dict() have changed: {', '.join(odd)}. A checkpoint would no "
            "longer fit.",
            kind="StateDict",
        )
    try:
        return _used(net, layers, then, seed, batches)
    except RecursionError:
        raise AnswerError(
            "train(), eval() or the model's forward calls itself without end, and Python stopped "
            "it with a RecursionError. eval() is train(False): does one call the other?",
            kind="Endless",
            slip="calls itself without end",
        ) from None


def reference(model, then, options, asleep, before, seed, batches):
    net = _prepared(model, seed, asleep, before)
    layers = _batch_norms(net)
    return _used(with_fixed(net, **options), layers, then, seed, batches)


def _prepared(model, seed, asleep, before):
    net = made(model, seed)
    for name in asleep:
        net.get_submodule(name).eval()
    for name in before:
        net.get_parameter(name).requires_grad_(False)
    return net


def _entries(net: nn.Module) -> set[str]:
    """Names of parameters and buffers: those of state_dict(), and quicker."""
    both = (
        *net.named_parameters(remove_duplicate=False),
        *net.named_buffers(remove_duplicate=False),
    )
    return {name for name, _ in both}


def _batch_norms(net: nn.Module) -> list[str]:
    return [name for name, m in net.named_modules() if isinstance(m, _BatchNorm)]


def _used(net, layers, then, seed, batches):
    """What is called after the freezing, then two training batches; the layers by name."""
    outputs = _others(net, layers, "after the freezing")
    if then == "copy":
        original, net = net.eval(), copy.deepcopy(net)
    outputs |= _called(net, layers, then)
    outputs |= _others(net, layers, f"after {CALLS[then]}")
    if then == "copy":
        outputs |= _others(original, layers, "in the original")
    for name, parameter in net.named_parameters():
        outputs[f"{name}.requires_grad"] = int(parameter.requires_grad)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # of the dropout
        first, second = map(torch.from_numpy, batches)
        met = _step(net, first) | {"y of the second batch": net(second).detach().numpy()}
    for name, buffer in net.named_buffers():
        outputs[f"{name} after two batches"] = buffer.numpy()
    return outputs | met


def _others(net, layers, when):
    """Modes of the modules that are no batch norm, 1 or 0; the model itself is "model"."""
    return {
        f"{name or 'model'}.training {when}": int(module.training)
        for name, module in net.named_modules()
        if name not in layers
    }


def _called(net, layers, then):
    try:
        if then in ("model", "eval", "copy"):
            net.train()
        elif then == "keyword":
            net.eval()
            net.train(mode=True)
        elif then == "part":
            for child in net.children():
                child.train()
        elif then == "layer":
            given = [net.get_submodule(name) for name in layers]
            return {RETURNS: sum(m.train(True) is m for m in given)}
        if then == "eval":
            net.eval()
    except TypeError as error:
        raise AnswerError(
            f"{CALLS[then]} raised TypeError: {error}. train() takes a mode, with or without its "
            "name: def train(self, mode=True).",
            kind="NoMode",
            slip="train() takes a mode",
        ) from None
    return {}


def _step(net, x):
    leaf = x.requires_grad_()
    y = net(leaf)
    named = {n: p for n, p in net.named_parameters() if p.requires_grad}
    if not y.requires_grad:
        raise AnswerError(
            "No gradient goes through the model to its input any more. Statistics are frozen, "
            "and still y depends on x.",
            kind="NoGraph",
        )
    leaves = [leaf, *named.values()]
    grads = torch.autograd.grad((y * y).sum(), leaves, allow_unused=True)
    outputs = {"y": y.detach().numpy()}
    for name, like, grad in zip(("x", *named), leaves, grads, strict=True):
        grad = torch.zeros_like(like) if grad is None else grad
        outputs[f"gradient of {name}"] = grad.numpy()
    return outputs


def describe_case(inputs: Mapping[str, Any]) -> str:
    """freeze_batchnorm(model, affine=False), then model.train(); BatchNorm1d in stem.1, norm"""
    net = MODELS[inputs["model"]]()
    kinds: dict[str, list[str]] = {}
    for name, module in net.named_modules():
        if isinstance(module, _BatchNorm):
            kinds.setdefault(type(module).__name__, []).append(name or "the model itself")
    arguments = ", ".join(["model", *(f"{k}={v}" for k, v in inputs["options"].items())])
    layers = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())
    return f"freeze_batchnorm({arguments}), then {CALLS[inputs['then']]}; {layers}"


EXERCISE = Exercise(
    id="6.2",
    title="Frozen for good",
    answers=("freeze_batchnorm",),
    shows="freeze_batchnorm(model, affine=True)   # .training, .requires_grad: 1 is True",
    minutes=25,
    difficulty="moderate",
    points=5,
    read="Chapter 6.1, section “train() un-freezes”, and chapter 6.2",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe_case,
)
