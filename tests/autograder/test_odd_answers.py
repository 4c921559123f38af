"""Answers that fight back, and notebooks with settings of their own: a verdict all the same."""

import time

import numpy as np
import pytest
import torch

from autograder import check


def right(dy, cache):
    x_hat, inv_std, gamma = cache["x_hat"], cache["inv_std"], cache["gamma"]
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    dx = gamma * inv_std * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy))
    return dx, dgamma, dbeta


def leaves_in_cache(key, change):
    def backward(dy, cache):
        grads = right(dy, cache)
        cache[key] = change(cache[key])
        return grads

    return backward


@pytest.mark.parametrize(
    "change", [lambda a: None, lambda a: 1.0, np.ndarray.tolist, torch.tensor, lambda a: 2 * a]
)
def test_an_entry_of_the_cache_is_replaced(change):
    """Comparing an array with what took its place must not raise, and the entry is named."""
    verdict = check("2.3", leaves_in_cache("gamma", change))
    assert "changed its input `cache['gamma']`" in str(verdict)
    assert verdict.mistakes == ()  # the known mistake spoils x_hat
    assert check("2.3", leaves_in_cache("gamma", np.copy)).ok


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("nothing to say")


class Lazy:
    """An output that runs code when it is looked at."""

    def __init__(self, what):
        self.what = what

    def __array__(self, *args, **kwargs):
        return self.what()


def leave():
    raise SystemExit


def stay():
    while True:
        pass


def is_mute(dy, cache):
    raise Mute


def returns(dx):
    return lambda dy, cache: (dx, *right(dy, cache)[1:])


@pytest.mark.parametrize(
    "answer, says",
    [
        (is_mute, "It raised Mute."),
        (returns(Lazy(leave)), "`exit()`"),
        (returns(Lazy(stay)), "still running after 2 s"),
        (returns(map(float, [1])), "got map"),
    ],
)
def test_an_answer_that_fights_back(answer, says):
    assert says in str(check("2.3", answer))


def swallows(dy, cache):
    while True:
        try:
            time.sleep(10)
        except:  # noqa: E722
            continue


def test_a_bare_except_in_an_endless_loop_is_left():
    start = time.monotonic()
    assert "still running after 2 s" in str(check("2.3", swallows))
    assert time.monotonic() - start < 5
    assert check("2.3", right).ok


def test_settings_of_the_notebook_change_nothing():
    with torch.no_grad(), np.errstate(all="raise"):
        assert check("2.3", right).ok
    with torch.inference_mode():
        assert check("2.3", right).ok


def test_half_precision_and_wrong_length_are_said():
    def halved(dy, cache):
        return [grad.astype(np.float16) for grad in right(dy, cache)]

    assert "It is float16" in str(check("2.3", halved))

    def all_axes(shape, channel_axis):
        return tuple(range(len(shape))), shape, 1

    assert "`axes` has length 2 in place of 1" in str(check("1.2", all_axes))
