"""Exercise 5.2: answers that nobody listed, right and wrong."""

import numpy as np
import pytest
import torch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex5_2.answers import both

SEEDS = ("unlisted 1", "unlisted 2")
RIGHT = layer, layer_backward, rms, rms_backward = both()


def numpy_rms(x, gamma, eps=1e-5):
    x, gamma = x.numpy(), gamma.numpy()
    inv = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    return x * inv * gamma, {"x_hat": x * inv, "inv": inv, "gamma": gamma}


def numpy_rms_backward(dy, cache):
    dy, x_hat = dy.numpy(), cache["x_hat"]
    g = dy * cache["gamma"]
    dx = cache["inv"] * (g - x_hat * (g * x_hat).mean(-1, keepdims=True))
    return [dx, (dy * x_hat).reshape(-1, dy.shape[-1]).sum(0)]


def layer_by_rms(x, gamma, beta, eps=1e-5):
    y, cache = rms(x - x.mean(-1, keepdim=True), gamma, eps)
    return y + beta, cache


def layer_by_rms_backward(dy, cache):
    dx, dgamma = rms_backward(dy, cache)
    return dx - dx.mean(-1, keepdim=True), dgamma, dy.flatten(0, -2).sum(0)


@pytest.mark.parametrize(
    "answers",
    [
        (layer, layer_backward, numpy_rms, numpy_rms_backward),
        (layer_by_rms, layer_by_rms_backward, rms, rms_backward),
    ],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_unlisted_right_answers_pass(answers, seed):
    verdict = judge(exercise("5.2"), answers, seed)
    assert verdict.ok, str(verdict)


def for_autograd(x, gamma, beta, eps=1e-5):
    leaves = [t.clone().requires_grad_() for t in (x, gamma, beta)]
    with torch.enable_grad():
        y, _ = layer(*leaves, eps)
    return y.detach(), (y, leaves)


def by_autograd(dy, cache):
    return torch.autograd.grad(*cache, dy)


def by_vjp(dy, cache):
    x, gamma = cache
    _, pull = torch.func.vjp(lambda x, gamma: rms(x, gamma)[0], x, gamma)
    return pull(dy)


def changes_gamma(dy, cache):
    cache[2].mul_(2)
    return layer_backward(dy, cache)


UNLISTED = {
    "forward is the identity": (lambda x, *rest: (x, ()), *RIGHT[1:]),
    "zeros": (layer, lambda dy, cache: (0 * dy, *layer_backward(dy, cache)[1:]), rms, rms_backward),
    "no β": (lambda x, gamma, beta, eps: layer(x, gamma, 0, eps), *RIGHT[1:]),
    "dβ missing": (layer, lambda dy, cache: layer_backward(dy, cache)[:2], rms, rms_backward),
    "dβ for RMSNorm": (layer, layer_backward, rms, layer_backward),
    "y alone": (lambda *inputs: layer(*inputs)[0], *RIGHT[1:]),
    "backward returns nothing": (layer, lambda dy, cache: None, rms, rms_backward),
    "autograd": (for_autograd, by_autograd, rms, rms_backward),
    "torch.func": (layer, layer_backward, lambda x, g, eps: (rms(x, g, eps)[0], (x, g)), by_vjp),
    "γ changed in place": (layer, changes_gamma, rms, rms_backward),
}


@pytest.mark.parametrize("name", UNLISTED)
@pytest.mark.parametrize("seed", SEEDS)
def test_unlisted_wrong_answers_fail(name, seed):
    assert not judge(exercise("5.2"), UNLISTED[name], seed).ok


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("y alone", "layer_norm returned"),
        ("dβ missing", "layer_norm_backward returned 2 values; expected 3"),
        ("backward returns nothing", "None (is the return missing?)"),
        ("autograd", "PyTorch's own `grad`"),
        ("γ changed in place", "`gamma`"),
    ],
)
def test_a_wrong_form_is_named(name, says):
    assert says in str(judge(exercise("5.2"), UNLISTED[name], "form"))


def test_autograd_is_named_as_the_same_mistake_as_a_norm():
    verdict = judge(exercise("5.2"), UNLISTED["autograd"], "name")
    assert verdict.mistakes == ("PyTorch's own functions",)


def test_two_slips_are_both_named():
    """A LayerNorm with one mistake beside an RMSNorm with another."""
    answers = (*both(paths=(0, 0, 1))[:2], *both(paths=(1, 1, 1))[2:])
    names = judge(exercise("5.2"), answers, "two").mistakes
    assert set(names) == {"mean term missing in LayerNorm", "mean term kept in RMSNorm"}
