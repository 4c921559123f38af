"""10.1 The gated norm: right answers."""

from __future__ import annotations

import torch


class Right:
    """Right in every step; mistakes replace one."""

    def __call__(self, x, running_mean, running_var, gate, weight, bias, eps=1e-5):
        self.eps = eps
        own_mean, own_var = self.own(x)
        mean, var = self.shaped(running_mean, x), self.shaped(running_var, x)
        x_hat = self.normalised(x, self.gate(self.shaped(gate, x)), own_mean, own_var, mean, var)
        return self.shaped(weight, x) * x_hat + self.shaped(bias, x)

    def own(self, x):
        """Mean and biased variance of each sample's channels, (N, C, 1, …)."""
        axes = self.axes(x)
        return x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)

    def axes(self, x):
        return tuple(range(2, x.ndim))

    def shaped(self, t, x):
        return t.reshape(-1, *[1] * (x.ndim - 2))

    def gate(self, g):
        return g

    def normalised(self, x, g, own_mean, own_var, mean, var):
        centre = self.centre(g, own_mean, mean)
        return (x - centre) / self.root(self.spread(g, own_var, var, own_mean - mean))

    def centre(self, g, own_mean, mean):
        return g * own_mean + (1 - g) * mean

    def spread(self, g, own_var, var, apart):
        return g * own_var + (1 - g) * var + g * (1 - g) * apart**2

    def root(self, var):
        return torch.sqrt(var + self.eps)


def _by_moments(x, running_mean, running_var, gate, weight, bias, eps=1e-5):
    """The pool as a mean of squared distances from its own mean."""
    rows = x.flatten(2)  # (N, C, HW)
    column = [t.unsqueeze(1) for t in (running_mean, running_var, gate, weight, bias)]
    mean, var, g, gamma, beta = column
    centre = torch.lerp(mean, rows.mean(2, keepdim=True), g)
    own = (rows - centre).square().mean(2, keepdim=True)
    pooled = torch.lerp(var + (mean - centre).square(), own, g)
    y = torch.addcmul(beta, gamma, (rows - centre) * torch.rsqrt(pooled + eps))
    return y.view_as(x)


def _in_loops(x, running_mean, running_var, gate, weight, bias, eps=1e-5):
    """One sample and one channel at a time."""
    samples = []
    for sample in x:
        channels = []
        for c, values in enumerate(sample):
            g, own = gate[c], values.mean()
            centre = g * own + (1 - g) * running_mean[c]
            var = g * ((values - own) ** 2).mean() + (1 - g) * running_var[c]
            var = var + g * (1 - g) * (own - running_mean[c]) ** 2
            channels.append(weight[c] * (values - centre) / (var + eps) ** 0.5 + bias[c])
        samples.append(torch.stack(channels))
    return torch.stack(samples)


def _channels_last(x, running_mean, running_var, gate, weight, bias, eps=1e-5):
    """Channels last, folded into one factor and one summand per sample and channel."""
    last = x.movedim(1, -1)
    axes = tuple(range(1, x.ndim - 1))
    own_var, own_mean = torch.var_mean(last, axes, correction=0)  # (N, C)
    rest = 1 - gate
    centre = gate * own_mean + rest * running_mean
    var = gate * own_var + rest * running_var + gate * rest * (running_mean - own_mean).pow(2)
    factor = weight / (var + eps).sqrt()
    view = (len(x), *[1] * len(axes), -1)
    y = factor.view(view) * (last - centre.view(view)) + bias
    return y.movedim(-1, 1)


RIGHT_WAYS = {
    "step by step": (Right(),),
    "by distances from the pool's mean": (_by_moments,),
    "loops over samples and channels": (_in_loops,),
    "channels last": (_channels_last,),
}
