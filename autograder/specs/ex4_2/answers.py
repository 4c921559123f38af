"""4.2 A derivative of your own: right answers."""

from __future__ import annotations

import torch


def others(x):
    return (0, *range(2, x.ndim))


def channel(v, x):
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


class Right(torch.autograd.Function):
    """Keeps x and γ, and makes everything else again; mistakes replace one step."""

    @staticmethod
    def statistics(x, eps):
        """mean and 1/std, which broadcast against x"""
        mean = x.mean(others(x), keepdim=True)
        return mean, ((x - mean).square().mean(others(x), keepdim=True) + eps) ** -0.5

    @classmethod
    def y(cls, x, gamma, beta, eps):
        mean, inv_std = cls.statistics(x, eps)
        return channel(gamma, x) * (x - mean) * inv_std + channel(beta, x)

    @classmethod
    def gradients(cls, dy, x, gamma, mean, inv_std):
        x_hat, over = (x - mean) * inv_std, others(x)
        dgamma, dbeta = (dy * x_hat).sum(over), dy.sum(over)
        m = x.numel() // gamma.numel()
        paths = channel(dbeta, x) / m + x_hat * channel(dgamma, x) / m
        return channel(gamma, x) * inv_std * (dy - paths), dgamma, dbeta

    @classmethod
    def forward(cls, ctx, x, gamma, beta, eps):
        ctx.eps = eps
        ctx.save_for_backward(x, gamma)
        return cls.y(x, gamma, beta, eps)

    @classmethod
    def backward(cls, ctx, dy):
        x, gamma = ctx.saved_tensors
        return cls.asked(ctx, cls.gradients(dy, x, gamma, *cls.statistics(x, ctx.eps)))

    @staticmethod
    def asked(ctx, grads):
        dx, dgamma, dbeta = grads
        return dx if ctx.needs_input_grad[0] else None, dgamma, dbeta, None


class _StatisticsKept(torch.autograd.Function):
    """Keeps the statistics too, and makes them again for a second derivative."""

    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        var, mean = torch.var_mean(x, others(x), correction=0, keepdim=True)
        inv_std = torch.rsqrt(var + eps)
        ctx.eps = eps
        ctx.save_for_backward(x, gamma, mean, inv_std)
        return (x - mean) * (inv_std * channel(gamma, x)) + channel(beta, x)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, mean, inv_std = ctx.saved_tensors
        if torch.is_grad_enabled():
            mean, inv_std = Right.statistics(x, ctx.eps)
        dx, dgamma, dbeta = Right.gradients(dy, x, gamma, mean, inv_std)
        needs = ctx.needs_input_grad
        return tuple(
            g if n else None for g, n in zip((dx, dgamma, dbeta, None), needs, strict=True)
        )


class _BackwardOfItsOwn(torch.autograd.Function):
    """The gradient is a function too, with its derivative written out."""

    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        mean, inv_std = Right.statistics(x, eps)
        ctx.save_for_backward(x, gamma, mean, inv_std)
        return channel(gamma, x) * ((x - mean) * inv_std) + channel(beta, x)

    @staticmethod
    def backward(ctx, dy):
        x, gamma, mean, inv_std = ctx.saved_tensors
        return Right.asked(ctx, _Gradients.apply(dy, x, gamma, mean, inv_std))


class _Gradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, dy, x, gamma, mean, inv_std):
        ctx.save_for_backward(dy, x, gamma, mean, inv_std)
        return Right.gradients(dy, x, gamma, mean, inv_std)

    @staticmethod
    def backward(ctx, v, a, b):
        dy, x, gamma, mean, inv_std = ctx.saved_tensors
        x_hat, over, m = (x - mean) * inv_std, others(x), x.numel() // gamma.numel()
        g, a, b = channel(gamma, x), channel(a, x), channel(b, x)

        def average(t):
            return t.sum(over, keepdim=True) / m

        def across(t):  # without its parts along 1 and x_hat
            return t - average(t) - x_hat * average(t * x_hat)

        inner = average(v * across(dy))
        by_x_hat = a * dy - g * inv_std * (v * average(dy * x_hat) + dy * average(v * x_hat))
        by_x = inv_std * across(by_x_hat) - g * inv_std**2 * inner * x_hat
        by_dy = g * inv_std * across(v) + a * x_hat + b
        return by_dy, by_x, (inv_std * inner * m).flatten(), None, None


class _Replayed(torch.autograd.Function):
    """Lets autograd differentiate the formula of y again, in backward."""

    @staticmethod
    def forward(x, gamma, beta, eps):
        return Right.y(x, gamma, beta, eps)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, gamma, beta, ctx.eps = inputs
        ctx.save_for_backward(x, gamma, beta)

    @staticmethod
    def backward(ctx, dy):
        again = torch.is_grad_enabled()
        with torch.enable_grad():
            saved = ctx.saved_tensors
            if not again:
                saved = [t.detach().requires_grad_() for t in saved]
            copies = [t * 1 if t.requires_grad else t.clone().requires_grad_() for t in saved]
            y = Right.y(*copies, ctx.eps)
            grads = torch.autograd.grad(y, copies, dy, create_graph=again)
        return Right.asked(ctx, grads)


class _Rows(torch.autograd.Function):
    """As a table with a column for each channel, sums by einsum."""

    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.eps = eps
        ctx.save_for_backward(x, gamma)
        rows = x.movedim(1, -1)
        table = rows.reshape(-1, rows.shape[-1])
        std = (table.var(0, unbiased=False) + eps).sqrt()
        table = (table - table.mean(0)) / std * gamma + beta
        return table.reshape(rows.shape).movedim(-1, 1).contiguous()

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        rows = x.movedim(1, -1)
        table, g = (t.movedim(1, -1).reshape(-1, len(gamma)) for t in (x, dy))
        m = len(table)
        std = (table.var(0, unbiased=False) + ctx.eps).sqrt()
        x_hat = (table - torch.einsum("mc->c", table) / m) / std
        dgamma, dbeta = torch.einsum("mc,mc->c", g, x_hat), torch.einsum("mc->c", g)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = gamma / (m * std) * (m * g - dbeta - x_hat * dgamma)
            dx = dx.reshape(rows.shape).movedim(-1, 1)
        return dx, dgamma, dbeta, None


RIGHT_WAYS = {
    "statistics kept, and made again for a second derivative": (_StatisticsKept,),
    "the gradient as a function of its own": (_BackwardOfItsOwn,),
    "the forward pass replayed, with setup_context": (_Replayed,),
    "a table of rows and einsum": (_Rows,),
}
