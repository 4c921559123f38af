"""Exercise 9.2: answers that nobody listed, and what the text says about momentum."""

import math

import numpy as np
import pytest
from stopwatch import Stopwatch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex9_2.answers import RIGHT, Predicting, Recovering, predicts, recovers


def verdict(answers, seed="unlisted"):
    return judge(exercise("9.2"), answers, seed)


def stub(*a):
    raise NotImplementedError


UNLISTED = {
    "expected value alone": (lambda *a: RIGHT[0](*a)[0], RIGHT[1]),
    "swapped": (lambda *a: RIGHT[0](*a)[::-1], RIGHT[1]),
    "noise of the mean of all": predicts(
        spread=lambda self, weights, seen, steps, noise: noise / math.sqrt(seen + steps)
    ),
    "noise as a share of the shift": predicts(
        spread=lambda self, weights, seen, steps, noise: (
            Predicting.spread(self, weights, seen, steps, noise) / 2
        )
    ),
    "after at once": predicts(means=lambda self, seen, steps, b, a: np.full(seen + steps, a)),
    "one batch more before": predicts(
        means=lambda self, seen, steps, b, a: np.repeat(
            [b, a], [seen + (steps > 0), steps - (steps > 0)]
        )
    ),
    "half-life": recovers(solved=lambda self, m, share: math.ceil(math.log(2) / m)),
    "not whole": recovers(
        solved=lambda self, m, share: math.log(share) / math.log(1 - m) if m < 1 else 1
    ),
    "a string for never": recovers(never=lambda self: "never"),
    "None for never": recovers(never=lambda self: None),
    "nothing": (lambda *a: None, lambda *a: None),
    "1/momentum": recovers(solved=lambda self, m, share: math.ceil(1 / m)),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    seen = verdict(UNLISTED[name])
    assert not seen.ok and "Traceback" not in str(seen)
    assert watch.seconds < 1.0


def test_one_half_is_looked_at_while_the_other_is_not_written():
    assert "`steps_to_recover` is not" in str(verdict((RIGHT[0], stub)))
    reversed_momentum = next(
        m.answers for m in exercise("9.2").mistakes if m.name == "momentum reversed in predict"
    )
    seen = verdict((reversed_momentum[0], stub))
    assert "momentum reversed in predict" in seen.mistakes
    assert "Not written yet" in str(verdict((stub, stub)))


@pytest.mark.parametrize("whole", [float, np.int64, np.float32])
def test_whole_numbers_of_any_kind_pass(whole):
    class Whole(Recovering):
        def __call__(self, *a):
            steps = super().__call__(*a)
            return steps if math.isinf(steps) else whole(steps)

    assert verdict((RIGHT[0], Whole())).ok


def test_the_prediction_holds_for_numbers_drawn():
    rng = np.random.default_rng(0)
    for momentum in (0.05, 0.3, None):
        ends = []
        for _ in range(4000):
            running = 0.0
            for k in range(1, 26):
                share = momentum or 1 / k
                mean = (2.0 if k <= 10 else 5.0) + 0.5 * rng.normal()
                running += share * (mean - running)
            ends.append(running)
        mean, deviation = RIGHT[0](momentum, 10, 15, 2.0, 5.0, 0.5)
        assert abs(np.mean(ends) - mean) < 5 * deviation / math.sqrt(4000)
        assert np.std(ends) == pytest.approx(deviation, rel=0.06)


def test_what_the_explanation_says_about_the_long_run():
    for momentum in (0.01, 0.1, 0.5):
        _, deviation = RIGHT[0](momentum, 2000, 1, 0.0, 0.0, 1.0)
        assert deviation == pytest.approx(math.sqrt(momentum / (2 - momentum)))
    assert RIGHT[1](None, 200, 0.05) == 3800
