"""1.1 The four steps on one feature."""

from __future__ import annotations

import numpy as np
import torch

from autograder.draw import batch, signed
from autograder.spec import Case, Exercise, Mistake, condition_number, returned

OUTLIERS = (0.01, 0.02, 100.5, 0.03, 99.8)


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, x, eps=1e-5, sign=0):
        gamma, beta = signed(rng, 0.5, 2.0), signed(rng, 0.3, 1.5)
        gamma = sign * abs(gamma) if sign else gamma
        # Sizes of what may vanish: a mean near 0, the variance and x̂ of a constant batch.
        scale = {"mean": float(np.abs(x).max()), "var": eps, "x_hat": 1.0}
        inputs = dict(x=x, gamma=gamma, beta=beta, eps=eps)
        return Case(name, inputs, condition_number(x, eps=eps), scale)

    constant = np.full(4, (4 + rng.integers(12)) / 4)  # quarters: the mean is exact in any order
    return [
        case("a batch of four", batch(rng, 4)),
        case("two samples, m = 2, eps = 0.001", batch(rng, 2), eps=1e-3),
        case("13 samples, eps = 0.001, γ below 0", batch(rng, 13), eps=1e-3, sign=-1),
        case("small values, std about 0.01", batch(rng, 9, scale=1e-2)),
        case("a large eps, 0.1", batch(rng, 6), eps=0.1),
        case("large offset, mean about 1000", batch(rng, 20, offset=1e3)),
        case("the outlier batch of Chapter 1.2", np.array(OUTLIERS)),
        case("a constant batch, variance 0", constant),
        case("float32 input", batch(rng, 33).astype(np.float32)),
    ]


def call(batch_statistics, x, gamma, beta, eps):
    names = ("mean", "var", "x_hat", "y")
    values = returned(batch_statistics(x, gamma, beta, eps), names, "batch_statistics")
    return dict(zip(names, values, strict=True))


def reference(x, gamma, beta, eps):
    x = torch.from_numpy(x).double()[:, None]
    y, x_hat = (
        torch.nn.functional.batch_norm(x, None, None, g, b, training=True, eps=eps)[:, 0]
        for g, b in ((torch.tensor([gamma]).double(), torch.tensor([beta]).double()), (None, None))
    )
    var, mean = torch.var_mean(x, correction=0)
    return {"mean": mean.numpy(), "var": var.numpy(), "x_hat": x_hat.numpy(), "y": y.numpy()}


def _variant(var=None, centred=None, divisor=None, affine=None, result=None):
    """The four steps with one of them replaced."""

    def batch_statistics(x, gamma, beta, eps=1e-5):
        mu = x.mean()
        v = var(x) if var else x.var()
        c = centred(x) if centred else x - mu
        x_hat = c / (divisor(v, eps) if divisor else np.sqrt(v + eps))
        y = affine(x_hat, gamma, beta) if affine else gamma * x_hat + beta
        return result(mu, v, x_hat, y, eps) if result else (mu, v, x_hat, y)

    return batch_statistics


def _precedence(x, gamma, beta, eps=1e-5):
    mu, v = x.mean(), x.var()
    x_hat = x - mu / np.sqrt(v + eps)
    return mu, v, x_hat, gamma * x_hat + beta


def _in_place(x, gamma, beta, eps=1e-5):
    mu, v = x.mean(), x.var()
    x -= mu
    x /= np.sqrt(v + eps)
    return mu, v, x, gamma * x + beta


MISTAKES = (
    Mistake(
        "unbiased variance",
        "The variance is divided by m − 1. A batch is normalised with the biased variance: "
        "the mean of the squared deviations, divided by m (NumPy's default, ddof=0).",
        (_variant(var=lambda x: x.var(ddof=1)),),
    ),
    Mistake(
        "squares not averaged",
        "The squared deviations are summed, but not divided by m. The variance is their mean.",
        (_variant(var=lambda x: ((x - x.mean()) ** 2).sum()),),
    ),
    Mistake(
        "mean of squares",
        "The variance is the mean of x². It is the mean of (x − μ)²: subtract the mean before you square.",
        (_variant(var=lambda x: (x**2).mean()),),
    ),
    Mistake(
        "standard deviation for the variance",
        "The standard deviation stands where the variance belongs, and a second root is taken of it in x̂. "
        "var is σ², without a root; the root comes once, in √(σ² + eps).",
        (_variant(var=lambda x: x.std()),),
    ),
    Mistake(
        "standard deviation returned as var",
        "What is returned as var is the standard deviation. Return σ², not σ.",
        (_variant(result=lambda mu, v, x_hat, y, eps: (mu, np.sqrt(v), x_hat, y)),),
    ),
    Mistake(
        "eps returned in var",
        "The returned var already contains eps. Return σ² alone: eps is only added under the root.",
        (_variant(result=lambda mu, v, x_hat, y, eps: (mu, v + eps, x_hat, y)),),
    ),
    Mistake(
        "mean and variance swapped",
        "mean and var come back in the wrong order. Return (mean, var, x_hat, y); "
        "functions such as torch.var_mean give the variance first.",
        (_variant(result=lambda mu, v, x_hat, y, eps: (v, mu, x_hat, y)),),
    ),
    Mistake(
        "divided by the variance",
        "The deviations are divided by σ² + eps. Divide by its square root, the standard deviation.",
        (_variant(divisor=lambda v, eps: v + eps),),
    ),
    Mistake(
        "eps missing",
        "eps is missing from the root: x̂ = (x − μ)/√σ². Write √(σ² + eps); "
        "it shows when σ² is not much larger than eps, and a constant batch divides 0 by 0.",
        (_variant(divisor=lambda v, eps: np.sqrt(v)),),
    ),
    Mistake(
        "eps outside the root",
        "eps is added to the root: √σ² + eps. It belongs inside: √(σ² + eps).",
        (_variant(divisor=lambda v, eps: np.sqrt(v) + eps),),
    ),
    Mistake(
        "eps fixed at 1e-5",
        "eps = 1e-5 is written into the formula. Use the argument eps, which is another number in some cases.",
        (_variant(divisor=lambda v, eps: np.sqrt(v + 1e-5)),),
    ),
    Mistake(
        "eps replaced by a test for zero",
        "eps is left out, and a variance of 0 is treated as a case of its own. √(σ² + eps) needs no such test, and gives other values when σ² is small.",
        (_variant(divisor=lambda v, eps: np.sqrt(v) if v > 0 else 1.0),),
    ),
    Mistake(
        "mean not subtracted",
        "The mean is not subtracted before the division: x̂ = (x − μ)/√(σ² + eps).",
        (_variant(centred=lambda x: x),),
    ),
    Mistake(
        "brackets missing",
        "Only the mean is divided: x − μ/√(σ² + eps). Put the difference in brackets: (x − μ)/√(σ² + eps).",
        (_precedence,),
    ),
    Mistake(
        "beta before gamma",
        "β is added before the multiplication by γ. The order is y = γ·x̂ + β.",
        (_variant(affine=lambda x_hat, gamma, beta: gamma * (x_hat + beta)),),
    ),
    Mistake(
        "gamma and beta swapped",
        "γ and β have changed places: y = β·x̂ + γ. γ scales and β shifts: y = γ·x̂ + β.",
        (_variant(affine=lambda x_hat, gamma, beta: beta * x_hat + gamma),),
    ),
    Mistake(
        "gamma and beta ignored",
        "y equals x̂: γ and β are not applied. Return y = γ·x̂ + β.",
        (_variant(affine=lambda x_hat, gamma, beta: x_hat),),
    ),
    Mistake(
        "gamma and beta on x",
        "The last step scales and shifts the raw x. It acts on the normalised values: y = γ·x̂ + β.",
        (
            lambda x, gamma, beta, eps=1e-5: (
                *_variant()(x, gamma, beta, eps)[:3],
                gamma * x + beta,
            ),
        ),
    ),
    Mistake(
        "y returned as x_hat",
        "x_hat holds y. x̂ is the result of step three, before γ and β.",
        (_variant(result=lambda mu, v, x_hat, y, eps: (mu, v, y, y)),),
    ),
    Mistake(
        "x_hat and y swapped",
        "x_hat and y come back in the wrong order. Return (mean, var, x_hat, y).",
        (_variant(result=lambda mu, v, x_hat, y, eps: (mu, v, y, x_hat)),),
    ),
    Mistake(
        "input changed in place",
        "x itself was normalised (x -= … works in place). The caller still needs its input: build a new array.",
        (_in_place,),
    ),
)


def _float32(x, gamma, beta, eps=1e-5):
    return _variant()(np.asarray(x, np.float32), np.float32(gamma), np.float32(beta), eps)


def _einsum(x, gamma, beta, eps=1e-5):
    m = x.shape[0]
    mean = np.einsum("i->", x) / m
    centred = x - mean
    var = np.einsum("i,i->", centred, centred) / m
    x_hat = centred * (var + eps) ** -0.5
    return [mean, var, x_hat, x_hat * gamma + beta]


def _scratch(x, gamma, beta, eps=1e-5):
    x_hat = np.array(x, dtype=np.float64)
    mean = np.add.reduce(x_hat) / x_hat.size
    x_hat -= mean
    var = x_hat @ x_hat / x_hat.size
    x_hat /= np.hypot(np.sqrt(var), np.sqrt(eps))
    y = x_hat * gamma
    y += beta
    return mean, var, x_hat, y


def _loops(x, gamma, beta, eps=1e-5):
    values = [float(v) for v in x]
    mean = sum(values) / len(values)
    var = sum((v - mean) ** 2 for v in values) / len(values)
    x_hat = [(v - mean) / (var + eps) ** 0.5 for v in values]
    return mean, var, x_hat, [gamma * v + beta for v in x_hat]


def _pairs(x, gamma, beta, eps=1e-5):
    x = np.asarray(x, np.float64)
    var = np.square(x[:, None] - x).mean() / 2  # half the mean squared difference of all pairs
    x_hat = (x - x.mean()) / np.sqrt(var + eps)
    return x.mean(keepdims=True)[0], var, x_hat, gamma * x_hat + beta


def _torch_tensors(x, gamma, beta, eps=1e-5):
    t = torch.from_numpy(np.array(x))
    var, mean = torch.var_mean(t, correction=0)
    x_hat = (t - mean) * torch.rsqrt(var + eps)
    return mean, var, x_hat, gamma * x_hat + beta


EXERCISE = Exercise(
    id="1.1",
    title="Four steps by formula",
    answers=("batch_statistics",),
    shows="mean, var, x_hat, y = batch_statistics(x, gamma, beta, eps)",
    minutes=10,
    difficulty="gentle",
    points=3,
    read="Chapter 1.2, section “Four steps”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways={
        "float32 throughout": (_float32,),
        "einsum": (_einsum,),
        "in-place scratch": (_scratch,),
        "plain loops and lists": (_loops,),
        "variance from pairs": (_pairs,),
        "torch tensors": (_torch_tensors,),
    },
)
