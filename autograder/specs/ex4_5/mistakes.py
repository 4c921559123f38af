"""4.5 An operator that the compiler keeps: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.spec import Mistake
from autograder.specs.ex4_5.answers import (
    backward,
    definer,
    fake_forward,
    forward,
    in_numpy,
)
from bnlab.norms.numpy_kernels import bn_backward, bn_forward


def _no_operator(name):
    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, gamma, beta, eps):
            y, mean, inv_std = forward(x, gamma, beta, eps)
            ctx.save_for_backward(x, gamma, mean, inv_std)
            return y

        @staticmethod
        def backward(ctx, dy):
            return *backward(dy, *ctx.saved_tensors), None

    return lambda x, gamma, beta, eps=1e-5: Function.apply(x, gamma, beta, eps)


def _kernel_in_backward(backward_op):
    def gradients(ctx, dy, dmean, dinv_std):
        return *in_numpy(bn_backward, dy, *ctx.saved_tensors), None

    return gradients


def _guarded(op):
    def batch_norm(x, gamma, beta, eps=1e-5):
        if torch.isnan(x).any():
            raise ValueError("x has a NaN")
        return op(x, gamma, beta, eps)[0]

    return batch_norm


def _printing(op):
    def batch_norm(x, gamma, beta, eps=1e-5):
        torch._dynamo.graph_break()
        return op(x, gamma, beta, eps)[0]

    return batch_norm


def _detached(op):
    return lambda x, gamma, beta, eps=1e-5: op(x.detach(), gamma, beta, eps)[0]


def _eps_fixed(op):
    return lambda x, gamma, beta, eps=1e-5: op(x, gamma, beta, 1e-5)[0]


def _in_place(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    results = in_numpy(bn_forward, x, gamma, beta, eps)
    x.detach().sub_(results[1].view(-1, *[1] * (x.ndim - 2)))
    return results


def _alias(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    y, mean, inv_std = in_numpy(bn_forward, x, gamma, beta, eps)
    return x.copy_(y), mean, inv_std


def _keep(*what):
    """Keeps x, gamma, mean, inv_std by other names: "x", "y", "beta", …"""

    def keep(ctx, inputs, output):
        by_name = dict(zip(("x", "gamma", "beta"), inputs, strict=False))
        by_name |= dict(zip(("y", "mean", "inv_std"), output, strict=True))
        ctx.save_for_backward(*(by_name[name] for name in what))

    return keep


def gradients(change):
    """Right gradients, of which `change` makes others."""

    def gradient(backward_op):
        def changed(ctx, dy, dmean, dinv_std):
            return change(backward_op(dy, *ctx.saved_tensors), dy, ctx)

        return changed

    return definer(gradient=gradient)


def _uncoupled(grads, dy, ctx):
    _, gamma, _, inv_std = ctx.saved_tensors
    return (gamma * inv_std).view(-1, *[1] * (dy.ndim - 2)) * dy, *grads[1:], None


def fake(change):
    return definer(fake_forward=change)


def _of_a_table(x, gamma, beta, eps):
    n, c = x.shape
    return x.new_empty(n, c), torch.empty_like(gamma), torch.empty_like(gamma)


def _of_the_example(x, gamma, beta, eps):
    return x.new_empty(32, 16), torch.empty_like(gamma), torch.empty_like(gamma)


def _of_numbers(x, gamma, beta, eps):
    y = x.new_empty([int(n) for n in x.shape])
    return y, torch.empty_like(gamma), torch.empty_like(gamma)


def _of_default_dtype(x, gamma, beta, eps):
    return torch.empty(x.shape), torch.empty(gamma.shape), torch.empty(gamma.shape)


def _like_y(x, gamma, beta, eps):
    return torch.empty_like(x), torch.empty_like(x), torch.empty_like(x)


MISTAKES = (
    Mistake(
        "no fake kernel",
        "An operator has no fake kernel. The compiler runs your function without data and asks each operator for the "
        "shapes and dtypes of its outputs: register_fake answers.",
        definer(fake_forward=None),
    ),
    Mistake(
        "no fake kernel for the backward operator",
        "The forward operator has a fake kernel, the one that computes the gradient has none. "
        "Training is compiled too, so it needs its own register_fake.",
        definer(fake_backward=None),
    ),
    Mistake(
        "no autograd",
        "No gradient is registered. PyTorch cannot see into an operator: register_autograd tells it "
        "what to save and how to compute the gradients.",
        definer(gradient=None),
    ),
    Mistake(
        "no operator",
        "There is no operator: the kernel is called directly, or something else computes in its place. The compiler cannot "
        "keep a kernel that it cannot read. Wrap the kernel with torch.library.custom_op.",
        (_no_operator,),
    ),
    Mistake(
        "kernel called in the gradient",
        "The gradient calls the backward kernel itself. When the compiler traces training, the tensors there have no "
        "data. Make the backward kernel an operator of its own, with a fake kernel, and call that.",
        definer(gradient=_kernel_in_backward),
    ),
    Mistake(
        "looks at numbers outside the operator",
        "The function around the operator looks at the values of x, as in `if torch.isnan(x).any()`. "
        "The compiler has none, and cuts the graph there. Look inside the kernel, or not at all.",
        definer(wrapped=_guarded),
    ),
    Mistake(
        "graph break around the operator",
        "Something around the operator makes the compiler stop and start again, and the graph falls apart. "
        "Only call the operator there.",
        definer(wrapped=_printing),
    ),
    Mistake(
        "fake y for tables only",
        "The fake kernel unpacks x.shape into two sizes. There may be any number of spatial axes: torch.empty_like(x).",
        fake(_of_a_table),
    ),
    Mistake(
        "fake sizes of one batch",
        "The fake kernel returns fixed sizes. It is asked again for every shape: torch.empty_like(x).",
        fake(_of_the_example),
    ),
    Mistake(
        "fake sizes turned into numbers",
        "The fake kernel turns sizes into Python integers, with int(…). That ties the graph to one size, and the compiler starts "
        "again for the next. Pass sizes on as they are: torch.empty_like(x), x.new_empty(x.shape).",
        fake(_of_numbers),
    ),
    Mistake(
        "fake dtype by default",
        "The fake kernel makes tensors with torch.empty(shape), which are float32 whatever x is. "
        "torch.empty_like(x) and x.new_empty(…) take dtype and device from x.",
        fake(_of_default_dtype),
    ),
    Mistake(
        "fake statistics like x",
        "The fake kernel says that mean and inv_std have the shape of x. They have one value per channel, like gamma.",
        fake(_like_y),
    ),
    Mistake(
        "fake outputs in another order",
        "The fake kernel returns its outputs in another order than the operator.",
        fake(lambda *inputs: fake_forward(*inputs)[::-1]),
    ),
    Mistake(
        "argument changed",
        "The operator changes x in place, and mutates_args does not say so. The compiler reorders and reuses on the strength "
        "of that promise. Work on a copy: an operator that changes its arguments cannot have a gradient.",
        definer(forward=_in_place),
    ),
    Mistake(
        "input returned",
        "The operator returns one of its inputs. Every output must be a new tensor: the compiler plans memory with that.",
        definer(forward=_alias),
    ),
    Mistake(
        "kernel for another device",
        'The operator is defined with device_types="cuda" and has no kernel for tensors on the CPU. '
        "Leave device_types out, and add kernels with register_kernel.",
        definer(device_types="cuda"),
    ),
    Mistake(
        "detached",
        "The operator is called with x.detach(), so no gradient reaches x. Detach inside the operator, if the kernel asks for it.",
        definer(wrapped=_detached),
    ),
    Mistake(
        "y saved in place of x",
        "The output y was saved where the backward kernel wants x. Save what it asks for: x, gamma, mean, inv_std.",
        definer(setup=_keep("y", "gamma", "mean", "inv_std")),
    ),
    Mistake(
        "β saved in place of γ",
        "beta was saved where the backward kernel wants gamma.",
        definer(setup=_keep("x", "beta", "mean", "inv_std")),
    ),
    Mistake(
        "mean and inv_std exchanged",
        "mean and inv_std stand in each other's place when the backward kernel is called.",
        definer(setup=_keep("x", "gamma", "inv_std", "mean")),
    ),
    Mistake(
        "three gradients",
        "The gradient has not four values; a list counts as one. The operator has four arguments, and each gets "
        "one: return a tuple, with None for eps.",
        gradients(lambda grads, dy, ctx: tuple(grads)),
    ),
    Mistake(
        "dγ and dβ exchanged",
        "dγ and dβ stand in each other's place. Gradients come in the order of the operator's arguments.",
        gradients(lambda grads, dy, ctx: (grads[0], grads[2], grads[1], None)),
    ),
    Mistake(
        "samples uncoupled",
        "dx is γ·dy/σ, which treats the mean and the variance as constants: that is the gradient of eval mode. "
        "Let the backward kernel compute it.",
        gradients(_uncoupled),
    ),
    Mistake(
        "eps ignored",
        "eps is not passed on to the operator.",
        definer(wrapped=_eps_fixed),
    ),
)
