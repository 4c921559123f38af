"""4.3 Blocks: chains of convolutions and residual blocks, in two orders."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from autograder.compare import describe
from autograder.spec import AnswerError, Case, Exercise
from autograder.specs.ex4_3.answers import RIGHT_WAYS
from autograder.specs.ex4_3.blocks import Layers, fill, own, run, sorted_layers
from autograder.specs.ex4_3.mistakes import MISTAKES
from autograder.specs.ex4_3.reference import AT_THE_START, reference


def cases(rng: np.random.Generator) -> list[Case]:
    def draw(depth, same_ends=False):
        """Widths, no two of them equal except for the ends of an identity."""
        widths = [int(w) for w in rng.permutation(np.arange(3, 8))[: depth + 1]]
        return [*widths[:-1], widths[0]] if same_ends else widths

    def case(name, what, widths, stride=1, order="post", norm=True, n=3, size=(5, 7), **more):
        small = tuple(-(-s // stride) for s in size)
        inputs = dict(
            what=what,
            widths=widths,
            stride=stride,
            order=order,
            norm=norm,
            seed=int(rng.integers(2**31)),
            x=rng.normal(size=(n, widths[0], *size)),
            dy=rng.normal(size=(n, widths[-1], *small)),
        )
        return Case(name, inputs | more)

    def chain(name, *arguments, **options):
        return case(f"chain, {name}", "chain", *arguments, **options)

    def residual(name, *arguments, zero_init=True, **options):
        return case(f"residual, {name}", "residual", *arguments, zero_init=zero_init, **options)

    w = int(rng.integers(3, 7))
    return [
        chain("conv–BN–ReLU, two convolutions", draw(2)),
        chain("conv–BN–ReLU, three of one width, stride 2", [w] * 4, stride=2, size=(6, 6)),
        chain("BN–ReLU–conv, one channel, stride 2", [1, *draw(2)], stride=2, order="pre", n=2),
        chain("conv–ReLU, no batch norm, stride 3", draw(2), stride=3, norm=False),
        residual("conv–BN–ReLU, same shape", draw(2, same_ends=True)),
        residual("conv–BN–ReLU, other width", draw(2)),
        residual("conv–BN–ReLU, stride 2, same width", draw(3, same_ends=True), stride=2),
        residual("conv–BN–ReLU, one convolution", [w, w], n=2, size=(4, 3)),
        residual("conv–BN–ReLU, no zero start", draw(2), stride=2, zero_init=False),
        residual("BN–ReLU–conv, same shape", draw(2, same_ends=True), order="pre"),
        residual("BN–ReLU–conv, other width, stride 2", draw(3), stride=2, order="pre"),
        residual("conv–ReLU, no batch norm, stride 2", draw(2), stride=2, norm=False),
        residual("ReLU–conv, no batch norm", draw(2, same_ends=True), order="pre", norm=False),
    ]


def call(chain, residual, seed, what, widths, stride, order, norm, x, dy, zero_init=None):
    build = chain if what == "chain" else residual
    options = dict(stride=stride, order=order, norm=norm)
    if what == "residual":
        options["zero_init"] = zero_init
    x, dy = torch.from_numpy(x), torch.from_numpy(dy)
    block = _module(_seeded(build, seed)(widths, **options), f"`{what}`")
    y, steps = run(block.train(), x.float())
    y = _tensor(y, what)
    own(block, steps, f"The block of `{what}`")
    layers = sorted_layers(steps, what == "residual")
    outputs = _structure(block, steps, layers)
    if what == "residual":
        outputs |= _of_residual(layers)
    block.double()
    roles = layers.roles()
    if zero_init:
        fill({role: m for role, m in roles.items() if role.startswith("shortcut")}, seed)
        outputs["y while the branch is new"] = run(block, x)[0]
    fill(roles, seed)
    leaf = x.clone().requires_grad_()
    y, steps = run(block, leaf * 1)  # what an in-place ReLU may change
    for k, step in enumerate(sorted_layers(steps, what == "residual").convs, 1):
        outputs[f"what convolution {k} reads"] = step.reads
    [dx] = torch.autograd.grad(y, leaf, _upstream(dy, y))
    y_eval = block.eval()(x)
    return outputs | {"y": y, "dx": dx, "y in eval mode": y_eval}


def _seeded(build, seed):
    """The function with PyTorch's generator at a seed, which is put back afterwards."""

    def seeded(*arguments, **options):
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(seed)  # torch.manual_seed also wakes every device
        try:
            return build(*arguments, **options)
        finally:
            torch.set_rng_state(before)

    return seeded


def _module(value, what):
    if not isinstance(value, nn.Module):
        raise AnswerError(
            f"{what} returned {describe(value)}; expected an nn.Module. A list of layers becomes "
            "one with nn.Sequential(*layers)."
        )
    return value


def _tensor(y, what):
    """The output of a block, if a gradient can go back through it."""
    if not isinstance(y, torch.Tensor):
        raise AnswerError(f"The block of `{what}` returned {describe(y)}; expected a tensor.")
    if not y.requires_grad:
        raise AnswerError(
            f"No gradient goes back through the block of `{what}`: no torch.no_grad() and no "
            "`.detach()` or `.data` in its forward."
        )
    return y


def _upstream(dy, y):
    """The gradient that reaches y; of the shape of y, should that be a wrong one."""
    if y.shape == dy.shape:
        return dy
    return torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(0))


def _structure(block, steps, layers: Layers):
    """What a block is made of, as whole numbers."""
    used = {id(p) for step in steps for p in step.module.parameters()}
    convs, norms = ([s.module for s in part] for part in (layers.convs, layers.norms))
    if not convs:
        raise AnswerError(
            "No nn.Conv2d with a 3 × 3 kernel ran in the block. Use nn.Conv2d and nn.BatchNorm2d: "
            "the check looks for them."
        )
    return {
        "layers that run twice": len(steps) - len({id(step.module) for step in steps}),
        "parameters that no layer uses": sum(id(p) not in used for p in block.parameters()),
        "channels of the convolutions": [c.in_channels for c in convs] + [convs[-1].out_channels],
        "strides of the convolutions": [c.stride[0] for c in convs],
        "biases of the convolutions": [int(c.bias is not None) for c in convs],
        "features of the batch norms": _whole([n.num_features for n in norms]),
        # In one: by itself, a row of zeros would look like half of the mistakes.
        AT_THE_START: _whole([_zero(c) for c in convs] + [_gamma(n) for n in norms]),
    }


def _of_residual(layers: Layers):
    """What belongs to a new residual block alone."""
    shape = []
    for c in (step.module for step in layers.shortcut_convs):
        shape += [c.in_channels, c.out_channels, c.stride[0], int(c.bias is not None)]
    after = []
    for n in (step.module for step in layers.shortcut_norms):
        after += [n.num_features, _gamma(n)]
    return {
        "the shortcut’s convolution: channels in, out, stride, bias": _whole(shape),
        "the shortcut’s batch norm: features, γ": _whole(after),
    }


def _zero(conv):
    return int(not any(p.any() for p in conv.parameters()))


def _gamma(norm):
    """γ of a batch norm: one number, or −1 where there is none or the channels differ."""
    values = set() if norm.weight is None else set(norm.weight.tolist())
    return values.pop() if len(values) == 1 else -1


def _whole(values):
    """An array of whole numbers where they are whole."""
    array = np.array(values, dtype=float)
    return array.astype(int) if np.array_equal(array, array.round()) else array


def describe_call(inputs):
    """The call of a case as a learner would write it."""
    names = ("stride", "order", "norm", "zero_init")
    options = ", ".join(f"{n}={inputs[n]!r}" for n in names if n in inputs)
    return f"{inputs['what']}({inputs['widths']}, {options}), x: {inputs['x'].shape}"


EXERCISE = Exercise(
    id="4.3",
    title="Blocks",
    answers=("chain", "residual"),
    shows="block = chain(widths, …) or residual(widths, …); y = block(x)",
    minutes=40,
    difficulty="demanding",
    points=6,
    read="Chapter 4.3, sections “Before or after the activation?”, “The bias before BN” and “Depth”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe_call,
)
