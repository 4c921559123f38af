"""6.1 A context manager that gives every module its own mode back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.compare import describe
from autograder.spec import AnswerError, Case, Exercise
from autograder.specs.ex6_1.answers import RIGHT_WAYS
from autograder.specs.ex6_1.mistakes import MISTAKES
from autograder.specs.ex6_1.models import (
    MODELS,
    SHAPES,
    drawn_modes,
    made,
    named,
    set_modes,
    wrong_modes,
    wrong_when,
)

INSIDE, AFTER = "in the block", "after the block"
INNER, AFTER_INNER = "in the inner block", "after the inner block"
INSERTED = "training of the inserted layer after the block"
LEFT = "what left the block (0: nothing, 1: the error raised in it)"


class Stop(KeyboardInterrupt):
    """The stop button of a notebook, pressed in the block."""


class Failed(RuntimeError):
    """An ordinary error in the block."""


ERRORS = {"an error": Failed, "the stop button": Stop}
BODIES = {
    "runs the model": "evaluates a batch",
    **{what: f"is left by {what}" for what in ERRORS},
    "switches": "calls model.train() itself",
    "switches layers": "gives every module its other mode",
    "nested": "holds a second evaluating(model)",
    "part": "holds an evaluating(...) of a part",
    "inserts": "inserts a layer at the start of `left`",
    "late": "starts later than evaluating(model) was called",
    "gradient": "asks for a gradient",
}


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, model, body="runs the model", root=True):
        shape = SHAPES.get(model, (6, 4))
        inputs = dict(model=model, body=body, modes=drawn_modes(model, rng, root))
        return Case(name, inputs | dict(seed=int(rng.integers(2**31)), x=rng.normal(size=shape)))

    row, blocks = "layers in a row", "blocks in blocks"
    everything = drawn_modes(row, rng, True)
    return [
        Case(
            "all modules in training mode",
            dict(
                model=row,
                body="runs the model",
                modes=tuple(True for _ in everything),
                seed=int(rng.integers(2**31)),
                x=rng.normal(size=(6, 4)),
            ),
        ),
        case("a frozen layer in a model that trains", row),
        case("modes mixed on every level", blocks),
        case("modes mixed, the model itself in eval mode", blocks, root=False),
        case("images", "convolutions"),
        case("a model that is one layer", "one layer"),
        case("a layer that is used under two names", "a layer under two names"),
        case("a layer whose train() keeps it frozen", "a layer whose train() keeps it frozen"),
        case("an error in the block", blocks, "an error"),
        case("the stop button is pressed in the block", row, "the stop button"),
        case("the block calls model.train()", blocks, "switches"),
        case("the block switches every module", row, "switches layers", root=False),
        case("two blocks on the same model, one in the other", blocks, "nested"),
        case("a block on a part of the model within the block", blocks, "part"),
        case("the block inserts a layer into the model", blocks, "inserts"),
        case("modes change between the call and the block", blocks, "late"),
        case("the block asks for a gradient", "convolutions", "gradient"),
    ]


def call(evaluating, model, body, modes, seed, x):
    with torch.random.fork_rng(devices=[]):
        # Dropout in the wrong mode drops the same values for every answer.
        torch.default_generator.manual_seed(seed)
        return _called(evaluating, made(model, seed), body, modes, x)


def _called(evaluating, net, body, modes, x):
    modules = named(net)  # before the body inserts some
    set_modes(net, [not mode for mode in modes] if body == "late" else modes)
    before = {name: m.training for name, m in modules.items()}
    manager = _manager(evaluating(net))
    if {name: m.training for name, m in modules.items()} != before:
        raise AnswerError(
            "evaluating(model) switches modes when it is called. The modes count that hold where "
            "the `with` block starts: switch there, and not earlier.",
            kind="Early",
        )
    set_modes(net, modes)
    outputs, raised, out = {}, ERRORS.get(body), None
    asleep = dict.fromkeys(modules, False)
    try:
        with manager as given:
            if given is not net:
                raise AnswerError(
                    f"`with evaluating(model) as m` gives m = {describe(given)}; expected the model "
                    "itself: the same object, no copy.",
                    kind="NotTheModel",
                    slip=type(given).__name__,
                )
            outputs |= wrong_modes(modules, asleep, INSIDE)
            outputs |= _evaluated(net, torch.from_numpy(x), body)
            outputs |= _switched(evaluating, net, body, modules)
            if raised:
                out = raised("raised in the block")
                raise out
        left = 0
    except (Failed, Stop) as error:
        left = 1 if error is out else 2
    outputs[LEFT] = left
    outputs |= wrong_modes(modules, dict(zip(modules, modes, strict=True)), AFTER)
    if body == "inserts":
        outputs[INSERTED] = int(net.left[0].training)
    outputs["gradients are recorded after the block"] = int(torch.is_grad_enabled())
    return outputs | _state(modules)


def _manager(value: Any) -> Any:
    if hasattr(value, "__enter__") and hasattr(value, "__exit__"):
        return value
    what = f"{describe(value)}."
    if hasattr(value, "__next__"):
        what = "a generator. Is `@contextmanager` missing above `def`?"
    raise AnswerError(
        f"evaluating(model) returned {what} Expected something that `with` accepts: a function "
        "with `@contextmanager`, or a class with `__enter__` and `__exit__`.",
        kind="NotAManager",
        slip=type(value).__name__,
    )


def _evaluated(net, x, body):
    """What the block sees of the model; the mode decides on it, and nothing else."""
    leaf = x.clone().requires_grad_()
    y = net(leaf)
    outputs = {"y in the block": y.detach().numpy()}
    outputs["gradients are recorded in the block"] = int(torch.is_grad_enabled())
    if body == "gradient" and y.requires_grad:
        outputs["dx in the block"] = torch.autograd.grad((y * y).sum(), leaf)[0].numpy()
    return outputs


def _switched(evaluating, net, body, modules):
    """What some blocks do to the model's modes, and how these are afterwards."""
    asleep = dict.fromkeys(modules, False)
    if body == "switches":
        net.train()
    elif body == "switches layers":
        for module in net.modules():
            module.training = not module.training
    elif body in ("nested", "part"):
        with evaluating(net if body == "nested" else net.left):
            outputs = wrong_modes(modules, asleep, INNER)
        return outputs | wrong_modes(modules, asleep, AFTER_INNER)
    elif body == "inserts":
        net.left.insert(0, nn.Identity())
    return {}


def _state(modules):
    """Statistics and counters: nothing may have moved."""
    found = {}
    for name, module in modules.items():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            found[f"{name}.num_batches_tracked"] = int(module.num_batches_tracked)
    return found


def reference(model, body, modes, seed, x):
    net = made(model, seed)
    outputs = {wrong_when(INSIDE): 0, wrong_when(AFTER): 0}
    if body in ("nested", "part"):
        outputs |= {wrong_when(INNER): 0, wrong_when(AFTER_INNER): 0}
    leaf = torch.from_numpy(x).requires_grad_()
    y = net.eval()(leaf)
    outputs["y in the block"] = y.detach().numpy()
    outputs["gradients are recorded in the block"] = 1
    if body == "gradient":
        outputs["dx in the block"] = torch.autograd.grad((y * y).sum(), leaf)[0].numpy()
    outputs[LEFT] = int(body in ERRORS)
    if body == "inserts":
        outputs[INSERTED] = 1
    outputs["gradients are recorded after the block"] = 1
    return outputs | _state(named(net))


def describe_case(inputs: Mapping[str, Any]) -> str:
    """layers in a row; in training mode: model, 0, 2; the block evaluates a batch"""
    names = named(MODELS[inputs["model"]]())
    on = [name for name, mode in zip(names, inputs["modes"], strict=True) if mode]
    modes = ", ".join(on) if len(on) < len(names) else "all modules"
    return f"{inputs['model']}; in training mode: {modes or 'none'}; the block {BODIES[inputs['body']]}"


EXERCISE = Exercise(
    id="6.1",
    title="Every module its own mode",
    answers=("evaluating",),
    shows="with evaluating(model) as m: …",
    minutes=20,
    difficulty="moderate",
    points=4,
    read="Chapter 6.1, section “Put every mode back”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe_case,
)
