"""4.5 A custom operator on which torch.compile does not break."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.spec import AnswerError, Case, Exercise, Measured, condition_number
from autograder.specs.ex4_5.answers import RIGHT_WAYS
from autograder.specs.ex4_5.look import (
    NAME,
    compiled,
    defined,
    fakes_are_right,
    operators,
    understood,
)
from autograder.specs.ex4_5.mistakes import MISTAKES

GRADIENTS = ("dx", "dgamma", "dbeta")
GRAPHS = "graphs"
# The first compilation of a process loads the compiler, some seconds of it.
SECONDS = 20.0


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, what, *shapes, eps=1e-5, dtype=np.float32, offset=0.0):
        c = shapes[0][1]
        inputs = dict(what=what, eps=eps, gamma=rng.normal(size=c) + 0.5, beta=rng.normal(size=c))
        inputs = {k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in inputs.items()}
        batches = [(offset + rng.normal(size=shape)).astype(dtype) for shape in shapes]
        inputs["x"] = batches[0] if len(batches) == 1 else batches
        inputs["dy"] = rng.normal(size=shapes[-1]).astype(dtype)
        others = (0, *range(2, len(shapes[0])))
        condition = max(condition_number(x, others, eps) for x in batches)
        return Case(name, inputs, condition, _sizes(batches[-1], others, eps, inputs))

    return [
        case("called as a function, (7, 3)", "run", (7, 3)),
        case("called as a function, (3, 4, 5, 2), eps 0.1", "run", (3, 4, 5, 2), eps=0.1),
        case("one channel, float64", "run", (4, 1, 3), dtype=np.float64),
        case("mean 100, float64", "run", (5, 3, 4), dtype=np.float64, offset=100),
        case("without data, (6, 5)", "fake", (6, 5)),
        case("without data, float64, (2, 3, 4, 5)", "fake", (2, 3, 4, 5), dtype=np.float64),
        case("compiled for training, (6, 4, 3)", "train", (6, 4, 3)),
        case("compiled for any size", "sizes", (5, 4, 3), (8, 4, 7)),
    ]


def _sizes(x, others, eps, inputs):
    """Sizes of the terms that may cancel: errors are measured against them."""
    inv_std = float(1 / np.sqrt(x.var(axis=others, dtype=np.float64) + eps).min())
    dy, gamma = np.abs(inputs["dy"]), np.abs(inputs["gamma"])
    total = float(dy.sum(axis=others).max())
    return dict(dx=float(dy.max() * gamma.max()) * inv_std, dgamma=total, dbeta=total)


def describe(inputs):
    """A case's inputs in words."""
    batches = inputs["x"] if isinstance(inputs["x"], list) else [inputs["x"]]
    shapes = " and ".join(str(x.shape) for x in batches)
    return f"x: {batches[0].dtype} {shapes}, eps = {inputs['eps']}"


def call(define_operator, what, x, gamma, beta, eps, dy):
    with understood():
        batch_norm = defined(define_operator)
        batches = [torch.from_numpy(array) for array in (x if isinstance(x, list) else [x])]
        leaves = [t.requires_grad_() for t in (batches[-1], *map(torch.from_numpy, (gamma, beta)))]
        dy = torch.from_numpy(dy)
        with operators() as called:
            outputs = _run(batch_norm, leaves, eps, dy)
        if not any(call.own for call in called):
            says = "No operator of yours is called. Define one with torch.library.custom_op."
            raise AnswerError(says, kind="NoOperator", slip="no operator")
        if what == "run":
            return outputs
        fakes_are_right(batch_norm, called, leaves, eps)  # else the compiler has no chance
        if what == "fake":
            return outputs
        return _compiled(batch_norm, what, batches, leaves[1:], eps, dy)


def _run(function, leaves, eps, dy):
    y = _tensor(function(*leaves, eps), leaves[0])
    if not y.requires_grad:
        says = "y has no graph: the operator must be called with x, gamma and beta themselves."
        raise AnswerError(says, kind="NoGraph", slip="no graph")
    gradients = torch.autograd.grad(y, leaves, dy, materialize_grads=True)
    return _named(y, gradients)


def _named(y, gradients):
    arrays = [np.array(t.detach()) for t in (y, *gradients)]
    return dict(zip(("y", *GRADIENTS), arrays, strict=True))


def _tensor(y, x):
    if not isinstance(y, torch.Tensor):
        raise AnswerError(f"batch_norm returned {type(y).__name__}; expected one tensor, y.")
    if (y.shape, y.dtype) != (x.shape, x.dtype):
        shape, want = tuple(y.shape), tuple(x.shape)
        raise AnswerError(f"y is {y.dtype}, {shape}; expected {x.dtype}, {want}.")
    return y


def _compiled(batch_norm, what, batches, parameters, eps, dy):
    def layer(x, gamma, beta):
        return torch.tanh(batch_norm(2 * x, gamma, beta, eps))

    training = what == "train"
    with compiled(layer, training, dynamic=not training) as (function, graphs):
        for x in batches:
            leaves = [x.detach().requires_grad_(training), *parameters]
            y = _tensor(function(*leaves), x)
        outputs = {"y": y.detach().numpy()}
        if training:
            outputs = _named(y, torch.autograd.grad(y, leaves, dy, materialize_grads=True))
    number = len(graphs)
    says = f"torch.compile made {number} graphs; {'two are' if training else 'one is'} enough."
    if not number:
        says = "torch.compile made no graph at all."
    wrong = number != (2 if training else 1)
    return outputs | {GRAPHS: Measured(number or np.inf, says, "graphs" if wrong else "")}


def reference(what, x, gamma, beta, eps, dy):
    array = np.float64(x[-1] if isinstance(x, list) else x)
    leaves = [torch.from_numpy(np.float64(a)).requires_grad_() for a in (array, gamma, beta)]
    x, gamma, beta = leaves
    dy = torch.from_numpy(np.float64(dy))
    if what in ("run", "fake"):
        y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)
        return _named(y, torch.autograd.grad(y, leaves, dy))
    y = torch.tanh(F.batch_norm(2 * x, None, None, gamma, beta, training=True, eps=eps))
    outputs = _named(y, torch.autograd.grad(y, leaves, dy))
    if what == "train":  # one forward, one backward
        return outputs | {GRAPHS: np.asarray(2.0)}
    return {"y": outputs["y"], GRAPHS: np.asarray(1.0)}


EXERCISE = Exercise(
    id="4.5",
    title="An operator that the compiler keeps",
    answers=("define_operator",),
    shows=f'batch_norm = define_operator("{NAME}"); y = batch_norm(x, gamma, beta, eps)',
    minutes=40,
    difficulty="demanding",
    points=6,
    read="Chapter 4.2, section “An operator that the compiler keeps”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=SECONDS,
    describe=describe,
)
