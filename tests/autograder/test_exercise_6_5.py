"""Exercise 6.5: answers that nobody listed, right and wrong."""

import numpy as np
import pytest
from stopwatch import Stopwatch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex6_5.answers import Right, axes_of, pair, values, wide
from autograder.specs.ex6_5.workers import run

forward, backward = pair()


def verdict_on(answers, seed="unlisted"):
    return judge(exercise("6.5"), answers, seed)


class NanIgnored(Right):
    """Own means, the empty shard's NaN turned into 0; counts as floats of shape (1,)."""

    def statistics(self, x, all_reduce):
        n = np.array([float(values(x))])
        m = all_reduce(n)
        mean = all_reduce(n * np.nan_to_num(x.mean(axes_of(x)))) / m
        squares = np.nan_to_num(((x - wide(mean, x)) ** 2).mean(axes_of(x)))
        return m, mean, all_reduce(n * squares) / m


class Merged(Right):
    """All-gathers by a sum: every worker finds its row by counting those before it."""

    def statistics(self, x, all_reduce):
        n, c = values(x), x.shape[1]
        own = x.sum(axes_of(x)) / max(n, 1)
        m = all_reduce(n)
        mean = all_reduce(own * n / m)
        between = all_reduce(n / m * (own - mean) ** 2)
        within = all_reduce(((x - wide(own, x)) ** 2).sum(axes_of(x)) / m)
        assert between.shape == (c,)
        return m, mean, between + within


class Guarded(Right):
    """A net below every step."""

    def statistics(self, x, all_reduce):
        try:
            return super().statistics(x, all_reduce)
        except:  # noqa: E722
            return super().statistics(x, all_reduce)


@pytest.mark.parametrize("kind", [NanIgnored, Merged, Guarded])
def test_unlisted_right_answers_pass(kind):
    verdict = verdict_on(pair(kind))
    assert verdict.ok, verdict


def unwritten(*_):
    raise NotImplementedError


def test_forward_alone_is_judged_before_backward_is_written():
    verdict = verdict_on((forward, unwritten))
    assert verdict.passed == 8 and "Not written yet" in str(verdict)


def variance_of_float16(self, x, all_reduce):
    m, mean, var = Right.statistics(self, x, all_reduce)
    return m, mean, np.asarray(var, np.float16)


WRONG = {
    "half precision": pair(statistics=variance_of_float16),
    "dx averaged over workers": pair(
        backward=lambda self, dy, cache, all_reduce: (
            Right.backward(self, dy, cache, all_reduce)[0] / all_reduce(1),
            *Right.backward(self, dy, cache, all_reduce)[1:],
        )
    ),
    "one sum for all channels": pair(
        reduced=lambda self, a, b, all_reduce: all_reduce(np.stack([a, b])).mean(1, keepdims=True)
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_unlisted_wrong_answers_fail(name):
    assert not verdict_on(WRONG[name]).ok


def hands_in(part):
    """A forward that calls all_reduce with `part(x)` first."""

    def answer(x, *more):
        more[-1](part(x))
        return forward(x, *more)

    return answer, backward


def endless(*arguments):
    while True:
        arguments[-1](0)


@pytest.mark.parametrize(
    "answers, says",
    [
        ((lambda *_: None, backward), "`sync_forward` returned None (is the return missing?)"),
        ((lambda *a: forward(*a)[:3], backward), "returned 3 values; expected 4: y, running_mean"),
        ((forward, lambda *a: backward(*a)[0]), "`sync_backward` returned one ndarray"),
        (hands_in(lambda x: x), "arrays of different shapes from the workers: (6, 4), (3, 4)"),
        (hands_in(lambda x: {"sum": x}), "called all_reduce with dict; expected one array"),
        (hands_in(lambda x: None), "called all_reduce with None"),
        ((endless, backward), "called all_reduce more than 20 times"),
        ((lambda x, *a: (x, x, x, x) if len(x) == 3 else forward(x, *a), backward), "would hang"),
    ],
)
def test_a_wrong_form_is_said(answers, says):
    verdict = verdict_on(answers)
    assert not verdict.ok and says.replace("`", "") in str(verdict).replace("`", ""), verdict


def test_workers_of_one_function_get_the_sum_and_may_not_change_their_inputs():
    def answer(x, all_reduce):
        first = all_reduce(x)
        return first, all_reduce(first * x)

    inputs = [{"x": np.array([1.0, 2.0])}, {"x": np.array([10.0, 20.0])}]
    for first, second in run(answer, inputs, "f"):
        assert first.tolist() == [11, 22] and second.tolist() == [121, 484]


def test_a_verdict_is_quick():
    watch = Stopwatch()
    verdict_on((forward, backward))
    assert watch.seconds < 1.0
