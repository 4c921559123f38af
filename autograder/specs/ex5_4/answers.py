"""5.4 Ghost batch norm: right answers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Right(nn.Module):
    """Right in every step; mistakes replace one."""

    def __init__(self, num_features, group, eps=1e-5, momentum=0.1):
        super().__init__()
        self.group, self.eps, self.momentum = group, eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.make_buffers(num_features)

    def make_buffers(self, c):
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))

    def forward(self, x):
        return self.training_step(x) if self.training else self.evaluation(x)

    def training_step(self, x):
        parts = self.parts(x)
        statistics = [self.statistics(part) for part in parts]
        pairs = zip(parts, statistics, strict=True)
        y = self.joined([self.normalised(part, *both) for part, both in pairs], x)
        self.update(x, parts, statistics)
        return self.scale_shift(y)

    def evaluation(self, x):
        return self.scale_shift(self.normalised(x, self.running_mean, self.running_var))

    def sizes(self, n):
        """The samples left over join the last group."""
        whole = max(n // self.group, 1)
        return [self.group] * (whole - 1) + [n - self.group * (whole - 1)]

    def parts(self, x):
        return x.split(self.sizes(len(x)))

    def joined(self, parts, x):
        return torch.cat(parts)

    def axes(self, x):
        return [0, *range(2, x.ndim)]

    def statistics(self, part):
        """Mean and biased variance of a group, (C,)."""
        return part.mean(self.axes(part)), part.var(self.axes(part), correction=0)

    def normalised(self, part, mean, var):
        return (part - self.shaped(mean, part)) / self.shaped((var + self.eps).sqrt(), part)

    def scale_shift(self, x_hat):
        return x_hat * self.shaped(self.weight, x_hat) + self.shaped(self.bias, x_hat)

    def shaped(self, t, x):
        return t.reshape(-1, *[1] * (x.ndim - 2))

    def update(self, x, parts, statistics):
        with torch.no_grad():
            weights = self.weights(parts)
            unbiased = [self.unbiased(p, v) for p, (_, v) in zip(parts, statistics, strict=True)]
            self.move([mean for mean, _ in statistics], unbiased, weights)

    def weights(self, parts):
        n = sum(len(part) for part in parts)
        return [len(part) / n for part in parts]

    def unbiased(self, part, var):
        m = part.numel() // part.shape[1]
        return var * m / (m - 1)

    def move(self, means, variances, weights):
        self.blend("running_mean", sum(w * v for w, v in zip(weights, means, strict=True)))
        self.blend("running_var", sum(w * v for w, v in zip(weights, variances, strict=True)))

    def blend(self, name, new):
        getattr(self, name).lerp_(new, self.momentum)


class _OnPyTorch(nn.BatchNorm2d):
    """PyTorch's batch norm: its state, its eval mode, and its function for each group."""

    def __init__(self, num_features, group, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps=eps, momentum=momentum)
        self.group = group

    def _check_input_dim(self, x):
        pass

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        ends = list(range(self.group, len(x) - self.group + 1, self.group))
        groups, mean, var = torch.tensor_split(x, ends), 0, 0
        outputs = []
        for values in groups:
            its_mean, its_var = torch.zeros_like(self.running_mean), torch.ones_like(self.bias.data)
            y = F.batch_norm(values, its_mean, its_var, self.weight, self.bias, True, 1, self.eps)
            outputs.append(y)
            mean, var = mean + len(values) * its_mean, var + len(values) * its_var
        k = self.momentum
        self.running_mean = (1 - k) * self.running_mean + k * mean / len(x)
        self.running_var = (1 - k) * self.running_var + k * var / len(x)
        return torch.cat(outputs, 0)


class _InPlace(Right):
    """Fills an output group by group; the mean of the whole batch; float64 inside."""

    def training_step(self, x):
        y, within, start = torch.empty_like(x), 0, 0
        for size in self.sizes(len(x)):
            here = slice(start, start + size)
            values = x[here].double().transpose(0, 1).flatten(1)
            var, mean = torch.var_mean(values, 1, correction=0, keepdim=True)
            z = (values - mean) * (var + self.eps).rsqrt()
            z = z.reshape(x.shape[1], size, *x.shape[2:]).transpose(0, 1)
            y[here] = z.to(x.dtype)
            with torch.no_grad():
                within = within + size / len(x) * values.var(1)
            start += size
        with torch.no_grad():
            self.blend("running_mean", x.double().mean(self.axes(x)).to(x.dtype))
            self.blend("running_var", within.to(x.dtype))
        return self.scale_shift(y)


class _Membership(Right):
    """No loop: a table of which sample belongs to which group, and einsum."""

    def training_step(self, x):
        n = len(x)
        groups = max(n // self.group, 1)
        of = torch.clamp(torch.arange(n) // self.group, max=groups - 1)
        member = F.one_hot(of, groups).to(x.dtype)
        flat = x.reshape(n, x.shape[1], -1)
        count = member.sum(0) * flat.shape[2]
        mean = torch.einsum("ng,ncl->gc", member, flat) / count[:, None]
        centred = flat - mean[of][..., None]
        squares = torch.einsum("ng,ncl,ncl->gc", member, centred, centred)
        y = centred / torch.sqrt(squares / count[:, None] + self.eps)[of][..., None]
        share = count.detach() / count.sum()
        self.blend("running_mean", share @ mean.detach())
        self.blend("running_var", share @ (squares.detach() / (count - 1)[:, None]))
        return self.scale_shift(y.reshape(x.shape))


RIGHT_WAYS = {
    "group by group": (Right,),
    "built on PyTorch's batch norm": (_OnPyTorch,),
    "an output that is filled": (_InPlace,),
    "a table of members and einsum": (_Membership,),
}
