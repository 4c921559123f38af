"""4.2 A derivative of your own: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import torch
from torch.autograd.function import once_differentiable

from autograder.spec import Mistake
from autograder.specs.ex4_2.answers import Right, channel, others


def variant(**methods):
    return (type("BatchNormFunction", (Right,), methods),)


def _x_hat_kept(cls, ctx, x, gamma, beta, eps):
    mean, inv_std = cls.statistics(x, eps)
    x_hat = (x - mean) * inv_std
    ctx.save_for_backward(x_hat, inv_std, gamma)
    return channel(gamma, x) * x_hat + channel(beta, x)


def _from_x_hat(cls, ctx, dy):
    x_hat, inv_std, gamma = ctx.saved_tensors
    ones, zeros = torch.ones_like(inv_std), torch.zeros_like(inv_std)
    dx, dgamma, dbeta = cls.gradients(dy, x_hat, gamma, zeros, ones)
    return cls.asked(ctx, (dx * inv_std, dgamma, dbeta))


def _statistics_kept(cls, ctx, x, gamma, beta, eps):
    ctx.save_for_backward(x, gamma, *cls.statistics(x, eps))
    return cls.y(x, gamma, beta, eps)


def _from_statistics(cls, ctx, dy):
    return cls.asked(ctx, cls.gradients(dy, *ctx.saved_tensors))


@once_differentiable
def _once(ctx, dy):
    x, gamma = ctx.saved_tensors
    return Right.asked(ctx, Right.gradients(dy, x, gamma, *Right.statistics(x, ctx.eps)))


def _detached(cls, ctx, dy):
    with torch.no_grad():
        return Right.backward.__func__(cls, ctx, dy)


def _two_kept(cls, ctx, x, gamma, beta, eps):
    mean, inv_std = cls.statistics(x, eps)
    ctx.eps, ctx.x_is_first = eps, True
    ctx.save_for_backward(x, gamma, (x - mean) * inv_std)
    return cls.y(x, gamma, beta, eps)


def _from_two(cls, ctx, dy):
    x, gamma, _ = ctx.saved_tensors
    return cls.asked(ctx, cls.gradients(dy, x, gamma, *cls.statistics(x, ctx.eps)))


def _on_ctx(cls, ctx, x, gamma, beta, eps):
    ctx.x, ctx.gamma, ctx.eps = x, gamma, eps
    return cls.y(x, gamma, beta, eps)


def _from_ctx(cls, ctx, dy):
    return cls.asked(ctx, cls.gradients(dy, ctx.x, ctx.gamma, *cls.statistics(ctx.x, ctx.eps)))


def _on_the_class(cls, ctx, x, gamma, beta, eps):
    cls.kept = x, gamma, eps
    return cls.y(x, gamma, beta, eps)


def _from_the_class(cls, ctx, dy):
    x, gamma, eps = cls.kept
    return cls.asked(ctx, cls.gradients(dy, x, gamma, *cls.statistics(x, eps)))


def _centred_in_place(cls, ctx, x, gamma, beta, eps):
    ctx.eps = eps
    mean, inv_std = cls.statistics(x, eps)
    ctx.save_for_backward(x, gamma)
    x -= mean
    return channel(gamma, x) * x * inv_std + channel(beta, x)


def _dy_in_place(cls, ctx, dy):
    grads = Right.backward.__func__(cls, ctx, dy.clone())
    dy *= 2
    return grads


def _three(cls, ctx, dy):
    return Right.backward.__func__(cls, ctx, dy)[:3]


def gradients(change):
    """Right gradients, of which `change` makes others."""

    def changed(cls, dy, x, gamma, mean, inv_std):
        right = Right.gradients.__func__(cls, dy, x, gamma, mean, inv_std)
        return change(right, dy=dy, x=x, gamma=gamma, mean=mean, inv_std=inv_std)

    return variant(gradients=classmethod(changed))


def _uncoupled(grads, dy, x, gamma, inv_std, **_):
    return channel(gamma, x) * inv_std * dy, *grads[1:]


def _no_mean_path(grads, dy, x, gamma, mean, inv_std):
    paths = (x - mean) * inv_std * channel(grads[1], x) / (x.numel() // gamma.numel())
    return channel(gamma, x) * inv_std * (dy - paths), *grads[1:]


def _no_variance_path(grads, dy, x, gamma, inv_std, **_):
    path = dy.mean(others(x), keepdim=True)
    return channel(gamma, x) * inv_std * (dy - path), *grads[1:]


def _gamma_missing(grads, dy, x, gamma, mean, inv_std):
    return Right.gradients(dy, x, torch.ones_like(gamma), mean, inv_std)[0], *grads[1:]


def _m_is_n(grads, dy, x, gamma, mean, inv_std):
    x_hat = (x - mean) * inv_std
    paths = (channel(grads[2], x) + x_hat * channel(grads[1], x)) / len(x)
    return channel(gamma, x) * inv_std * (dy - paths), *grads[1:]


def _averaged(grads, x, gamma, **_):
    m = x.numel() // gamma.numel()
    return grads[0], grads[1] / m, grads[2] / m


def _exchanged(grads, **_):
    return grads[0], grads[2], grads[1]


def _without_x_hat(grads, dy, x, **_):
    return grads[0], (dy * x).sum(others(x)), grads[2]


def _over_the_batch(grads, dy, x, mean, inv_std, **_):
    return grads[0], (dy * (x - mean) * inv_std).sum(0), dy.sum(0)


def statistics(change):
    return variant(statistics=staticmethod(change))


def _unbiased(x, eps):
    var, mean = torch.var_mean(x, others(x), keepdim=True)
    return mean, torch.rsqrt(var + eps)


def _eps_outside(x, eps):
    var, mean = torch.var_mean(x, others(x), correction=0, keepdim=True)
    return mean, 1 / (var.sqrt() + eps)


def _own_eps(x, eps):
    return Right.statistics(x, 1e-5)


MISTAKES = (
    Mistake(
        "x̂ saved",
        "To autograd x̂ and 1/σ are constants: they were computed in forward and saved, or x was detached. The first "
        "derivative is right, and the second misses every path through them. Save x, and compute them from it in backward.",
        variant(forward=classmethod(_x_hat_kept), backward=classmethod(_from_x_hat)),
    ),
    Mistake(
        "statistics saved",
        "To autograd the mean and 1/σ are constants: they were computed in forward and saved, or detached. The second "
        "derivative misses the paths through them. Compute them from x in backward.",
        variant(forward=classmethod(_statistics_kept), backward=classmethod(_from_statistics)),
    ),
    Mistake(
        "once differentiable",
        "backward is marked with @once_differentiable, so autograd refuses to differentiate it. "
        "Write it with differentiable functions of the saved inputs, and take the mark off.",
        variant(backward=staticmethod(_once)),
    ),
    Mistake(
        "no double backward",
        "The gradients come without a graph: backward leaves autograd, by detach(), .data, NumPy or no_grad(). "
        "The second derivative is then 0, without an error. Compute with the saved tensors as they are.",
        variant(backward=classmethod(_detached)),
    ),
    Mistake(
        "too much saved",
        "More than one tensor of the size of x is saved. x is enough: x̂ is one subtraction and one multiplication away.",
        variant(forward=classmethod(_two_kept), backward=classmethod(_from_two)),
    ),
    Mistake(
        "kept on ctx",
        "Tensors are kept as attributes, ctx.x = x. Nobody then notices that x was changed before backward, "
        "and the gradient is wrong without an error. Use ctx.save_for_backward(…) and ctx.saved_tensors.",
        variant(forward=classmethod(_on_ctx), backward=classmethod(_from_ctx)),
    ),
    Mistake(
        "kept on the class",
        "What backward needs is kept in a place that all calls share, so the next batch overwrites it. "
        "Every call has a ctx of its own: ctx.save_for_backward(…).",
        variant(forward=classmethod(_on_the_class), backward=classmethod(_from_the_class)),
    ),
    Mistake(
        "dx for nobody",
        "dx is computed also where x needs no gradient, as in the first layer of a network. "
        "Look at ctx.needs_input_grad[0], and return None if it is False.",
        variant(asked=staticmethod(lambda ctx, grads: (*grads, None))),
    ),
    Mistake(
        "three gradients",
        "backward returns three values. forward has four arguments after ctx, and each gets one: None for eps.",
        variant(backward=classmethod(_three)),
    ),
    Mistake(
        "input changed in place",
        "x is centred in place (x -= mean). The caller's x is changed, and so is what was saved.",
        variant(forward=classmethod(_centred_in_place)),
    ),
    Mistake(
        "dy changed in place",
        "dy is changed in place. It belongs to the layers above, which may need it for other branches. Work on a new tensor.",
        variant(backward=classmethod(_dy_in_place)),
    ),
    Mistake(
        "samples uncoupled",
        "dx treats the mean and the variance as constants: that is the gradient of eval mode. "
        "Take off the mean of dy, and x̂ times the mean of dy·x̂.",
        gradients(_uncoupled),
    ),
    Mistake(
        "mean path missing",
        "dx lacks the path through the mean: its sum over the batch should be 0. Take off the mean of dy.",
        gradients(_no_mean_path),
    ),
    Mistake(
        "variance path missing",
        "dx lacks the path through the variance: take off x̂ times the mean of dy·x̂.",
        gradients(_no_variance_path),
    ),
    Mistake(
        "γ missing in dx",
        "dx lacks the factor γ. y = γ·x̂ + β, so the gradient that reaches x̂ is γ·dy.",
        gradients(_gamma_missing),
    ),
    Mistake(
        "m forgets the spatial axes",
        "dx divides by N. m is the number of values behind one statistic: N times every spatial size.",
        gradients(_m_is_n),
    ),
    Mistake(
        "gradients averaged",
        "dγ and dβ are means. They are sums: the loss has divided by the number of samples already.",
        gradients(_averaged),
    ),
    Mistake(
        "dγ and dβ exchanged",
        "dγ and dβ stand in each other's place. backward returns gradients in the order of the arguments of forward.",
        gradients(_exchanged),
    ),
    Mistake(
        "x in place of x̂ in dγ",
        "dγ is the sum of dy·x. γ multiplies x̂, so it is the sum of dy·x̂.",
        gradients(_without_x_hat),
    ),
    Mistake(
        "summed over the batch axis only",
        "dγ and dβ are summed over axis 0 only. γ has one value per channel: sum over every axis but axis 1.",
        gradients(_over_the_batch),
    ),
    Mistake(
        "unbiased variance",
        "The variance is divided by m − 1, which torch.var does if you do not say correction=0. Batch norm divides by m.",
        statistics(_unbiased),
    ),
    Mistake(
        "eps outside the root",
        "eps is added to the standard deviation. It stands inside the root: 1/√(σ² + ε).",
        statistics(_eps_outside),
    ),
    Mistake(
        "eps ignored",
        "The argument eps is not used. Normalise with 1/√(σ² + eps).",
        statistics(_own_eps),
    ),
)
