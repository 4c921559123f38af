"""2.1 Forward pass on (N, D)."""

from __future__ import annotations

import numpy as np
import torch

from autograder.spec import Case, Exercise, Mistake, condition_number, entry, returned


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, n, d, scale=1.0, offset=0.0, dtype=np.float64):
        x = (offset + scale * rng.normal(size=(n, d))).astype(dtype)
        gamma, beta = rng.normal(size=d) + 0.5, rng.normal(size=d)
        inputs = dict(x=x, gamma=gamma.astype(dtype), beta=beta.astype(dtype), eps=1e-5)
        return Case(name, inputs, condition_number(x))

    return [
        case("16 samples, 5 features", 16, 5),
        case("a square batch, 6 × 6", 6, 6),
        case("one feature, D = 1", 9, 1),
        case("two samples, m = 2", 2, 4),
        case("small values, std 0.01", 12, 7, scale=1e-2),
        case("large offset, mean 1000", 20, 3, offset=1e3),
        case("float32 input", 33, 8, dtype=np.float32),
    ]


def call(forward, x, gamma, beta, eps):
    y, cache = returned(forward(x, gamma, beta, eps), ("y", "cache"), "forward")
    return {
        "y": y,
        "cache['x_hat']": entry(cache, "x_hat", "cache"),
        "cache['inv_std']": entry(cache, "inv_std", "cache"),
        "cache['gamma']": entry(cache, "gamma", "cache"),
    }


def reference(x, gamma, beta, eps):
    x, gamma, beta = (torch.from_numpy(a).double() for a in (x, gamma, beta))
    y, x_hat = (
        torch.nn.functional.batch_norm(x, None, None, g, b, training=True, eps=eps)
        for g, b in ((gamma, beta), (None, None))
    )
    inv_std = torch.rsqrt(x.var(0, correction=0) + eps)
    return {
        "y": y.numpy(),
        "cache['x_hat']": x_hat.numpy(),
        "cache['inv_std']": inv_std.numpy(),
        "cache['gamma']": gamma.numpy(),
    }


def _variant(mean=None, var=None, inv_std=None, affine=None):
    """A forward pass with one step replaced."""

    def forward(x, gamma, beta, eps=1e-5):
        mu = mean(x) if mean else x.mean(axis=0)
        v = var(x) if var else x.var(axis=0)
        scale = inv_std(v, eps) if inv_std else 1 / np.sqrt(v + eps)
        x_hat = (x - mu) * scale
        y = affine(x_hat, gamma, beta) if affine else gamma * x_hat + beta
        return y, {"x_hat": x_hat, "inv_std": scale, "gamma": gamma}

    return forward


def _in_place(x, gamma, beta, eps=1e-5):
    x -= x.mean(axis=0)
    inv_std = 1 / np.sqrt((x**2).mean(axis=0) + eps)
    x *= inv_std
    return gamma * x + beta, {"x_hat": x, "inv_std": inv_std, "gamma": gamma}


def _per_sample(x, gamma, beta, eps=1e-5):
    mu, v = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    inv_std = 1 / np.sqrt(v + eps)
    x_hat = (x - mu) * inv_std
    return gamma * x_hat + beta, {"x_hat": x_hat, "inv_std": inv_std, "gamma": gamma}


def _cache_of_y(x, gamma, beta, eps=1e-5):
    y, cache = _variant()(x, gamma, beta, eps)
    return y, cache | {"x_hat": y}


def _cache_of_std(x, gamma, beta, eps=1e-5):
    y, cache = _variant()(x, gamma, beta, eps)
    return y, cache | {"inv_std": 1 / cache["inv_std"]}


MISTAKES = (
    Mistake(
        "unbiased variance",
        "The variance is divided by m − 1. The forward pass normalises with the biased variance, divided by m; "
        "the unbiased one is only stored in running_var.",
        (_variant(var=lambda x: x.var(axis=0, ddof=1)),),
    ),
    Mistake(
        "eps missing",
        "eps is missing from the square root: the scale is 1/√σ². It must be 1/√(σ² + eps), which shows when σ is small.",
        (_variant(inv_std=lambda v, eps: 1 / np.sqrt(v)),),
    ),
    Mistake(
        "eps outside the root",
        "eps is added outside the square root: 1/(√σ² + eps). It belongs inside, 1/√(σ² + eps).",
        (_variant(inv_std=lambda v, eps: 1 / (np.sqrt(v) + eps)),),
    ),
    Mistake(
        "divided by the variance",
        "The centred values are divided by the variance. Divide by the standard deviation, the root of σ² + eps.",
        (_variant(inv_std=lambda v, eps: 1 / (v + eps)),),
    ),
    Mistake(
        "wrong axis",
        "The statistics run over the features of each sample (axis 1): that is layer norm. "
        "Batch norm takes one mean and variance per feature, over the batch (axis 0).",
        (_per_sample,),
    ),
    Mistake(
        "one mean for all features",
        "Mean and variance are taken over the whole array. Each feature has its own: use axis=0.",
        (_variant(mean=lambda x: x.mean(), var=lambda x: np.full(x.shape[1], x.var())),),
    ),
    Mistake(
        "mean not subtracted",
        "The mean is not subtracted before the division: x̂ = (x − μ)/√(σ² + eps).",
        (_variant(mean=lambda x: np.zeros(x.shape[1])),),
    ),
    Mistake(
        "beta before gamma",
        "β is added before the multiplication by γ. The order is y = γ·x̂ + β.",
        (_variant(affine=lambda x_hat, gamma, beta: gamma * (x_hat + beta)),),
    ),
    Mistake(
        "gamma and beta ignored",
        "y equals x̂: γ and β are not applied. Return y = γ·x̂ + β.",
        (_variant(affine=lambda x_hat, gamma, beta: x_hat),),
    ),
    Mistake(
        "y cached as x_hat",
        "cache['x_hat'] holds y. The backward pass needs the normalised values before γ and β.",
        (_cache_of_y,),
    ),
    Mistake(
        "standard deviation cached",
        "cache['inv_std'] holds √(σ² + eps). Store what x − μ is multiplied by: 1/√(σ² + eps).",
        (_cache_of_std,),
    ),
    Mistake(
        "input changed in place",
        "x itself was normalised (x -= … works in place). The caller still needs its input: build a new array.",
        (_in_place,),
    ),
)


def _float32(x, gamma, beta, eps=1e-5):
    x, gamma, beta = (np.asarray(a, np.float32) for a in (x, gamma, beta))
    y, cache = _variant()(x, gamma, beta, np.float32(eps))
    return y, cache


def _einsum(x, gamma, beta, eps=1e-5):
    m = x.shape[0]
    centred = x - np.einsum("nd->d", x) / m
    inv_std = (np.einsum("nd,nd->d", centred, centred) / m + eps) ** -0.5
    x_hat = np.einsum("nd,d->nd", centred, inv_std)
    return np.einsum("nd,d->nd", x_hat, gamma) + beta, dict(
        x_hat=x_hat, inv_std=inv_std, gamma=gamma
    )


def _features_first(x, gamma, beta, eps=1e-5):
    t = np.ascontiguousarray(x.T)
    centred = t - t.mean(axis=1, keepdims=True)
    inv_std = 1 / np.sqrt(np.square(centred).mean(axis=1) + eps)
    x_hat = centred * inv_std[:, None]
    return (x_hat * gamma[:, None] + beta[:, None]).T, dict(
        x_hat=x_hat.T, inv_std=inv_std, gamma=gamma
    )


def _scratch(x, gamma, beta, eps=1e-5):
    x_hat = np.array(x, dtype=np.float64)
    x_hat -= x_hat.mean(axis=0)
    inv_std = 1 / np.sqrt((x_hat * x_hat).mean(axis=0) + eps)
    x_hat *= inv_std
    y = x_hat * gamma
    y += beta
    return y, dict(x_hat=x_hat, inv_std=inv_std, gamma=gamma, x=x)


def _loops(x, gamma, beta, eps=1e-5):
    n, d = x.shape
    y, x_hat, inv_std = np.empty((n, d)), np.empty((n, d)), np.empty(d)
    for j in range(d):
        mean = sum(float(v) for v in x[:, j]) / n
        var = sum((float(v) - mean) ** 2 for v in x[:, j]) / n
        inv_std[j] = 1 / (var + eps) ** 0.5
        for i in range(n):
            x_hat[i, j] = (x[i, j] - mean) * inv_std[j]
            y[i, j] = gamma[j] * x_hat[i, j] + beta[j]
    return y, dict(x_hat=x_hat, inv_std=inv_std, gamma=gamma)


EXERCISE = Exercise(
    id="2.1",
    title="Forward pass",
    answers=("forward",),
    shows="y, cache = forward(x, gamma, beta, eps)",
    minutes=15,
    difficulty="gentle",
    points=4,
    read="Chapter 2.1, section “The forward pass”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways={
        "float32 throughout": (_float32,),
        "einsum": (_einsum,),
        "features first, transposed": (_features_first,),
        "in-place scratch": (_scratch,),
        "plain loops": (_loops,),
    },
)
