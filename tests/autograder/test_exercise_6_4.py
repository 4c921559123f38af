"""Exercise 6.4: answers that nobody listed, right and wrong, and what their verdicts say."""

import math

import numpy as np
import pytest

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex6_4.answers import Drift

RIGHT = Drift()


def verdict_on(score=RIGHT.score, threshold=RIGHT.threshold, seed="s"):
    return judge(exercise("6.4"), (score, threshold), seed)


def sorts_in_place(scores, rate):
    result = RIGHT.threshold(scores, rate)
    scores.sort()
    return result


def first_spatial_axis_only(x, running_mean, running_var, eps=1e-5):
    return RIGHT.score(x if x.ndim < 4 else x[..., 0], running_mean, running_var, eps)


def as_a_signed_number(x, running_mean, running_var, eps=1e-5):
    return -RIGHT.score(x, running_mean, running_var, eps)


def squared(x, running_mean, running_var, eps=1e-5):
    return RIGHT.score(x, running_mean, running_var, eps) ** 2


WRONG = {
    "scores sorted in place": dict(threshold=sorts_in_place),
    "one spatial axis": dict(score=first_spatial_axis_only),
    "negative": dict(score=as_a_signed_number),
    "squared": dict(score=squared),
    "a constant": dict(score=lambda **inputs: 4.0),
    "a fixed threshold": dict(threshold=lambda scores, rate: 1.96),
    "the median": dict(threshold=lambda scores, rate: np.median(scores)),
    "always refuses": dict(threshold=lambda scores, rate: int("x")),
    "eps of its own": dict(
        score=lambda x, running_mean, running_var, eps=1e-5: RIGHT.score(
            x, running_mean, running_var
        )
    ),
    "not a number": dict(score=lambda **inputs: "high"),
    "one per channel": dict(score=lambda x, running_mean, running_var, eps: running_mean),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_that_are_not_listed_lose_marks(name):
    for seed in ("s", "t", "u"):
        assert not verdict_on(**WRONG[name], seed=seed).ok


def test_a_refusal_that_is_missing_is_said_in_words():
    text = str(
        verdict_on(
            threshold=lambda s, rate: np.sort(s)[
                min(len(s), math.ceil((len(s) + 1) * (1 - rate))) - 1
            ]
        )
    )
    assert "ValueErrors raised" in text and "too few" in text


def test_a_slip_with_shapes_is_no_refusal():
    verdict = verdict_on(threshold=lambda scores, rate: np.ones(3) + np.ones(len(scores)))
    assert "broadcast" in str(verdict)


def test_two_slips_in_two_functions_are_both_named():
    class Slips(Drift):
        def error_of_mean(self, v, m):
            return np.sqrt(v)

        def rank(self, n, rate):
            return math.ceil(n * (1 - rate))

    verdict = verdict_on(*Slips().pair)
    assert set(verdict.mistakes) == {
        "standard deviations, not standard errors",
        "one rank too low",
    }


def test_a_missing_return_is_said():
    assert "return missing" in str(verdict_on(score=lambda **inputs: None))


def test_a_score_without_a_threshold_already_passes_its_own_cases():
    def not_yet(scores, rate):
        raise NotImplementedError

    assert verdict_on(threshold=not_yet).passed == 7


def test_a_refusal_of_enough_scores_is_said_in_words():
    def one_too_many(scores, rate):
        k = int((len(scores) + 1) * (1 - rate)) + 1
        if k > len(scores):
            raise ValueError("more scores")
        return np.sort(scores)[k - 1]

    text = str(verdict_on(threshold=one_too_many))
    assert "7 scores are enough" in text and "Refuse only if k > n" in text


@pytest.mark.parametrize("too_far", [0, 1])
def test_an_index_beyond_the_last_score_is_explained(too_far):
    def unguarded(scores, rate):
        return sorted(scores)[math.ceil((len(scores) + 1) * (1 - rate)) - 1 + too_far]

    name = ("too few end in an IndexError", "one index too high, and no refusal")[too_far]
    assert verdict_on(threshold=unguarded).mistakes == (name,)
