"""4.5 An operator that the compiler keeps: right answers."""

from __future__ import annotations

import torch
from torch import Tensor

from bnlab.norms.numpy_kernels import bn_backward, bn_forward


def in_numpy(kernel, *args):
    """Calls a kernel on the memory of tensors; gives tensors."""
    arrays = (a.detach().numpy() if isinstance(a, Tensor) else a for a in args)
    return tuple(map(torch.from_numpy, kernel(*arrays)))


def forward(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    return in_numpy(bn_forward, x, gamma, beta, eps)


def backward(
    dy: Tensor, x: Tensor, gamma: Tensor, mean: Tensor, inv_std: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return in_numpy(bn_backward, dy, x, gamma, mean, inv_std)


def fake_forward(x, gamma, beta, eps):
    return torch.empty_like(x), torch.empty_like(gamma), torch.empty_like(gamma)


def fake_backward(dy, x, gamma, mean, inv_std):
    return torch.empty_like(x), torch.empty_like(gamma), torch.empty_like(gamma)


def setup(ctx, inputs, output):
    x, gamma, _beta, _eps = inputs
    _y, mean, inv_std = output
    ctx.save_for_backward(x, gamma, mean, inv_std)


def gradient(backward_op):
    def gradients(ctx, dy, dmean, dinv_std):
        return *backward_op(dy, *ctx.saved_tensors), None

    return gradients


def definer(
    forward=forward,
    backward=backward,
    fake_forward=fake_forward,
    fake_backward=fake_backward,
    setup=setup,
    gradient=gradient,
    wrapped=lambda op: lambda x, gamma, beta, eps=1e-5: op(x, gamma, beta, eps)[0],
    **options,
):
    """`define_operator` with one part replaced; None leaves it out."""

    def define_operator(name):
        given = dict(mutates_args=()) | options
        op = torch.library.custom_op(name, forward, **given)
        backward_op = torch.library.custom_op(f"{name}_backward", backward, mutates_args=())
        for each, fake in ((op, fake_forward), (backward_op, fake_backward)):
            if fake:
                each.register_fake(fake)
        if gradient:
            op.register_autograd(gradient(backward_op), setup_context=setup)
        return wrapped(op)

    return (define_operator,)


def _by_schema(name):
    """torch.library.define with a schema written out, and only y and x_hat returned."""
    namespace, _, short = name.partition("::")
    library = torch.library.Library(namespace, "FRAGMENT")
    _KEPT.append(library)  # an operator lives as long as its library
    forward_name, backward_name = f"{short}_by_schema", f"{short}_by_schema_grad"
    library.define(
        f"{forward_name}(Tensor x, Tensor g, Tensor b, float eps) -> (Tensor, Tensor, Tensor)"
    )
    library.define(
        f"{backward_name}(Tensor dy, Tensor x_hat, Tensor a) -> (Tensor, Tensor, Tensor)"
    )

    def column(v, x):
        return v.reshape(-1, *[1] * (x.ndim - 2))

    def run(x, g, b, eps):
        others = (0, *range(2, x.ndim))
        var, mean = torch.var_mean(x, others, correction=0)
        inv_std = torch.rsqrt(var + eps)
        x_hat = (x - column(mean, x)) * column(inv_std, x)
        return x_hat * column(g, x) + column(b, x), x_hat, inv_std

    def run_backward(dy, x_hat, a):
        others = (0, *range(2, dy.ndim))
        dot, total = (dy * x_hat).sum(others), dy.sum(others)
        m = dy.numel() // a.numel()
        dx = column(a, dy) * (dy - (column(total, dy) + x_hat * column(dot, dy)) / m)
        return dx, dot, total

    library.impl(forward_name, run, "CPU")
    library.impl(backward_name, run_backward, "CPU")
    full = f"{namespace}::{forward_name}"
    torch.library.register_fake(
        full,
        lambda x, g, b, eps: (x.new_empty(x.shape), x.new_empty(x.shape), g.new_empty(g.shape)),
    )
    torch.library.register_fake(
        f"{namespace}::{backward_name}",
        lambda dy, x_hat, a: (torch.empty_like(dy), torch.empty_like(a), torch.empty_like(a)),
    )
    ops = getattr(torch.ops, namespace)

    def keep(ctx, inputs, output):
        ctx.save_for_backward(output[1], inputs[1] * output[2])

    def differentiate(ctx, dy, *_):
        return *getattr(ops, backward_name)(dy, *ctx.saved_tensors), None

    torch.library.register_autograd(full, differentiate, setup_context=keep)
    return lambda x, gamma, beta, eps=1e-5: getattr(ops, forward_name)(x, gamma, beta, eps)[0]


_KEPT = []


def _by_function(name):
    """An autograd function around two operators, in place of register_autograd."""
    op = torch.library.custom_op(f"{name}_forward", forward, mutates_args=())
    backward_op = torch.library.custom_op(f"{name}_grad", backward, mutates_args=())
    op.register_fake(fake_forward)
    backward_op.register_fake(fake_backward)

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, gamma, beta, eps):
            y, mean, inv_std = op(x, gamma, beta, eps)
            ctx.save_for_backward(x, gamma, mean, inv_std)
            return y

        @staticmethod
        def backward(ctx, dy):
            return *backward_op(dy, *ctx.saved_tensors), None

    def batch_norm(x, gamma, beta, eps=1e-5):
        return Function.apply(x, gamma, beta, eps)

    return batch_norm


def _gradient_in_torch(backward_op):
    """No second operator: the compiler may look into the gradient."""

    def gradients(ctx, dy, dmean, dinv_std):
        x, gamma, mean, inv_std = ctx.saved_tensors
        others, shape = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        x_hat = (x - mean.view(shape)) * inv_std.view(shape)
        dgamma, dbeta = (dy * x_hat).sum(others), dy.sum(others)
        m = x.numel() // gamma.numel()
        paths = (dbeta.view(shape) + x_hat * dgamma.view(shape)) / m
        return (gamma * inv_std).view(shape) * (dy - paths), dgamma, dbeta, None

    return gradients


def _sized_by_hand(x, gamma, beta, eps):
    return x.new_empty(x.shape), gamma.new_empty([x.size(1)]), gamma.new_empty(gamma.size())


def _computed(x, gamma, beta, eps):
    """A fake kernel that computes: with fake tensors that costs nothing and is right."""
    others, shape = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    var, mean = torch.var_mean(x, others, correction=0)
    inv_std = torch.rsqrt(var + eps)
    return (x - mean.view(shape)) * (gamma * inv_std).view(shape) + beta.view(shape), mean, inv_std


RIGHT = definer()
RIGHT_WAYS = {
    "a schema written out, and x̂ kept": (_by_schema,),
    "an autograd function around two operators": (_by_function,),
    "the gradient in PyTorch's functions": definer(gradient=_gradient_in_torch),
    "sizes by hand, kernel for the CPU only": definer(
        fake_forward=_sized_by_hand, device_types="cpu"
    ),
    "a fake kernel that computes": definer(fake_forward=_computed),
}
