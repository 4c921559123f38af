"""6.5 Batch norm on many workers: right answers."""

from __future__ import annotations

import numpy as np


def axes_of(x):
    return (0, *range(2, x.ndim))


def values(x):
    """Per channel."""
    return x.size // x.shape[1]


def wide(s, x):
    """(C,) against x."""
    return s.reshape(-1, *[1] * (x.ndim - 2))


class Right:
    """Right in every step; mistakes replace one. An object stands for one pair of answers."""

    def forward(self, x, gamma, beta, running_mean, running_var, momentum, eps, all_reduce):
        m, mean, var = self.statistics(x, all_reduce)
        inv_std = self.inv_std(var, eps)
        x_hat = (x - wide(mean, x)) * wide(inv_std, x)
        y = wide(gamma, x) * x_hat + wide(beta, x)
        new_mean = self.blend(running_mean, self.kept_mean(x, mean), momentum)
        new_var = self.blend(running_var, self.kept_var(x, var, m), momentum)
        return y, new_mean, new_var, (x_hat, inv_std, gamma, m)

    def backward(self, dy, cache, all_reduce):
        x_hat, inv_std, gamma, m = cache
        dbeta, dgamma = dy.sum(axes_of(dy)), (dy * x_hat).sum(axes_of(dy))
        sum_dy, sum_dy_x_hat = self.reduced(dbeta, dgamma, all_reduce)
        mean_dy, mean_dy_x_hat = (wide(s / self.share(m, dy), dy) for s in (sum_dy, sum_dy_x_hat))
        dx = wide(gamma * inv_std, dy) * self.centred(dy, x_hat, mean_dy, mean_dy_x_hat)
        return dx, *self.of_parameters(dgamma, dbeta, all_reduce)

    def statistics(self, x, all_reduce):
        """m of all workers; mean and biased variance of their values, (C,)."""
        m = all_reduce(values(x))
        mean = all_reduce(x.sum(axes_of(x))) / m
        return m, mean, all_reduce(((x - wide(mean, x)) ** 2).sum(axes_of(x))) / m

    def inv_std(self, var, eps):
        return 1 / np.sqrt(var + eps)

    def kept_mean(self, x, mean):
        return mean

    def kept_var(self, x, var, m):
        return var * m / (m - 1)

    def blend(self, old, new, momentum):
        return (1 - momentum) * old + momentum * new

    def reduced(self, sum_dy, sum_dy_x_hat, all_reduce):
        return all_reduce(np.stack([sum_dy, sum_dy_x_hat]))

    def share(self, m, dy):
        return m

    def centred(self, dy, x_hat, mean_dy, mean_dy_x_hat):
        return dy - mean_dy - x_hat * mean_dy_x_hat

    def of_parameters(self, dgamma, dbeta, all_reduce):
        return dgamma, dbeta


def pair(kind=Right, **methods):
    """The two answers of a variant."""
    made = type("Variant", (kind,), methods)()
    return made.forward, made.backward


class _Merged(Right):
    """Each worker's own mean and squares, merged by the formula of Chan, Golub and LeVeque."""

    def statistics(self, x, all_reduce):
        n, c = values(x), x.shape[1]
        mine = np.zeros(c) if n == 0 else x.mean(axes_of(x), dtype=float)
        squares = ((x - wide(mine, x)) ** 2).sum(axes_of(x))
        m, *weighted = np.split(all_reduce(np.concatenate([[n], n * mine])), [1])
        mean = weighted[0] / m
        return m[0], mean, all_reduce(squares + n * (mine - mean) ** 2) / m


class _InDouble(Right):
    """One call: sums and sums of squares, in float64, less a shift that all workers know."""

    def forward(self, x, gamma, beta, running_mean, running_var, momentum, eps, all_reduce):
        self.known = running_mean
        return super().forward(x, gamma, beta, running_mean, running_var, momentum, eps, all_reduce)

    def statistics(self, x, all_reduce):
        shifted = x.astype(float) - wide(self.known, x)
        sums = np.full((3, x.shape[1]), float(values(x)))
        sums[1], sums[2] = shifted.sum(axes_of(x)), (shifted**2).sum(axes_of(x))
        m, first, second = all_reduce(sums)
        return m, first / m + self.known, second / m - (first / m) ** 2


def _rows_forward(x, gamma, beta, running_mean, running_var, momentum, eps, all_reduce):
    """Channels last, one table of rows; a dict as cache."""
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    total = all_reduce(np.append(rows.sum(0, dtype=float), len(rows)))
    m = total[-1]
    mean = total[:-1] / m
    squares = all_reduce(np.einsum("mc,mc->c", rows - mean, rows - mean))
    std = np.sqrt(squares / m + eps)
    cache = dict(x_hat=(x - wide(mean, x)) / wide(std, x), scale=gamma / std)
    y = gamma * (rows - mean) / std + beta
    shape = x.shape[0], *x.shape[2:], x.shape[1]
    new_mean = running_mean + momentum * (mean - running_mean)
    new_var = running_var + momentum * (squares / (m - 1) - running_var)
    return np.moveaxis(y.reshape(shape), -1, 1), new_mean, new_var, cache


def _rows_backward(dy, cache, all_reduce):
    """Counts once more, and calls for each sum by itself."""
    x_hat, axes = cache["x_hat"], axes_of(dy)
    m = all_reduce(values(dy))
    mean_dy = all_reduce(dy.sum(axes)) / m
    along = all_reduce((dy * x_hat).sum(axes)) / m
    dx = wide(cache["scale"], dy) * (dy - wide(mean_dy, dy) - wide(along, dy) * x_hat)
    return [dx, np.add.reduce(dy * x_hat, axes), dy.sum(axes)]


def _each_step_forward(x, gamma, beta, running_mean, running_var, momentum, eps, all_reduce):
    """Keeps x and the statistics; lists in place of arrays."""
    sums = [float(values(x))] + [float(x[:, c].sum(dtype=float)) for c in range(x.shape[1])]
    m, *sums = all_reduce(sums)
    mean = [s / m for s in sums]
    squares = [np.square(x[:, c] - mean[c]).sum() for c in range(x.shape[1])]
    var = np.divide(all_reduce(squares), m)
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        y[:, c] = gamma[c] * (x[:, c] - mean[c]) / np.sqrt(var[c] + eps) + beta[c]
    new_mean = momentum * np.array(mean) + (1 - momentum) * running_mean
    new_var = momentum * var / (1 - 1 / m) + (1 - momentum) * running_var
    return [y, new_mean, new_var, (x, np.array(mean), var + eps, gamma, m)]


def _each_step_backward(dy, cache, all_reduce):
    """Step by step through variance and mean, as autograd goes."""
    x, mean, var_eps, gamma, m = cache
    centred, dx_hat = x - wide(mean, x), wide(gamma, x) * dy
    inv_std = var_eps**-0.5
    dvar = all_reduce((dx_hat * centred).sum(axes_of(x))) * -0.5 * inv_std**3
    dmean = all_reduce(dx_hat.sum(axes_of(x))) * -inv_std
    dx = dx_hat * wide(inv_std, x) + wide(dvar, x) * 2 * centred / m + wide(dmean, x) / m
    dgamma = (dy * centred).sum(axes_of(x)) * inv_std
    return dx, dgamma, dy.sum(axes_of(x))


RIGHT_WAYS = {
    "own mean and squares, merged": pair(_Merged),
    "one call in float64, less a shift known to all": pair(_InDouble),
    "one table of rows, sums one by one": (_rows_forward, _rows_backward),
    "channel by channel, step by step through the graph": (_each_step_forward, _each_step_backward),
}
