"""1.5: wrong and right gradients in closed form."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake


def _variant(inside=None, factor=None, dots=None, ddof=0, std=None):
    """dx = factor · inside, then the inner products, with one piece replaced.

    inside(dy, x_hat, m, centred), factor(gamma, inv_std), std(var, eps),
    dots(dx, x_hat, x, dy).
    """

    def input_gradient(x, dy, gamma, eps=1e-5):
        m = x.size
        centred = x - x.mean()
        var = x.var(ddof=ddof)
        inv_std = 1 / (std(var, eps) if std else np.sqrt(var + eps))
        x_hat = centred * inv_std
        if inside:
            g = inside(dy, x_hat, m, centred)
        else:
            g = dy - dy.mean() - x_hat * (dy @ x_hat) / (m - ddof)
        dx = (factor(gamma, inv_std) if factor else gamma * inv_std) * g
        return (dx, *(dots(dx, x_hat, x, dy) if dots else (dx.sum(), dx @ x_hat)))

    return input_gradient


def _precedence(x, dy, gamma, eps=1e-5):
    inv_std = 1 / np.sqrt(x.var() + eps)
    x_hat = (x - x.mean()) * inv_std
    dx = gamma * inv_std * dy - dy.mean() - x_hat * (dy * x_hat).mean()
    return dx, dx.sum(), dx @ x_hat


def _in_place(x, dy, gamma, eps=1e-5):
    inv_std = 1 / np.sqrt(x.var() + eps)
    x_hat = (x - x.mean()) * inv_std
    along = (dy * x_hat).mean()
    dy -= dy.mean()
    dy -= x_hat * along
    dy *= gamma * inv_std
    return dy, dy.sum(), dy @ x_hat


MISTAKES = (
    Mistake(
        "samples uncoupled",
        "dx is γ/√(σ² + eps)·dy, as if mean and variance were constants. In training mode they depend on "
        "every sample: subtract mean(dy) and x̂·mean(dy·x̂).",
        (_variant(lambda dy, x_hat, m, c: dy),),
    ),
    Mistake(
        "mean term missing",
        "The path through the mean is missing: subtract mean(dy). A check: dx adds up to 0.",
        (_variant(lambda dy, x_hat, m, c: dy - x_hat * (dy @ x_hat) / m),),
    ),
    Mistake(
        "variance term missing",
        "The path through the variance is missing: subtract x̂·mean(dy·x̂).",
        (_variant(lambda dy, x_hat, m, c: dy - dy.mean()),),
    ),
    Mistake(
        "gamma missing",
        "γ is missing. The gradient reaches x̂ as γ·dy, so dx and both inner products have the factor γ.",
        (_variant(factor=lambda gamma, s: s),),
    ),
    Mistake(
        "gamma twice",
        "γ counts twice, as when it stands in dx̂ = γ·dy and once more in front. Keep one of the two.",
        (_variant(factor=lambda gamma, s: gamma**2 * s),),
    ),
    Mistake(
        "standard deviation missing",
        "The factor 1/√(σ² + eps) is missing in front of the bracket.",
        (_variant(factor=lambda gamma, s: gamma),),
    ),
    Mistake(
        "brackets missing",
        "γ/√(σ² + eps) multiplies dy alone. It stands in front of all three terms: put them in brackets.",
        (_precedence,),
    ),
    Mistake(
        "divided by the variance",
        "The factor in front is γ/(σ² + eps). It is γ/√(σ² + eps), with the root.",
        (_variant(factor=lambda gamma, s: gamma * s**2),),
    ),
    Mistake(
        "inner product with x̂ taken to be 0",
        "The inner product with x̂ is not 0: eps leaves a share eps/(σ² + eps) of the part along x̂. "
        "It is small when σ² is large. Compute it.",
        (_variant(dots=lambda dx, h, x, dy: (dx.sum(), 0.0)),),
    ),
    Mistake(
        "eps forgotten",
        "eps is missing from √(σ² + eps). It changes x̂ and the factor in front, and without it "
        "the inner product with x̂ would be exactly 0.",
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
        "The part along x̂ is taken off completely, as when you divide by Σx̂². The chain rule divides by m, and "
        "Σx̂² = m·σ²/(σ² + eps) is smaller: a share eps/(σ² + eps) of that part stays.",
        (_variant(lambda dy, h, m, c: dy - dy.mean() - h * (dy @ h) / (h @ h)),),
    ),
    Mistake(
        "sums not divided by m",
        "The bracket subtracts sums. Both terms are means: Σdy/m and x̂·Σ(dy·x̂)/m.",
        (_variant(lambda dy, h, m, c: dy - dy.sum() - h * (dy @ h)),),
    ),
    Mistake(
        "m missing before dy",
        "With 1/m in front, the bracket starts with m·dy, not with dy: (m·dy − Σdy − x̂·Σ(dy·x̂))/m.",
        (_variant(lambda dy, h, m, c: (dy - dy.sum() - h * (dy @ h)) / m),),
    ),
    Mistake(
        "1/m missing in front",
        "dx is m times too large. With m·dy − Σdy − x̂·Σ(dy·x̂) in the bracket, 1/m stands in front.",
        (_variant(lambda dy, h, m, c: m * dy - dy.sum() - h * (dy @ h)),),
    ),
    Mistake(
        "divided by m twice",
        "dx is m times too small: the means are already taken, and everything is divided by m once more.",
        (_variant(lambda dy, h, m, c: (dy - dy.mean() - h * (dy @ h) / m) / m),),
    ),
    Mistake(
        "unbiased variance",
        "The variance is divided by m − 1. A batch is normalised with the biased variance, divided by m.",
        (_variant(ddof=1),),
    ),
    Mistake(
        "variance term added",
        "x̂·mean(dy·x̂) is added. A larger deviation makes every x̂ smaller: the sign is minus.",
        (_variant(lambda dy, h, m, c: dy - dy.mean() + h * (dy @ h) / m),),
    ),
    Mistake(
        "variance term twice",
        "The variance term counts twice. The 2 from the square cancels against the ½ from the root.",
        (_variant(lambda dy, h, m, c: dy - dy.mean() - 2 * h * (dy @ h) / m),),
    ),
    Mistake(
        "variance term without its direction",
        "mean(dy·x̂) is subtracted from every sample alike. It is an amount along x̂: multiply it by x̂.",
        (_variant(lambda dy, h, m, c: dy - dy.mean() - (dy @ h) / m),),
    ),
    Mistake(
        "variance term not summed",
        "The variance term is x̂·dy·x̂, element by element. Every sample feels the same mean(dy·x̂): average before you multiply by x̂.",
        (_variant(lambda dy, h, m, c: dy - dy.mean() - h * dy * h),),
    ),
    Mistake(
        "x̂ not normalised",
        "The variance term uses x − μ in place of x̂. Divide both factors by √(σ² + eps).",
        (_variant(lambda dy, h, m, c: dy - dy.mean() - c * (dy @ c) / m),),
    ),
    Mistake(
        "inner product with x",
        "The second inner product is taken with x or x − μ. Take it with x̂.",
        (_variant(dots=lambda dx, h, x, dy: (dx.sum(), dx @ x)),),
    ),
    Mistake(
        "inner products swapped",
        "The two inner products come back in the wrong order. Return dx, then the one with ones, then the one with x̂.",
        (_variant(dots=lambda dx, h, x, dy: (dx @ h, dx.sum())),),
    ),
    Mistake(
        "inner products of dy",
        "The inner products are those of dy, the gradient that came in. Take those of dx.",
        (_variant(dots=lambda dx, h, x, dy: (dy.sum(), dy @ h)),),
    ),
    Mistake(
        "inner products averaged",
        "The inner products are m times too small. An inner product is a sum: Σdxᵢ and Σdxᵢ·x̂ᵢ, without 1/m.",
        (_variant(dots=lambda dx, h, x, dy: (dx.mean(), (dx * h).mean())),),
    ),
    Mistake(
        "inner products not summed",
        "The products are taken element by element, but not added up. An inner product is one number: np.sum(dx * x_hat).",
        (_variant(dots=lambda dx, h, x, dy: (dx, dx * h)),),
    ),
    Mistake(
        "dy changed in place",
        "dy itself was changed (dy -= … works in place). The caller may still need it: build a new array.",
        (_in_place,),
    ),
)


def _float32(x, dy, gamma, eps=1e-5):
    x, dy = (np.asarray(a, np.float32) for a in (x, dy))
    return _variant()(x, dy, np.float32(gamma), np.float32(eps))


def _einsum(x, dy, gamma, eps=1e-5):
    m = len(x)
    centred = x - np.einsum("i->", x) / m
    scale = (np.einsum("i,i->", centred, centred) / m + eps) ** -0.5
    x_hat = centred * scale
    sums = np.einsum("ki,i->k", np.stack([np.ones(m), x_hat]), dy)
    dx = gamma * scale / m * (m * dy - sums[0] - x_hat * sums[1])
    return [dx, np.einsum("i->", dx), np.einsum("i,i->", dx, x_hat)]


def _stage_by_stage(x, dy, gamma, eps=1e-5):
    m = x.size
    centred = x - x.mean()
    std = np.sqrt((centred**2).mean() + eps)
    d_x_hat = gamma * dy
    d_var = (d_x_hat * centred).sum() * -0.5 / std**3
    d_centred = d_x_hat / std + d_var * 2 * centred / m
    dx = d_centred - d_centred.mean()
    return dx, dx.sum(), (dx * centred).sum() / std


def _jacobian_rows(x, dy, gamma, eps=1e-5):
    m = x.size
    s = 1 / np.sqrt(x.var() + eps)
    h = (x - x.mean()) * s
    J = gamma * s * (np.eye(m) - (1 + np.outer(h, h)) / m)
    dx = dy @ J
    return dx, np.ones(m) @ dx, h @ dx


def _derived_inner_products(x, dy, gamma, eps=1e-5):
    var = x.var()
    dx, _, _ = _variant()(x, dy, gamma, eps)
    x_hat = (x - x.mean()) / np.sqrt(var + eps)
    # Centre dy first: without it the offset of a large mean would leak in through Σx̂.
    along = (dy - dy.mean()) @ x_hat
    return dx, 0, gamma * along * eps / (var + eps) ** 1.5


def _loops(x, dy, gamma, eps=1e-5):
    m = len(x)
    mean = sum(map(float, x)) / m
    std = (sum((float(v) - mean) ** 2 for v in x) / m + eps) ** 0.5
    h = [(float(v) - mean) / std for v in x]
    mean_dy = sum(map(float, dy)) / m
    along = sum(float(d) * v for d, v in zip(dy, h, strict=True)) / m
    dx = [gamma / std * (float(d) - mean_dy - v * along) for d, v in zip(dy, h, strict=True)]
    return dx, sum(dx), sum(d * v for d, v in zip(dx, h, strict=True))


RIGHT_WAYS = {
    "float32 throughout": (_float32,),
    "einsum, sums first": (_einsum,),
    "stage by stage": (_stage_by_stage,),
    "dy times the Jacobian": (_jacobian_rows,),
    "inner products by formula": (_derived_inner_products,),
    "plain loops and lists": (_loops,),
}
