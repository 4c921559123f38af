"""2.3 Backward pass: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

from autograder.spec import Mistake
from autograder.specs.ex2_3.answers import right


def _dx(formula):
    """A backward pass with another dx: formula(dy, x_hat, inv_std, gamma)."""

    def backward(dy, cache):
        dx = formula(dy, cache["x_hat"], cache["inv_std"], cache["gamma"])
        return dx, *right(dy, cache)[1:]

    return (backward,)


def _sums(formula):
    """A backward pass with other sums: formula(dy, x_hat, gamma) gives dgamma, dbeta."""

    def backward(dy, cache):
        return right(dy, cache)[0], *formula(dy, cache["x_hat"], cache["gamma"])

    return (backward,)


def _divided_by(m):
    def formula(dy, x_hat, inv_std, gamma):
        sums = dy.sum(axis=0) + x_hat * (dy * x_hat).sum(axis=0)
        return gamma * inv_std * (dy - sums / m(dy))

    return _dx(formula)


def centre(a, axis=0):
    return a - a.mean(axis=axis, keepdims=True)


def _dx_over_features(dy, x_hat, inv_std, gamma):
    return gamma * inv_std * (centre(dy, 1) - x_hat * (dy * x_hat).mean(axis=1, keepdims=True))


def _dy_in_place(dy, cache):
    dy *= cache["gamma"]
    dx, dgamma, dbeta = right(dy, cache | {"gamma": 1.0})
    return dx, dgamma / cache["gamma"], dbeta / cache["gamma"]


def _cache_in_place(dy, cache):
    grads = right(dy, cache)
    cache["x_hat"] *= grads[1] / len(dy)
    return grads


_OVER_FEATURES = (
    "The means in dx run over the features (axis 1). They belong to mean and variance, "
    "which run over the batch (axis 0)."
)
MISTAKES = (
    Mistake(
        "mean path missing",
        "dx lacks the path through the mean: every x moves μ, so the mean of dy over the batch is subtracted.",
        _dx(lambda dy, x_hat, s, gamma: gamma * s * (dy - x_hat * (dy * x_hat).mean(axis=0))),
    ),
    Mistake(
        "variance path missing",
        "dx lacks the path through the variance: every x moves σ², which subtracts x̂ times the mean of dy·x̂.",
        _dx(lambda dy, x_hat, s, gamma: gamma * s * centre(dy)),
    ),
    Mistake(
        "samples uncoupled",
        "dx = γ·dy/√(σ² + eps) treats mean and variance as constants. They depend on every x in the batch: "
        "two more paths are missing.",
        _dx(lambda dy, x_hat, s, gamma: gamma * s * dy),
    ),
    Mistake(
        "variance path added",
        "The path through the variance has the wrong sign: x̂ times the mean of dy·x̂ is subtracted.",
        _dx(
            lambda dy, x_hat, s, gamma: gamma * s * (centre(dy) + x_hat * (dy * x_hat).mean(axis=0))
        ),
    ),
    Mistake(
        "x_hat missing in the variance path",
        "The mean of dy·x̂ is subtracted from every sample alike. A sample moves σ² in proportion to its own x̂: "
        "multiply by x̂.",
        _dx(lambda dy, x_hat, s, gamma: gamma * s * (centre(dy) - (dy * x_hat).mean(axis=0))),
    ),
    Mistake(
        "x_hat taken for x − mean",
        "The variance path has inv_std³ together with x̂. The factor inv_std³ belongs to x − μ; written with x̂ = (x − μ)·inv_std, "
        "one inv_std is left.",
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma * (s * centre(dy) - s**3 * x_hat * (dy * x_hat).mean(axis=0))
            )
        ),
    ),
    Mistake(
        "wrong power of inv_std",
        "The derivative of 1/√(σ² + eps) with respect to σ² has the wrong power: it is −½·inv_std³.",
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma * s * (centre(dy) - x_hat * (dy * x_hat).mean(axis=0) / s)
            )
        ),
    ),
    Mistake(
        "half of the variance path",
        "The variance path has half its size. σ² is a mean of squares, so its derivative is 2·(x − μ)/m; the 2 cancels the ½ "
        "of the root.",
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma * s * (centre(dy) - x_hat * (dy * x_hat).mean(axis=0) / 2)
            )
        ),
    ),
    Mistake(
        "x_hat scaled to unit length",
        "The part along x̂ is taken off whole. The mean of x̂² is σ²/(σ² + eps), a little less than 1, so eps leaves some of it: "
        "divide the sum of dy·x̂ by m.",
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma * s * (centre(dy) - x_hat * (dy * x_hat).sum(0) / (x_hat**2).sum(0))
            )
        ),
    ),
    Mistake(
        "sums of dx exchanged",
        "In dx the two sums have changed places: x̂ goes with the sum of dy·x̂, which is dγ; dβ stands alone.",
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma * s * (dy - (dy * x_hat).mean(axis=0) - x_hat * dy.mean(axis=0))
            )
        ),
    ),
    Mistake(
        "gamma missing in dx",
        "dx lacks the factor γ: the gradient reaches x̂ as γ·dy.",
        _dx(lambda dy, x_hat, s, gamma: s * (centre(dy) - x_hat * (dy * x_hat).mean(axis=0))),
    ),
    Mistake(
        "gamma on the direct path only",
        "γ multiplies dy but not the two means that are subtracted. Every path starts from γ·dy.",
        _dx(lambda dy, x_hat, s, g: s * (g * dy - dy.mean(0) - x_hat * (dy * x_hat).mean(0))),
    ),
    Mistake(
        "gamma missing in the variance path",
        "The path through the variance starts from dy. Every path starts from γ·dy, the gradient with respect to x̂.",
        _dx(
            lambda dy, x_hat, s, gamma: s * (gamma * centre(dy) - x_hat * (dy * x_hat).mean(axis=0))
        ),
    ),
    Mistake(
        "gamma twice in dx",
        "dx has the factor γ twice. Once dy has been multiplied by it, it is done.",
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma**2 * s * (centre(dy) - x_hat * (dy * x_hat).mean(axis=0))
            )
        ),
    ),
    Mistake(
        "inv_std missing in dx",
        "dx lacks the factor inv_std: x̂ changes by 1/√(σ² + eps) for a change of 1 in x.",
        _dx(lambda dy, x_hat, s, gamma: gamma * (centre(dy) - x_hat * (dy * x_hat).mean(axis=0))),
    ),
    Mistake(
        "sums not divided by m in dx",
        "dx subtracts sums where means belong: divide both by m, the number of samples.",
        _divided_by(lambda dy: 1),
    ),
    Mistake(
        "dx m times too large",
        "dx is m times too large. Written as m·dy − Σdy − x̂·Σdy·x̂, it still has to be divided by m.",
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma * s * (len(dy) * dy - dy.sum(axis=0) - x_hat * (dy * x_hat).sum(axis=0))
            )
        ),
    ),
    Mistake(
        "dy not multiplied by m in dx",
        "All of dx is divided by m, but dy in the bracket lacks the factor m. With 1/m in front, the bracket "
        "is m·dy − Σdy − x̂·Σ(dy·x̂).",
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma * s / len(dy) * (dy - dy.sum(axis=0) - x_hat * (dy * x_hat).sum(axis=0))
            )
        ),
    ),
    Mistake(
        "divided by m − 1 in dx",
        "dx divides by m − 1. The forward pass divides by m, in the mean and in the variance, so its gradient does too.",
        _divided_by(lambda dy: max(len(dy) - 1, 1)),
    ),
    Mistake(
        "divided by D in dx",
        "dx divides by the number of features. m is the number of samples behind one statistic, dy.shape[0].",
        _divided_by(lambda dy: dy.shape[1]),
    ),
    Mistake(
        "divided by the size of dy in dx",
        "dx divides by m times D. One statistic has m values behind it, the number of samples: dy.shape[0].",
        _divided_by(lambda dy: dy.size),
    ),
    Mistake(
        "one mean for all features in dx",
        "The means in dx run over the whole array. Each feature has its own: use axis=0.",
        _dx(lambda dy, x_hat, s, gamma: gamma * s * (dy - dy.mean() - x_hat * (dy * x_hat).mean())),
    ),
    Mistake(
        "dx sums over the features, axis lost",
        _OVER_FEATURES,
        _dx(
            lambda dy, x_hat, s, gamma: (
                gamma * s * (dy - dy.mean(axis=1) - x_hat * (dy * x_hat).mean(axis=1))
            )
        ),
    ),
    Mistake(
        "dx sums over the features",
        _OVER_FEATURES,
        _dx(_dx_over_features),
    ),
    Mistake(
        "dgamma and dbeta swapped",
        "dγ and dβ are swapped. Return dx, dγ = Σ dy·x̂, dβ = Σ dy.",
        _sums(lambda dy, x_hat, gamma: (dy.sum(axis=0), (dy * x_hat).sum(axis=0))),
    ),
    Mistake(
        "x_hat missing in dgamma",
        "dγ is the sum of dy alone, which is dβ. γ multiplies x̂, so dγ = Σ dy·x̂.",
        _sums(lambda dy, x_hat, gamma: (dy.sum(axis=0), dy.sum(axis=0))),
    ),
    Mistake(
        "dgamma from gamma·x_hat",
        "dγ is computed with γ·x̂ in place of x̂. y = γ·x̂ + β, so its derivative with respect to γ is x̂ alone.",
        _sums(lambda dy, x_hat, gamma: ((dy * gamma * x_hat).sum(axis=0), dy.sum(axis=0))),
    ),
    Mistake(
        "means for dgamma and dbeta",
        "dγ and dβ are means over the batch. γ and β serve every sample, and their effects add up: take sums.",
        _sums(lambda dy, x_hat, gamma: ((dy * x_hat).mean(axis=0), dy.mean(axis=0))),
    ),
    Mistake(
        "dgamma and dbeta over the features",
        "dγ and dβ are summed over the features (axis 1). Each feature has its own γ and β: sum over the batch, axis 0.",
        _sums(lambda dy, x_hat, gamma: ((dy * x_hat).sum(axis=1), dy.sum(axis=1))),
    ),
    Mistake(
        "dgamma and dbeta not summed",
        "dγ and dβ still have one value per sample. One γ serves the whole batch: sum over axis 0, to shape (D,).",
        _sums(lambda dy, x_hat, gamma: (dy * x_hat, dy)),
    ),
    Mistake(
        "axis kept in dgamma and dbeta",
        "dγ and dβ have shape (1, D). They have the shape of γ and β, (D,): sum without keepdims.",
        _sums(
            lambda dy, x_hat, gamma: ((dy * x_hat).sum(0, keepdims=True), dy.sum(0, keepdims=True))
        ),
    ),
    Mistake(
        "dy changed in place",
        "dy itself was changed (dy *= … works in place). It belongs to the caller: build a new array.",
        (_dy_in_place,),
    ),
    Mistake(
        "cache changed in place",
        "cache['x_hat'] was changed (*= works in place). A second backward pass from the same cache would be wrong.",
        (_cache_in_place,),
    ),
)
