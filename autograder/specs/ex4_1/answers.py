"""4.1 A module like PyTorch's: right answers."""

from __future__ import annotations

import torch
from torch import nn


class Right(nn.Module):
    """Right in every step; mistakes replace one."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.make_parameters(num_features)
        self.make_buffers(num_features)

    def make_parameters(self, c):
        self.weight = nn.Parameter(torch.ones(c)) if self.affine else None
        self.bias = nn.Parameter(torch.zeros(c)) if self.affine else None

    def make_buffers(self, c):
        tracked = self.track_running_stats
        self.register_buffer("running_mean", torch.zeros(c) if tracked else None)
        self.register_buffer("running_var", torch.ones(c) if tracked else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if tracked else None)

    def forward(self, x):
        m = x.numel() // x.shape[1]
        if self.uses_batch():
            self.refuse(x, m)
            mean, var = self.batch(x)
            if self.moves():
                with torch.no_grad():
                    self.track(mean, self.stored(var, m))
        else:
            mean, var = self.running_mean, self.running_var
        return self.output(x, mean, var)

    def uses_batch(self):
        return self.training or self.running_mean is None

    def moves(self):
        return self.training and self.running_mean is not None

    def refuse(self, x, m):
        if m < 2:
            raise ValueError(f"one value per channel: {tuple(x.shape)}")

    def axes(self, x):
        return [0, *range(2, x.ndim)]

    def batch(self, x):
        """Mean and biased variance, (C,)."""
        return x.mean(self.axes(x)), x.var(self.axes(x), correction=0)

    def stored(self, var, m):
        return var * m / (m - 1)

    def track(self, mean, var):
        self.count()
        share = self.share()
        self.blend("running_mean", mean, share)
        self.blend("running_var", var, share)

    def count(self):
        self.num_batches_tracked += 1

    def share(self):
        """Of the new batch."""
        return 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum

    def blend(self, name, new, share):
        running = getattr(self, name)
        running.copy_((1 - share) * running + share * new)

    def shaped(self, t, x):
        return t.reshape(-1, *[1] * (x.ndim - 2))

    def inv_std(self, var):
        return 1 / torch.sqrt(var + self.eps)

    def output(self, x, mean, var):
        y = (x - self.shaped(mean, x)) * self.shaped(self.inv_std(var), x)
        return y if self.weight is None else self.scale_shift(y, x)

    def scale_shift(self, y, x):
        return y * self.shaped(self.weight, x) + self.shaped(self.bias, x)


class _Reassigned(nn.Module):
    """`nn.Buffer`, registered in another order; new detached tensors in place of old ones."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        if track_running_stats:
            self.num_batches_tracked = nn.Buffer(torch.zeros((), dtype=torch.int64))
            self.running_var = nn.Buffer(torch.ones(num_features))
            self.running_mean = nn.Buffer(torch.zeros(num_features))
        if affine:
            self.bias = nn.Parameter(torch.zeros(num_features))
            self.weight = nn.Parameter(torch.ones(num_features))

    def forward(self, x):
        axes, tracked = (0, *range(2, x.dim())), hasattr(self, "running_mean")
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        if self.training or not tracked:
            m = x[:, 0].numel()
            if m == 1:
                raise ValueError("more than one value per channel is needed")
            mean, var = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
        if self.training and tracked:
            self.num_batches_tracked = self.num_batches_tracked + 1
            k = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked
            new_mean, new_var = mean.detach().flatten(), var.detach().flatten() * m / (m - 1)
            self.running_mean = (1 - k) * self.running_mean + k * new_mean
            self.running_var = (1 - k) * self.running_var + k * new_var
        elif tracked:
            mean, var = self.running_mean.view(shape), self.running_var.view(shape)
        y = (x - mean) / (var + self.eps) ** 0.5
        if hasattr(self, "weight"):
            y = self.weight.view(shape) * y + self.bias.view(shape)
        return y


class _Rows(Right):
    """Channels last, one table of rows; lerp_ on the buffers' data; a folded eval mode."""

    def forward(self, x):
        c, rest = x.shape[1], x.shape[2:]
        rows = x.movedim(1, -1).reshape(-1, c)
        if self.uses_batch():
            if len(rows) < 2:
                raise ValueError("a batch of one")
            var, mean = torch.var_mean(rows, 0, correction=0)
            if self.moves():
                self.num_batches_tracked.add_(1)
                share = self.share()
                self.running_mean.data.lerp_(mean.data, share)
                self.running_var.data.lerp_(rows.data.var(0), share)
            rows = (rows - mean) / (var + self.eps).sqrt()
            if self.affine:
                rows = torch.addcmul(self.bias, rows, self.weight)
        else:
            a = torch.rsqrt(self.running_var + self.eps)
            a = a if self.weight is None else a * self.weight
            b = -self.running_mean * a
            rows = rows * a + (b if self.bias is None else b + self.bias)
        return rows.reshape(len(x), *rest, c).movedim(-1, 1)


class _Normalised(torch.autograd.Function):
    """The closed form of the gradient."""

    @staticmethod
    def forward(ctx, flat, eps):
        mean = flat.mean((0, 2), keepdim=True)
        inv_std = ((flat - mean).square().mean((0, 2), keepdim=True) + eps).rsqrt()
        x_hat = (flat - mean) * inv_std
        ctx.save_for_backward(x_hat, inv_std)
        return x_hat

    @staticmethod
    def backward(ctx, d):
        x_hat, inv_std = ctx.saved_tensors
        along = (d * x_hat).mean((0, 2), keepdim=True)
        return inv_std * (d - d.mean((0, 2), keepdim=True) - x_hat * along), None


class _OwnGradient(Right):
    """An autograd function for the training step, einsum for the statistics that are kept."""

    def forward(self, x):
        flat = x.reshape(*x.shape[:2], -1)
        m = flat.shape[0] * flat.shape[2]
        if not self.uses_batch():
            return super().forward(x)
        self.refuse(x, m)
        if self.moves():
            with torch.no_grad():
                mean = torch.einsum("ncl->c", flat) / m
                centred = flat - mean[:, None]
                self.track(mean, torch.einsum("ncl,ncl->c", centred, centred) / (m - 1))
        y = _Normalised.apply(flat, self.eps)
        if self.affine:
            y = torch.einsum("ncl,c->ncl", y, self.weight) + self.bias[None, :, None]
        return y.reshape(x.shape)


class _InDouble(Right):
    """Everything in float64, rounded at the end; the counter told in the momentum's place."""

    def batch(self, x):
        return super().batch(x.double())

    def output(self, x, mean, var):
        return super().output(x.double(), mean, var).to(x.dtype)

    def count(self):
        self.num_batches_tracked.fill_(self.num_batches_tracked + 1)

    def blend(self, name, new, share):
        running = getattr(self, name)
        running += share * (new.to(running.dtype) - running)


RIGHT_WAYS = {
    "step by step": (Right,),
    "nn.Buffer, detached and assigned anew": (_Reassigned,),
    "one table of rows, folded eval": (_Rows,),
    "an autograd function and einsum": (_OwnGradient,),
    "float64 inside": (_InDouble,),
}
