"""5.3 Batch renormalisation: right answers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Right(nn.Module):
    """Right in every step; mistakes replace one."""

    def __init__(self, num_features, eps=1e-5, momentum=0.01):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.r_max, self.d_max = 1.0, 0.0
        self.make_parameters(num_features)
        self.make_buffers(num_features)

    def make_parameters(self, c):
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))

    def make_buffers(self, c):
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_std", torch.ones(c))

    def forward(self, x):
        return self.training_step(x) if self.training else self.evaluation(x)

    def training_step(self, x):
        mean, std = self.batch(x)
        r, d = self.correction(mean, std)
        y = self.output(x, mean, std, r, d)
        self.update(x, mean, std)
        return y

    def evaluation(self, x):
        x_hat = (x - self.shaped(self.running_mean, x)) / self.shaped(self.running_std, x)
        return self.scale_shift(x_hat, x)

    def axes(self, x):
        return [0, *range(2, x.ndim)]

    def batch(self, x):
        """μ_B and σ_B, (C,)."""
        return x.mean(self.axes(x)), self.root(x.var(self.axes(x), correction=0))

    def root(self, var):
        return torch.sqrt(var + self.eps)

    def correction(self, mean, std):
        r, d = self.ratio(mean, std)
        return self.constant_r(self.clip_r(r)), self.constant_d(self.clip_d(d))

    def ratio(self, mean, std):
        return std / self.running_std, (mean - self.running_mean) / self.running_std

    def clip_r(self, r):
        return r.clamp(1 / self.r_max, self.r_max)

    def clip_d(self, d):
        return d.clamp(-self.d_max, self.d_max)

    def constant_r(self, r):
        return r.detach()

    def constant_d(self, d):
        return d.detach()

    def output(self, x, mean, std, r, d):
        x_hat = (x - self.shaped(mean, x)) / self.shaped(std, x)
        return self.scale_shift(x_hat * self.shaped(r, x) + self.shaped(d, x), x)

    def scale_shift(self, x_hat, x):
        return x_hat * self.shaped(self.weight, x) + self.shaped(self.bias, x)

    def shaped(self, t, x):
        return t.reshape(-1, *[1] * (x.ndim - 2))

    def update(self, x, mean, std):
        with torch.no_grad():
            self.blend("running_mean", mean)
            self.blend("running_std", std)

    def blend(self, name, new):
        getattr(self, name).lerp_(new, self.momentum)


class _Functional(nn.Module):
    """PyTorch's batch norm inside; buffers assigned anew, and more of them; no_grad for r and d."""

    def __init__(self, num_features, eps=1e-5, momentum=0.01):
        super().__init__()
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        self.running_std = nn.Buffer(torch.ones(num_features))
        self.running_mean = nn.Buffer(torch.zeros(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.k, self.eps, self.r_max, self.d_max = momentum, eps, 1, 0

    def forward(self, x):
        shape = (1, -1) + (1,) * (x.dim() - 2)
        mean, std = self.running_mean, self.running_std
        if not self.training:
            return F.batch_norm(x, mean, std**2, self.weight, self.bias, False, 0.0, 0.0)
        with torch.no_grad():
            rows = x.movedim(1, -1).flatten(0, -2)
            batch_mean = rows.mean(0)
            batch_std = ((rows - batch_mean).pow(2).mean(0) + self.eps) ** 0.5
            r = torch.clip(batch_std / std, 1 / self.r_max, self.r_max)
            d = torch.clip((batch_mean - mean) / std, -self.d_max, self.d_max)
            self.num_batches_tracked += 1
            self.running_mean = (1 - self.k) * mean + self.k * batch_mean
            self.running_std = (1 - self.k) * std + self.k * batch_std
        y = F.batch_norm(x, None, None, None, None, True, 0.0, self.eps)
        weight, shift = self.weight * r, self.weight * d + self.bias
        return y * weight.view(shape) + shift.view(shape)


class _Renormalise(torch.autograd.Function):
    """The closed form: batch norm's gradient times r."""

    @staticmethod
    def forward(ctx, flat, std, r, d):
        x_hat = (flat - flat.mean((0, 2), keepdim=True)) / std
        ctx.save_for_backward(x_hat, r / std)
        return x_hat * r + d

    @staticmethod
    def backward(ctx, g):
        x_hat, scale = ctx.saved_tensors
        along = (g * x_hat).mean((0, 2), keepdim=True)
        return scale * (g - g.mean((0, 2), keepdim=True) - x_hat * along), None, None, None


class _OwnGradient(Right):
    """An autograd function; minimum and maximum in place of clamp."""

    def training_step(self, x):
        flat = x.reshape(*x.shape[:2], -1)
        mean, std = self.batch(x.detach())
        r, d = self.correction(mean, std)
        y = _Renormalise.apply(flat, *(t[:, None] for t in (std, r, d)))
        self.update(x, mean, std)
        return self.scale_shift(y.reshape(x.shape), x)

    def clip_r(self, r):
        limit = torch.full_like(r, self.r_max)
        return torch.maximum(torch.minimum(r, limit), 1 / limit)


class _InDouble(Right):
    """Everything in float64, rounded at the end; einsum for the statistics."""

    def training_step(self, x):
        return super().training_step(x.double()).to(x.dtype)

    def batch(self, x):
        flat = x.reshape(*x.shape[:2], -1)
        m = flat.shape[0] * flat.shape[2]
        mean = torch.einsum("ncl->c", flat) / m
        centred = flat - mean[:, None]
        return mean, self.root(torch.einsum("ncl,ncl->c", centred, centred) / m)

    def blend(self, name, new):
        old = getattr(self, name)
        old += self.momentum * (new.to(old.dtype) - old)


class _Shifted(Right):
    """The values of the wide limits, as x minus a shift over a scale; a folded eval mode."""

    def output(self, x, mean, std, r, d):
        scale = r / std
        return self.scale_shift(
            (x - self.shaped(mean, x)) * self.shaped(scale, x) + self.shaped(d, x), x
        )

    def evaluation(self, x):
        a = self.weight / self.running_std
        centred = x - self.shaped(self.running_mean, x)
        return torch.addcmul(self.shaped(self.bias, x), centred, self.shaped(a, x))


RIGHT_WAYS = {
    "step by step": (Right,),
    "PyTorch's batch norm inside": (_Functional,),
    "an autograd function": (_OwnGradient,),
    "float64 inside": (_InDouble,),
    "one scale, folded eval": (_Shifted,),
}
