"""1.6 Weights before batch norm, scaled by alpha."""

from __future__ import annotations

import math

import numpy as np
import torch

from autograder.spec import Case, Exercise, Mistake, returned

NAMES = ("grad_scaled", "lr_effective", "norm_after")


def _loss(w: torch.Tensor, data: np.ndarray, readout: np.ndarray) -> torch.Tensor:
    """A loss of the weights w, shape (d,), that does not change with their length.

    data: (n, d); readout: (2, n). Batch norm of data @ w by hand, since PyTorch refuses
    eps = 0, then a random curved function of each sample.
    """
    z = torch.from_numpy(data) @ w
    centred = z - z.mean()
    x_hat = centred / centred.square().mean().sqrt()
    slope, weight = torch.from_numpy(readout)
    return (weight * torch.tanh(slope * x_hat + 0.3)).sum()


def _gradient(w: np.ndarray, data: np.ndarray, readout: np.ndarray) -> np.ndarray:
    w = torch.from_numpy(w).requires_grad_()
    return torch.autograd.grad(_loss(w, data, readout), w)[0].numpy()


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, d, alpha, size=1.0, offset=0.0, turn=None):
        """`turn` is the tangent of the angle by which the step at alpha·w turns the weights."""
        n = d + 6
        loss = {
            "data": offset + rng.normal(size=(n, d)),
            "readout": rng.uniform(0.5, 1.5, size=(2, n)) * rng.choice([-1, 1], size=(2, n)),
        }
        w = rng.normal(size=d)
        w *= size / np.linalg.norm(w)
        grad = _gradient(w, **loss)
        turn = turn or rng.uniform(0.4, 0.9)
        lr = float(f"{turn * alpha**2 * size / np.linalg.norm(grad):.3g}")
        return Case(name, dict(w=w, grad=grad, lr=lr, alpha=alpha, loss=loss))

    def drawn(low, high):
        return round(float(rng.uniform(low, high)), 2)

    return [
        case("ten times longer", 5, 10.0),
        case("shorter, alpha below 1", 4, drawn(0.2, 0.6)),
        case("two weights", 2, drawn(1.5, 4)),
        case("33 weights", 33, drawn(1.5, 4)),
        case("small weights, |w| = 0.01", 7, drawn(1.5, 4), size=1e-2),
        case("long weights, |w| = 20", 6, drawn(0.2, 0.6), size=20.0),
        case("data with mean 1000", 3, drawn(1.5, 4), offset=1e3),
        case("a small step", 8, drawn(4, 9), turn=0.05),
    ]


def call(after_scaling, w, grad, lr, alpha, loss):
    values = returned(after_scaling(w, grad, lr, alpha), NAMES, "after_scaling")
    return dict(zip(NAMES, values, strict=True))


def reference(w, grad, lr, alpha, loss):
    # Everything by doing it: the gradient there, the step there, and how far it turned.
    there = alpha * w
    grad_scaled = _gradient(there, **loss)
    after = there - lr * grad_scaled
    along_w, along_grad = after @ w / (w @ w), after @ grad / (grad @ grad)
    return {
        "grad_scaled": grad_scaled,
        # w − lr_effective·grad has the direction of `after`.
        "lr_effective": np.array(-along_grad / along_w),
        "norm_after": np.array(after @ after),
    }


def _variant(grad_scaled=None, lr_effective=None, norm_after=None):
    """The right answer with one or more outputs replaced.

    grad_scaled(grad, alpha), lr_effective(lr, alpha), and norm_after(ww, gg, lr, alpha) with
    the squared norms of w and grad.
    """

    def after_scaling(w, grad, lr, alpha):
        ww, gg = w @ w, grad @ grad
        return (
            grad_scaled(grad, alpha) if grad_scaled else grad / alpha,
            lr_effective(lr, alpha) if lr_effective else lr / alpha**2,
            norm_after(ww, gg, lr, alpha) if norm_after else alpha**2 * ww + lr**2 * gg / alpha**2,
        )

    return after_scaling


def _in_place(w, grad, lr, alpha):
    w *= alpha
    grad /= alpha
    w -= lr * grad
    return grad, lr / alpha**2, w @ w


MISTAKES = (
    Mistake(
        "1/alpha for the learning rate",
        "The effective learning rate is given as lr/alpha. Two things shrink the turn: the gradient is alpha times "
        "smaller, and the weights it turns are alpha times longer. Together: lr/alpha².",
        (_variant(lr_effective=lambda lr, a: lr / a),),
    ),
    Mistake(
        "learning rate inverted",
        "The effective learning rate is given as lr·alpha². Longer weights turn less: divide by alpha².",
        (_variant(lr_effective=lambda lr, a: lr * a**2),),
    ),
    Mistake(
        "learning rate times alpha",
        "The effective learning rate is given as lr·alpha. Longer weights turn less, for two reasons: lr/alpha².",
        (_variant(lr_effective=lambda lr, a: lr * a),),
    ),
    Mistake(
        "learning rate unchanged",
        "The effective learning rate is given as lr. The loss does not change with the length of the weights, "
        "but the angle of a step does: lr/alpha².",
        (_variant(lr_effective=lambda lr, a: lr),),
    ),
    Mistake(
        "gradient unchanged",
        "The gradient is taken to be the same at alpha·w. The loss is the same there, but the same change of "
        "direction takes a step alpha times longer, so the slope is alpha times smaller: grad/alpha.",
        (
            _variant(
                lambda g, a: g, lambda lr, a: lr / a, lambda ww, gg, lr, a: a**2 * ww + lr**2 * gg
            ),
        ),
    ),
    Mistake(
        "gradient times alpha",
        "The gradient is taken to be alpha·grad. From L(alpha·w) = L(w), differentiated by w: "
        "alpha·∇L(alpha·w) = ∇L(w). Divide by alpha.",
        (
            _variant(
                lambda g, a: a * g,
                lambda lr, a: lr,
                lambda ww, gg, lr, a: a**2 * ww + lr**2 * a**2 * gg,
            ),
        ),
    ),
    Mistake(
        "gradient over alpha squared",
        "The gradient is taken to be grad/alpha². It is grad/alpha; the square belongs to the effective learning rate.",
        (
            _variant(
                lambda g, a: g / a**2,
                lambda lr, a: lr / a**3,
                lambda ww, gg, lr, a: a**2 * ww + lr**2 * gg / a**4,
            ),
        ),
    ),
    Mistake(
        "step with the gradient at w",
        "norm_after takes the step at alpha·w with the gradient at w. Use the gradient there, grad/alpha: "
        "alpha²|w|² + lr²|grad|²/alpha².",
        (_variant(norm_after=lambda ww, gg, lr, a: a**2 * ww + lr**2 * gg),),
    ),
    Mistake(
        "step scaled with the weights",
        "norm_after is alpha² times the norm after a step from w with lr. The weights are scaled by alpha, but the step is not: it has the length lr·|grad|/alpha.",
        (_variant(norm_after=lambda ww, gg, lr, a: a**2 * (ww + lr**2 * gg)),),
    ),
    Mistake(
        "neither scaled",
        "norm_after belongs to a step from w with lr and the gradient at w. Take the step at alpha·w, with the gradient there.",
        (_variant(norm_after=lambda ww, gg, lr, a: ww + lr**2 * gg),),
    ),
    Mistake(
        "step from w",
        "norm_after starts from w. The step is taken at alpha·w: alpha²|w|² + lr²|grad|²/alpha².",
        (_variant(norm_after=lambda ww, gg, lr, a: ww + lr**2 * gg / a**2),),
    ),
    Mistake(
        "step with the effective learning rate",
        "norm_after takes the step with lr_effective. That rate describes the turn as seen from w; "
        "at alpha·w the step is taken with lr itself.",
        (_variant(norm_after=lambda ww, gg, lr, a: a**2 * ww + (lr / a**2) ** 2 * gg / a**2),),
    ),
    Mistake(
        "step at w with the effective learning rate",
        "norm_after belongs to the equivalent step at w, which has the same direction but not the same length. "
        "It is alpha² times that.",
        (_variant(norm_after=lambda ww, gg, lr, a: ww + (lr / a**2) ** 2 * gg),),
    ),
    Mistake(
        "norm unchanged",
        "norm_after is |alpha·w|², as if the step only turned the weights. It goes straight, at a right angle to them, "
        "so by Pythagoras they grow by |step|².",
        (_variant(norm_after=lambda ww, gg, lr, a: a**2 * ww),),
    ),
    Mistake(
        "norm shrinks",
        "|step|² is subtracted. The step is at a right angle to the weights, so its square is added: they always grow.",
        (_variant(norm_after=lambda ww, gg, lr, a: a**2 * ww - lr**2 * gg / a**2),),
    ),
    Mistake(
        "lengths subtracted",
        "norm_after is (|alpha·w| − |step|)², as if the step pointed back along the weights. "
        "It is at a right angle to them: add the squares.",
        (_variant(norm_after=lambda ww, gg, lr, a: (a * ww**0.5 - lr * gg**0.5 / a) ** 2),),
    ),
    Mistake(
        "lengths added",
        "norm_after is (|alpha·w| + |step|)², as if the step pointed along the weights. "
        "It is at a right angle to them: add the squares.",
        (_variant(norm_after=lambda ww, gg, lr, a: (a * ww**0.5 + lr * gg**0.5 / a) ** 2),),
    ),
    Mistake(
        "alpha not squared",
        "In norm_after the first term is alpha·|w|². Lengths are multiplied by alpha, their squares by alpha².",
        (_variant(norm_after=lambda ww, gg, lr, a: a * ww + lr**2 * gg / a**2),),
    ),
    Mistake(
        "norm not squared",
        "norm_after is the length of the weights. The task asks for its square.",
        (_variant(norm_after=lambda ww, gg, lr, a: (a**2 * ww + lr**2 * gg / a**2) ** 0.5),),
    ),
    Mistake(
        "learning rate not squared",
        "In norm_after the learning rate is not squared. |step|² = lr²·|grad|²/alpha².",
        (_variant(norm_after=lambda ww, gg, lr, a: a**2 * ww + lr * gg / a**2),),
    ),
    Mistake(
        "input changed in place",
        "w or grad was changed (w *= … works in place). The caller still needs its inputs: build new arrays.",
        (_in_place,),
    ),
)


def _step(w, grad, lr, alpha):
    there, slope = alpha * w, grad / alpha
    after = there - lr * slope
    return slope, lr / alpha**2, np.sum(after**2)


def _float32(w, grad, lr, alpha):
    w, grad = w.astype(np.float32), grad.astype(np.float32)
    return _variant()(w, grad, np.float32(lr), np.float32(alpha))


def _by_angle(w, grad, lr, alpha):
    length, slope = math.dist(alpha * w, 0 * w), math.dist(grad / alpha, 0 * grad)
    angle = math.atan2(lr * slope, length)
    lr_effective = math.tan(angle) * math.hypot(*w) / math.hypot(*grad)
    return [grad * (1 / alpha), lr_effective, (length / math.cos(angle)) ** 2]


def _loops(w, grad, lr, alpha):
    scaled = [float(g) / alpha for g in grad]
    squares = [(alpha * float(a)) ** 2 + (lr * g) ** 2 for a, g in zip(w, scaled, strict=True)]
    return scaled, lr * alpha**-2, sum(squares)


EXERCISE = Exercise(
    id="1.6",
    title="Longer weights, smaller turns",
    answers=("after_scaling",),
    shows="grad_scaled, lr_effective, norm_after = after_scaling(w, grad, lr, alpha)",
    minutes=15,
    difficulty="moderate",
    points=4,
    read="Chapter 1.4, section “Scale invariance”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways={
        "the step, taken": (_step,),
        "float32 throughout": (_float32,),
        "by the angle of the turn": (_by_angle,),
        "plain loops and lists": (_loops,),
    },
)
