"""10.2 A layer whose gates learn: right answers."""

from __future__ import annotations

import math

import torch
from torch import nn


class Right(nn.Module):
    """Right in every step; mistakes replace one."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, gate=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.make_parameters(num_features, gate)
        self.make_buffers(num_features)

    def make_parameters(self, c, gate):
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        self.gate_logit = nn.Parameter(torch.full((c,), self.logit(gate)))

    def logit(self, gate):
        return math.log(gate / (1 - gate))

    def make_buffers(self, c):
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))

    def forward(self, x):
        mean, var = self.common(x)
        y = self.output(x, mean, var)
        if self.training:
            self.update(x, mean, var)
        return y

    def common(self, x):
        """What all samples share: the batch's statistics in training, the running ones else."""
        if self.training:
            return self.batch(x)
        return self.running_mean, self.running_var

    def batch(self, x):
        return x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)

    def output(self, x, mean, var):
        own_mean, own_var = self.own(x)
        g = self.share()
        centre = g * own_mean + (1 - g) * mean
        pooled = g * own_var + (1 - g) * var + self.distance(g, own_mean - mean)
        x_hat = (x - centre[..., None, None]) / torch.sqrt(pooled + self.eps)[..., None, None]
        return self.weight[:, None, None] * x_hat + self.bias[:, None, None]

    def own(self, x):
        return x.mean((2, 3)), x.var((2, 3), correction=0)

    def share(self):
        return self.gate_logit.sigmoid()

    def distance(self, g, apart):
        return g * (1 - g) * apart.square()

    def update(self, x, mean, var):
        m = x.numel() / x.shape[1]
        with torch.no_grad():
            self.blend("running_mean", mean)
            self.blend("running_var", self.stored(var, m))

    def stored(self, var, m):
        return var * m / (m - 1)

    def blend(self, name, new):
        running = getattr(self, name)
        running.copy_((1 - self.momentum) * running + self.momentum * new)


class _Rows(nn.Module):
    """Moments about the common mean; new detached tensors in place of the old buffers."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, gate=0.1):
        super().__init__()
        self.gate_logit = nn.Parameter(torch.logit(torch.full([num_features], float(gate))))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.running_var = nn.Buffer(torch.ones(num_features))
        self.running_mean = nn.Buffer(torch.zeros(num_features))
        self.eps, self.momentum = eps, momentum

    def forward(self, x):
        rows = x.flatten(2)
        mean, var = self.running_mean, self.running_var
        if self.training:
            flat = rows.transpose(0, 1).flatten(1)
            mean, var = flat.mean(1), flat.var(1, unbiased=False)
            old = self.running_mean, self.running_var
            new = mean.detach(), flat.detach().var(1)
            moved = [a + self.momentum * (b - a) for a, b in zip(old, new, strict=True)]
            self.running_mean, self.running_var = moved
        g = 1 / (1 + torch.exp(-self.gate_logit))
        apart = rows - mean[:, None]
        first = g * apart.mean(2)
        second = g * apart.square().mean(2) + (1 - g) * var
        scale = self.weight * torch.rsqrt(second - first.square() + self.eps)
        y = scale[..., None] * (apart - first[..., None]) + self.bias[:, None]
        return y.reshape(x.shape)


class _Lerped(Right):
    """Lerp everywhere, the variances from `var_mean`."""

    def batch(self, x):
        var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        return mean, var

    def output(self, x, mean, var):
        own_var, own_mean = torch.var_mean(x, (2, 3), correction=0)
        g = torch.sigmoid(self.gate_logit)
        centre = torch.lerp(mean.expand_as(own_mean), own_mean, g)
        pooled = torch.lerp(var.expand_as(own_var), own_var, g)
        pooled = pooled + g * (1 - g) * (mean - own_mean) ** 2
        factor = self.weight / (pooled + self.eps).sqrt()
        away = x - centre.view(*centre.shape, 1, 1)
        return torch.addcmul(self.bias.view(-1, 1, 1), away, factor.view(*factor.shape, 1, 1))

    def update(self, x, mean, var):
        m = x.shape[0] * x.shape[2] * x.shape[3]
        self.running_mean.data.lerp_(mean.data, self.momentum)
        self.running_var.data.lerp_(var.data * (m / (m - 1)), self.momentum)


RIGHT_WAYS = {
    "step by step": (Right,),
    "moments about the common mean": (_Rows,),
    "lerp": (_Lerped,),
}
