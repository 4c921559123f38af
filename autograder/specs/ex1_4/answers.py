"""1.4: wrong and right Jacobians."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake


def _variant(bracket=None, factor=None, ddof=0, std=None):
    """J = factor · bracket, with one piece replaced.

    bracket(eye, ones, x_hat, m, inv_std), factor(gamma, inv_std), std(var, eps).
    """

    def jacobian(x, gamma, eps=1e-5):
        m = x.size
        centred = x - x.mean()
        var = x.var(ddof=ddof)
        inv_std = 1 / (std(var, eps) if std else np.sqrt(var + eps))
        x_hat = centred * inv_std
        eye, ones = np.eye(m), np.ones((m, m))
        if bracket:
            b = bracket(eye, ones, x_hat, m, inv_std)
        else:
            b = eye - ones / m - np.outer(x_hat, x_hat) / (m - ddof)
        return (factor(gamma, inv_std) if factor else gamma * inv_std) * b

    return jacobian


def _diagonal_only(x, gamma, eps=1e-5):
    return np.diag(_variant()(x, gamma, eps))


def _precedence(x, gamma, eps=1e-5):
    m, inv_std = x.size, 1 / np.sqrt(x.var() + eps)
    x_hat = (x - x.mean()) * inv_std
    return gamma * inv_std * np.eye(m) - 1 / m - np.outer(x_hat, x_hat) / m


def _in_place(x, gamma, eps=1e-5):
    inv_std = 1 / np.sqrt(x.var() + eps)
    x -= x.mean()
    x *= inv_std
    return gamma * inv_std * (np.eye(x.size) - 1 / x.size - np.outer(x, x) / x.size)


MISTAKES = (
    Mistake(
        "mean term missing",
        "The term −1/m is missing: x_j also acts on every y_i through the mean. "
        "A check: each column of J adds up to 0, because Σy does not depend on x.",
        (_variant(lambda eye, ones, x_hat, m, s: eye - np.outer(x_hat, x_hat) / m),),
    ),
    Mistake(
        "variance term missing",
        "The term −x̂ᵢx̂ⱼ/m is missing: x_j also acts on every y_i through the variance.",
        (_variant(lambda eye, ones, x_hat, m, s: eye - ones / m),),
    ),
    Mistake(
        "samples uncoupled",
        "J is γ/√(σ² + eps) on the diagonal and 0 elsewhere, as if mean and variance were constants. "
        "That is eval mode. In training mode they depend on every x_j.",
        (_variant(lambda eye, ones, x_hat, m, s: eye),),
    ),
    Mistake(
        "off the diagonal forgotten",
        "The diagonal is right and everything else is 0. Sample j acts on y_i through mean and variance: "
        "off the diagonal stands −γ/√(σ² + eps)·(1 + x̂ᵢx̂ⱼ)/m.",
        (lambda x, gamma, eps=1e-5: np.diag(_diagonal_only(x, gamma, eps)),),
    ),
    Mistake(
        "only the diagonal returned",
        "You return the m diagonal entries. The Jacobian has m × m: each y_i depends on every x_j.",
        (_diagonal_only,),
    ),
    Mistake(
        "gamma missing",
        "γ is missing. y = γ·x̂ + β, so every entry of J has the factor γ.",
        (_variant(factor=lambda gamma, s: s),),
    ),
    Mistake(
        "standard deviation missing",
        "The factor 1/√(σ² + eps) is missing in front. J = γ/√(σ² + eps)·(I − 1/m − x̂x̂ᵀ/m).",
        (_variant(factor=lambda gamma, s: gamma),),
    ),
    Mistake(
        "brackets missing",
        "γ/√(σ² + eps) multiplies the identity alone. It stands in front of all three terms: put them in brackets.",
        (_precedence,),
    ),
    Mistake(
        "divided by the variance",
        "The factor in front is γ/(σ² + eps). It is γ/√(σ² + eps), with the root.",
        (_variant(factor=lambda gamma, s: gamma * s**2),),
    ),
    Mistake(
        "eps forgotten",
        "eps is missing from √(σ² + eps). It changes the factor in front and x̂ alike; it shows when σ² is small or eps large.",
        (_variant(std=lambda var, eps: np.sqrt(var)),),
    ),
    Mistake(
        "eps outside the root",
        "eps is added to the root: √σ² + eps. It belongs inside: √(σ² + eps).",
        (_variant(std=lambda var, eps: np.sqrt(var) + eps),),
    ),
    Mistake(
        "eps fixed at 1e-5",
        "eps = 1e-5 is written into the formula. Use the argument eps, which is another number in some cases.",
        (_variant(std=lambda var, eps: np.sqrt(var + 1e-5)),),
    ),
    Mistake(
        "exact projection",
        "The last term is an exact projection: divided by Σx̂², or made from an x̂ without eps, which is the same. "
        "The chain rule gives x̂ᵢx̂ⱼ/m, and Σx̂² = m·σ²/(σ² + eps) is smaller than m.",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m - np.outer(h, h) / (h @ h)),),
    ),
    Mistake(
        "unbiased variance",
        "The variance is divided by m − 1. A batch is normalised with the biased variance, divided by m.",
        (_variant(ddof=1),),
    ),
    Mistake(
        "last term divided by m − 1",
        "The last term is divided by m − 1. The variance is the biased one, so its derivative has 1/m.",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m - np.outer(h, h) / (m - 1)),),
    ),
    Mistake(
        "last term not divided by m",
        "The last term is x̂ᵢx̂ⱼ without 1/m. The derivative of the variance is 2(x_j − μ)/m.",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m - np.outer(h, h)),),
    ),
    Mistake(
        "mean term not divided by m",
        "1 is subtracted where 1/m should be: the derivative of the mean by x_j is 1/m.",
        (_variant(lambda eye, ones, h, m, s: eye - ones - np.outer(h, h) / m),),
    ),
    Mistake(
        "neither term divided by m",
        "Neither the mean term nor the variance term is divided by m. Both come from averages over m values.",
        (_variant(lambda eye, ones, h, m, s: eye - ones - np.outer(h, h)),),
    ),
    Mistake(
        "mean term on the diagonal only",
        "1/m is subtracted from the diagonal alone (I/m). x_j moves the mean that every sample shares: "
        "subtract 1/m from all m × m entries.",
        (_variant(lambda eye, ones, h, m, s: eye - eye / m - np.outer(h, h) / m),),
    ),
    Mistake(
        "variance term added",
        "x̂ᵢx̂ⱼ/m is added. A larger deviation makes the standard deviation larger and every x̂ smaller: the sign is minus.",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m + np.outer(h, h) / m),),
    ),
    Mistake(
        "mean term added",
        "1/m is added. A larger x_j raises the mean, which is subtracted from every sample: the sign is minus.",
        (_variant(lambda eye, ones, h, m, s: eye + ones / m - np.outer(h, h) / m),),
    ),
    Mistake(
        "variance term twice",
        "The variance term counts twice. The 2 from the square cancels against the ½ from the root.",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m - 2 * np.outer(h, h) / m),),
    ),
    Mistake(
        "half the variance term",
        "The variance term is half as large as it should be. The ½ of the root cancels against the 2 of the square.",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m - np.outer(h, h) / (2 * m)),),
    ),
    Mistake(
        "x̂ not normalised",
        "The last term uses x − μ in place of x̂. Divide both factors by √(σ² + eps).",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m - np.outer(h, h) / s**2 / m),),
    ),
    Mistake(
        "squares in place of the outer product",
        "The last term is x̂ⱼ² (x_hat * x_hat, element by element). Entry i, j needs x̂ᵢ·x̂ⱼ: np.outer(x_hat, x_hat).",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m - h * h / m),),
    ),
    Mistake(
        "inner product in place of the outer product",
        "The last term is one number, x̂ᵀx̂: with one axis, x_hat @ x_hat.T is an inner product. "
        "Entry i, j needs x̂ᵢ·x̂ⱼ: np.outer(x_hat, x_hat).",
        (_variant(lambda eye, ones, h, m, s: eye - ones / m - h @ h / m),),
    ),
    Mistake(
        "input changed in place",
        "x itself was normalised (x -= … works in place). The caller still needs its input: build a new array.",
        (_in_place,),
    ),
)


def _float32(x, gamma, eps=1e-5):
    x = np.asarray(x, np.float32)
    centred = x - x.mean()
    var = np.square(centred).mean()
    coupling = 1 + np.outer(centred, centred) / (var + np.float32(eps))
    return np.float32(gamma) / np.sqrt(var + np.float32(eps)) * (np.eye(x.size) - coupling / x.size)


def _einsum(x, gamma, eps=1e-5):
    m = len(x)
    centred = np.einsum("ij,j->i", np.eye(m) - 1 / m, x)
    inv_std = (np.einsum("i,i->", centred, centred) / m + eps) ** -0.5
    projections = np.einsum("i,j->ij", centred, centred) * inv_std**2 + 1
    return gamma * inv_std * (np.eye(m) - projections / m)


def _loops(x, gamma, eps=1e-5):
    m = len(x)
    mean = sum(map(float, x)) / m
    var = sum((float(v) - mean) ** 2 for v in x) / m
    J = np.empty((m, m))
    for i in range(m):
        for j in range(m):
            d_centred = (i == j) - 1 / m
            d_var = 2 * (float(x[j]) - mean) / m
            d_inv_std = -0.5 * (var + eps) ** -1.5 * d_var
            J[i, j] = d_centred * (var + eps) ** -0.5 + (float(x[i]) - mean) * d_inv_std
    return gamma * J


def _chain_of_matrices(x, gamma, eps=1e-5):
    m = x.size
    centring = np.eye(m) - np.ones((m, m)) / m
    c = centring @ x
    s = np.sqrt(c @ c / m + eps)
    return (np.eye(m) / s - c[:, None] * c / (m * s**3)) @ centring * gamma


def _differences(x, gamma, eps=1e-5):
    x = np.asarray(x, np.float64)
    h = 1e-3 * x.std()
    J = np.empty((x.size, x.size))
    for j in range(x.size):
        # Five points: the error is of the order (h / std)⁴.
        values = []
        for step in (-2, -1, 1, 2):
            moved = x - x.mean()
            moved[j] += step * h
            values.append(gamma * (moved - moved.mean()) / np.sqrt(moved.var() + eps))
        a, b, c, d = values
        J[:, j] = (a - 8 * b + 8 * c - d) / (12 * h)
    return J


RIGHT_WAYS = {
    "float32 throughout": (_float32,),
    "einsum": (_einsum,),
    "loops over the chain rule": (_loops,),
    "a product of two Jacobians": (_chain_of_matrices,),
    "finite differences of fourth order": (_differences,),
}
