"""2.6 A layer in a network: right answers."""

from __future__ import annotations

import numpy as np


class Right:
    """Right in every step; mistakes and other right ways replace one."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.eps, self.momentum, self.training = eps, momentum, True

    def statistics(self, x):
        """The mean and the variance to normalise with."""
        if not self.training:
            return self.running_mean, self.running_var
        mean, var = x.mean(axis=0), x.var(axis=0)
        self.update(mean, var * len(x) / (len(x) - 1))
        return mean, var

    def update(self, mean, var):
        self.running_mean = self.blend(self.running_mean, mean)
        self.running_var = self.blend(self.running_var, var)

    def blend(self, old, new):
        return (1 - self.momentum) * old + self.momentum * new

    def forward(self, x):
        mean, var = self.statistics(x)
        self.inv_std = 1 / np.sqrt(var + self.eps)
        self.x_hat = (x - mean) * self.inv_std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dy):
        self.dgamma, self.dbeta = (dy * self.x_hat).sum(axis=0), dy.sum(axis=0)
        return self.dx(dy, len(dy))

    def dx(self, dy, m):
        return self.gamma * self.inv_std * (dy - self.dbeta / m - self.x_hat * self.dgamma / m)

    def parameters(self):
        return [(self.gamma, self.dgamma), (self.beta, self.dbeta)]


class _Float32(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, np.float32(eps), np.float32(momentum))
        for name in ("gamma", "beta", "running_mean", "running_var"):
            setattr(self, name, getattr(self, name).astype(np.float32))

    def update(self, mean, var):
        super().update(mean, var.astype(np.float32))

    def forward(self, x):
        return super().forward(x.astype(np.float32))

    def backward(self, dy):
        return super().backward(dy.astype(np.float32))


class _Buffers:
    """All arrays made once and changed in place; einsum; parameters listed once, β first."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        arrays = np.zeros((6, num_features))
        self.gamma, self.beta, self.dgamma, self.dbeta = arrays[:4]
        self.running_mean, self.running_var = arrays[4:]
        self.gamma[...] = self.running_var[...] = 1
        self.eps, self.momentum, self.training = eps, momentum, True
        self.pairs = ((self.beta, self.dbeta), (self.gamma, self.dgamma))

    def forward(self, x):
        if self.training:
            m, mean = len(x), np.einsum("nd->d", x) / len(x)
            centred = x - mean
            squares = np.einsum("nd,nd->d", centred, centred)
            self.running_mean += self.momentum * (mean - self.running_mean)
            self.running_var += self.momentum * (squares / (m - 1) - self.running_var)
            self.inv_std = (squares / m + self.eps) ** -0.5
        else:
            centred, self.inv_std = x - self.running_mean, (self.running_var + self.eps) ** -0.5
        self.x_hat = centred * self.inv_std
        return np.einsum("nd,d->nd", self.x_hat, self.gamma) + self.beta

    def backward(self, dy):
        self.dgamma[...] = np.einsum("nd,nd->d", dy, self.x_hat)
        self.dbeta[...] = np.einsum("nd->d", dy)
        dx_hat = dy * self.gamma
        along = np.einsum("nd,nd->d", dx_hat, self.x_hat) / len(dy)
        return (dx_hat - dx_hat.mean(axis=0) - self.x_hat * along) * self.inv_std

    def parameters(self):
        return self.pairs


class _Stages(Right):
    """Keeps x, and goes back through every stage: variance, centred values, mean."""

    def forward(self, x):
        self.x, (self.mean, self.var) = x, self.statistics(x)
        y = (x - self.mean) / np.sqrt(self.var + self.eps)
        y *= self.gamma
        y += self.beta
        return y

    def backward(self, dy):
        m, root = dy.shape[0], np.sqrt(self.var + self.eps)
        centred = self.x - self.mean
        self.dbeta = dy.sum(axis=0)
        self.dgamma = (dy * centred / root).sum(axis=0)
        dx_hat = dy * self.gamma
        dvar = (dx_hat * centred).sum(axis=0) * -0.5 / root**3
        dmean = -dx_hat.sum(axis=0) / root - 2 * dvar * centred.mean(axis=0)
        return dx_hat / root + 2 * dvar * centred / m + dmean / m


class _FoldedEval(Right):
    """One affine map in eval mode; features first in training; a dict for the cache."""

    def forward(self, x):
        if not self.training:
            a = self.gamma / np.sqrt(self.running_var + self.eps)
            return x * a + (self.beta - a * self.running_mean)
        mean, var = self.statistics(x)
        t = (x.T - mean[:, None]) / np.sqrt(var + self.eps)[:, None]
        self.cache = {"x_hat": t, "inv_std": 1 / np.sqrt(var + self.eps)}
        return (t * self.gamma[:, None] + self.beta[:, None]).T

    def backward(self, dy):
        self.x_hat, self.inv_std = self.cache["x_hat"].T, self.cache["inv_std"]
        return super().backward(dy)


RIGHT_WAYS = {
    "float32 throughout": (_Float32,),
    "buffers in place, einsum": (_Buffers,),
    "stage by stage": (_Stages,),
    "folded eval, features first": (_FoldedEval,),
}
