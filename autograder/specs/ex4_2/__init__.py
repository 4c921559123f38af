"""4.2 An autograd function, differentiable twice."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.forbidden import NORMALISERS, refusing
from autograder.spec import AnswerError, Case, Exercise, Measured, condition_number
from autograder.specs.ex4_2.answers import RIGHT_WAYS
from autograder.specs.ex4_2.mistakes import MISTAKES
from bnlab.norms.saved import saving

NAMES = ("x", "gamma", "beta")
SECOND = "second derivative by {}"
KEPT, UNSEEN, UNASKED = "kept for backward", "x changed in between", "dx that nobody asked for"


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, scale=1.0, offset=0.0, eps=1e-5, dtype=np.float64, needs=(1, 1, 1)):
        c, others = shape[1], (0, *range(2, len(shape)))
        x = (offset + scale * rng.normal(size=shape)).astype(dtype)
        inputs = dict(x=x, gamma=rng.normal(size=c) + 0.5, beta=rng.normal(size=c))
        inputs |= dict(dy=rng.normal(size=shape), v=rng.normal(size=shape))
        inputs |= dict(a=rng.normal(size=c), b=rng.normal(size=c))
        inputs = {key: value.astype(dtype) for key, value in inputs.items()}
        asked = tuple(bool(n) for n in needs)
        return Case(
            name,
            inputs | dict(eps=eps, needs=asked),
            condition_number(x, others, eps),
            _sizes(x, others, eps, **{k: inputs[k] for k in ("gamma", "dy", "v", "a", "b")}),
        )

    return [
        case("a table, (7, 3)", (7, 3)),
        case("images, (3, 4, 5, 2)", (3, 4, 5, 2)),
        case("sequences, (4, 2, 6), eps 0.1", (4, 2, 6), eps=0.1),
        case("one channel, C = 1", (3, 1, 2, 3)),
        case("two values per channel, m = 2", (2, 3), eps=0.1),
        case("small values, std 0.01", (5, 4, 3), scale=1e-2),
        case("large offset, mean 1000", (4, 3, 2, 5), offset=1e3),
        case("float32", (6, 2, 3, 3), dtype=np.float32),
        case("γ and β are frozen", (5, 3, 4), needs=(1, 0, 0)),
        case("the first layer: x needs no gradient", (6, 5), needs=(0, 1, 1)),
    ]


def _sizes(x, others, eps, gamma, dy, v, a, b):
    """Sizes of the terms that may cancel: errors are measured against them."""
    inv_std = float(1 / np.sqrt(x.var(axis=others, dtype=np.float64) + eps).min())
    slope = float(np.abs(gamma).max()) * inv_std
    g, u = float(np.abs(dy).max()), float(np.abs(v).max())
    total, both = (float(t.sum(axis=others).max()) for t in (np.abs(dy), np.abs(dy * v)))
    a, b = float(np.abs(a).max()), float(np.abs(b).max())
    second = (slope * inv_std * g * u + inv_std * a * g, inv_std * both, slope * u + a + b)
    sizes = dict(dx=slope * g, dgamma=total, dbeta=total)
    return sizes | dict(zip(map(SECOND.format, ("x", "gamma", "dy")), second, strict=True))


OWN = "Write the formulas yourself."


def _watched(function):
    """The same function, in whose backward PyTorch's batch norm is refused too.

    What refuses it in the forward pass is switched off inside of `torch.autograd.grad`.
    """

    def backward(ctx, *grads):
        with refusing(NORMALISERS, OWN):
            return function.backward(ctx, *grads)

    return type(function.__name__, (function,), {"backward": staticmethod(backward)})


def describe(inputs):
    """A case's inputs in words: v, a and b are the check's own."""
    x = inputs["x"]
    asked = [name for name, need in zip(NAMES, inputs["needs"], strict=True) if need]
    return f"x: {x.dtype} {x.shape}, eps = {inputs['eps']}, gradients of {', '.join(asked)}"


def call(BatchNormFunction, x, gamma, beta, eps, dy, v, a, b, needs):
    if not (
        isinstance(BatchNormFunction, type)
        and issubclass(BatchNormFunction, torch.autograd.Function)
    ):
        raise AnswerError(
            "`BatchNormFunction` should be a class derived from torch.autograd.Function: "
            "class BatchNormFunction(torch.autograd.Function)."
        )

    function = _watched(BatchNormFunction)

    def normalise(leaves):
        y = function.apply(*leaves, eps)
        if not isinstance(y, torch.Tensor):
            raise AnswerError(f"apply returned {type(y).__name__}; expected one tensor, y.")
        if (y.shape, y.dtype) != (leaves[0].shape, leaves[0].dtype):
            shape, want = tuple(y.shape), tuple(leaves[0].shape)
            raise AnswerError(f"y is {y.dtype}, {shape}; expected {leaves[0].dtype}, {want}.")
        return y

    with refusing(NORMALISERS, OWN):
        leaves = _leaves(needs, x, gamma, beta)  # they share the memory of the case's arrays
        with saving() as saved:
            y = normalise(leaves)
        outputs = {"y": y.detach().numpy().copy()}
        normalise(_leaves(needs, 1 - 2 * dy, beta, gamma))  # another batch comes by
        first, unasked = _first(y, leaves, torch.from_numpy(dy))
        outputs |= {f"d{name}": grad for name, grad in first.items()}
        outputs[KEPT] = _kept(saved, *leaves)
        outputs[UNSEEN] = _change_unseen(normalise, needs, (x, gamma, beta), dy, first)
        if not needs[0]:
            says = "x needs no gradient here, and backward returned one. Return None for it."
            outputs[UNASKED] = Measured(float(unasked), says, "unasked" if unasked else "")
        copies = _leaves(needs, x.copy(), gamma.copy(), beta.copy())
        upstream = torch.tensor(dy, requires_grad=True)
        return outputs | _second(normalise(copies), copies, upstream, v, a, b)


def _leaves(needs, *arrays):
    pairs = zip(arrays, needs, strict=True)
    return [torch.from_numpy(array).requires_grad_(need) for array, need in pairs]


def _wanted(leaves):
    return {name: leaf for name, leaf in zip(NAMES, leaves, strict=True) if leaf.requires_grad}


def _first(y, leaves, dy):
    """The gradients by name, and whether backward returned one for an x that needs none."""
    returned = []
    y.grad_fn.register_hook(lambda grads, _: returned.append(grads[0]))
    wanted = _wanted(leaves)
    grads = torch.autograd.grad(y, list(wanted.values()), dy, materialize_grads=True)
    unasked = not leaves[0].requires_grad and returned[0] is not None
    return {name: g.numpy().copy() for name, g in zip(wanted, grads, strict=True)}, unasked


def _kept(saved, x, gamma, beta):
    """Bytes that were saved, in sizes of x; a few numbers for each channel are free."""
    few = 8 * gamma.nbytes
    amount = max(0, saved.bytes(gamma, beta) - few) / x.nbytes
    says = f"{amount + few / x.nbytes:.1f} tensors of the size of x are kept for backward. One is enough."
    return Measured(amount, says, "too much" if amount > 1 else "")


def _change_unseen(normalise, needs, arrays, dy, right):
    """1 if x is changed between forward and backward, and the gradient is wrong without a word."""
    leaves = _leaves(needs, *(array.copy() for array in arrays))
    y = normalise(leaves)
    with torch.no_grad():
        leaves[0].mul_(-0.5).square_()
    try:
        first, _ = _first(y, leaves, torch.tensor(dy))
        unseen = any(not np.allclose(first[name], right[name], 1e-3, 1e-5) for name in right)
    except RuntimeError:
        unseen = False
    says = (
        "x was changed in place between forward and backward, and the gradient came out wrong "
        "without an error. ctx.save_for_backward would have noticed."
    )
    return Measured(float(unseen), says, "unseen" if unseen else "")


def _second(y, leaves, dy, v, a, b):
    """Derivatives of ⟨v, dx⟩ + ⟨a, dγ⟩ + ⟨b, dβ⟩ by everything that needs a gradient, and by dy."""
    wanted = _wanted(leaves)
    # A copy of dy: in-place work on it is then seen above, not refused here.
    grads = torch.autograd.grad(y, list(wanted.values()), dy * 1, create_graph=True)
    weights = dict(zip(NAMES, map(torch.from_numpy, (v, a, b)), strict=True))
    total = sum((weights[name] * g).sum() for name, g in zip(wanted, grads, strict=True))
    if total.requires_grad:
        total.backward()  # not autograd.grad, which walks around @once_differentiable
    by = {name: leaf for name, leaf in wanted.items() if name != "beta"} | {"dy": dy}
    return {
        SECOND.format(name): np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
        for name, leaf in by.items()
    }


def reference(x, gamma, beta, eps, dy, v, a, b, needs):
    arrays = [np.array(array, np.float64) for array in (x, gamma, beta)]
    leaves, wide = _leaves(needs, *arrays), [np.float64(t) for t in (v, a, b)]
    dy = torch.tensor(dy, dtype=torch.float64, requires_grad=True)
    x, gamma, beta = leaves
    y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)
    wanted = _wanted(leaves)
    first = torch.autograd.grad(y, list(wanted.values()), dy.detach(), retain_graph=True)
    outputs = {f"d{name}": g.numpy() for name, g in zip(wanted, first, strict=True)}
    limits = {KEPT: 1.0, UNSEEN: 0.0} | ({} if needs[0] else {UNASKED: 0.0})
    return {"y": y.detach().numpy()} | outputs | limits | _second(y, leaves, dy, *wide)


EXERCISE = Exercise(
    id="4.2",
    title="A derivative of your own",
    answers=("BatchNormFunction",),
    shows="y = BatchNormFunction.apply(x, gamma, beta, eps)",
    minutes=45,
    difficulty="demanding",
    points=8,
    read="Chapter 4.2, sections “A function of your own” and “Differentiate it again”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
