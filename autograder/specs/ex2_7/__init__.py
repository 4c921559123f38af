"""2.7 A forward pass that moves few bytes and keeps its digits."""

from __future__ import annotations

import numpy as np
import torch

from autograder.spec import (
    FORGIVEN_ROUNDINGS,
    SINGLE_ROUNDOFF,
    AnswerError,
    Case,
    Exercise,
    Measured,
)
from autograder.specs.ex2_7.answers import AXES, MISTAKES, RIGHT_WAYS
from bnlab.memory import FREE_SHARE, measure

PASSES, SCRATCH = "passes over memory", "scratch held at once, in sizes of x"
DIGITS = "error of out less its channel means, relative to its largest value"
ALLOWED = FORGIVEN_ROUNDINGS * SINGLE_ROUNDOFF
HIDDEN = (
    "The count is less than reading x once and writing out once, yet out is full. Either x is not "
    "used, or it was reached in a way that is not counted, such as a memoryview or another "
    "library. Use NumPy's functions and operators on x, out and their slices."
)


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, at_most, shape, ratio=0.5, std=1.0):
        """Each channel has its own std, and a mean of `ratio` of them, of either sign.

        The noise is uniform. x − μ is then exact at a large mean (Sterbenz), and what
        remains are some five roundings of y. The folded form rounds a·x, which is about
        `ratio` times as large as a·(x − μ): by 2⁻²⁵ to 2⁻²⁴ of it. At 1000 that is 1.7e-5
        or more of the largest y, which is √3 · a · std, and the tolerance is 7.6e-6.
        """
        c, signs = shape[1], rng.choice([-1, 1], size=(2, shape[1]))
        stds = std * rng.uniform(0.7, 1.4, size=c)
        means = ratio * stds * rng.uniform(1, 1.1, size=c) * signs[0]
        noise = rng.uniform(-(3**0.5), 3**0.5, size=shape)
        x = means[:, None, None] + stds[:, None, None] * noise
        gamma = rng.uniform(0.5, 2, size=c) * signs[1]
        inputs = dict(
            x=x.astype(np.float32),
            gamma=gamma.astype(np.float32),
            beta=rng.normal(size=c).astype(np.float32),
            eps=1e-5,
            at_most=at_most,
        )
        # out itself shifts with a rounding of the mean: γ·μ/σ is what cancels in it.
        return Case(name, inputs, scale={"out": float(np.abs(gamma).max() * ratio)})

    return [
        case("at most 8 passes", 8, (16, 20, 12, 11)),
        case("at most 4 passes, small values, std 0.01", 4, (17, 21, 11, 11), std=1e-2),
        case("at most 4 passes, mean 1000 times the std", 4, (16, 20, 13, 10), ratio=1000),
    ]


def call(forward_lean, x, gamma, beta, eps, at_most):
    out = np.full_like(x, np.nan)
    traffic = measure(forward_lean, x, gamma, beta, eps, out)
    read, written = round(traffic.read[0], 2), round(traffic.written[1], 2)
    if np.isfinite(out).all() and (read < 1 or written < 1):
        raise AnswerError(HIDDEN)
    return {
        "out": out,
        DIGITS: _digits(out, x, gamma, eps, traffic),
        PASSES: _passes(traffic, x, at_most),
        SCRATCH: _scratch(traffic, x),
    }


def _digits(out, x, gamma, eps, traffic):
    """How far out is off, channel means apart, and whether that is lost digits.

    Digits that are lost to rounding come out differently in each implementation: a
    comparison of numbers would recognise none. So the kind of error has to do.
    """
    mean, centred = _split(x)
    std = np.sqrt((centred**2).mean(axis=AXES, keepdims=True) + eps)
    right = gamma[:, None, None] * centred / std
    error = float(np.abs(_split(out)[1] - right).max() / np.abs(right).max())
    if error <= ALLOWED:
        return Measured(error, "", "")
    if np.abs(mean / std).max() < 100:  # no digits to lose: `out` itself tells
        return Measured(0.0, "", f"wrong by {error}")
    says = f"`out` less its channel means is off by {error:.2g} of its largest value."
    if round(traffic.written[1], 2) < 1:
        return Measured(error, says, "not written")
    return Measured(error, says, "noise" if error < 1e-3 else "variance lost")


def _split(a):
    """The channel means, and what remains without them, in float64."""
    mean = a.mean(axis=AXES, dtype=np.float64, keepdims=True)
    return mean, a - mean


def _passes(traffic, x, at_most):
    passes = round(traffic.passes, 2)  # a few numbers, read to shift by, are no pass
    most = [f"`{name}` ({n:.3g})" for name, n in list(traffic.by_operation.items())[:3]]
    says = f"It moved {passes:.3g} times the bytes of x, most of them by {', '.join(most)}."
    return Measured(passes, says, _kind(traffic, x) if passes > at_most else "")


def _scratch(traffic, x):
    says = f"It held new arrays of {traffic.scratch:.2g} times the size of x at once."
    too_much = traffic.scratch > FREE_SHARE
    return Measured(traffic.scratch, says, _kind(traffic, x) if too_much else "")


def _kind(traffic, x):
    """Why so much memory moves: the same for all ways to write one mistake."""
    if traffic.widest > x.itemsize:
        return "wide"
    if traffic.scratch > FREE_SHARE:
        return "one new array" if traffic.scratch < 1.75 else "new arrays"
    return "steps in out" if traffic.read[1] > 0 else "x read often"


def reference(x, gamma, beta, eps, at_most):
    x, gamma, beta = (torch.from_numpy(a).double() for a in (x, gamma, beta))
    out = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps).numpy()
    return {
        "out": out,
        DIGITS: ALLOWED,
        PASSES: float(at_most),
        SCRATCH: FREE_SHARE,
    }


EXERCISE = Exercise(
    id="2.7",
    title="Few passes over memory",
    answers=("forward_lean",),
    shows="forward_lean(x, gamma, beta, eps, out)",
    minutes=35,
    difficulty="stretch",
    points=6,
    read="Chapter 2.5, section “Passes over memory”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
