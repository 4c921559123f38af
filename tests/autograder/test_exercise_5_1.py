"""Exercise 5.1: answers that nobody listed, right and wrong."""

import numpy as np
import pytest
import torch
from torch import nn

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex5_1.answers import axes_of, moments, one

SEEDS = ("unlisted 1", "unlisted 2")
[right] = one()


class ByHand(torch.autograd.Function):
    """A gradient of its own, which runs outside of the learner's function."""

    @staticmethod
    def forward(ctx, values, axes, eps):
        std = (values.var(axes, correction=0, keepdim=True) + eps).sqrt()
        x_hat = (values - values.mean(axes, keepdim=True)) / std
        ctx.save_for_backward(x_hat, std)
        ctx.axes = axes
        return x_hat

    @staticmethod
    def backward(ctx, g):
        x_hat, std = ctx.saved_tensors
        along = (g * x_hat).mean(ctx.axes, keepdim=True)
        return (g - g.mean(ctx.axes, keepdim=True) - x_hat * along) / std, None, None


def own_gradient(x, kind, weight, bias, groups=1, eps=1e-5):
    values, axes = x, () if kind == "group" else axes_of(x, kind, weight)
    if kind == "group":
        values, axes = x.unflatten(1, (groups, -1)), tuple(range(2, x.ndim + 1))
    x_hat = ByHand.apply(values, axes, eps).reshape(x.shape)
    if kind != "layer":
        weight, bias = (p.reshape(-1, *[1] * (x.ndim - 2)) for p in (weight, bias))
    return weight * x_hat + bias


def by_vmap(x, kind, weight, bias, groups=1, eps=1e-5):
    """Instance norm as group norm; the samples one by one."""
    if kind in ("batch", "layer"):
        return right(x, kind, weight, bias, groups, eps)
    parts = len(weight) if kind == "instance" else groups

    def sample(values):
        rows = values.reshape(parts, -1)
        centred = rows - rows.mean(1, keepdim=True)
        rows = centred / (centred.square().mean(1, keepdim=True) + eps).sqrt()
        return rows.reshape(values.shape)

    shape = (-1, *[1] * (x.ndim - 2))
    return torch.vmap(sample)(x) * weight.reshape(shape) + bias.reshape(shape)


@pytest.mark.parametrize("answer", [own_gradient, by_vmap])
@pytest.mark.parametrize("seed", SEEDS)
def test_unlisted_right_answers_pass(answer, seed):
    verdict = judge(exercise("5.1"), (answer,), seed)
    assert verdict.ok, str(verdict)


def via_module(x, kind, weight, bias, groups=1, eps=1e-5):
    if kind != "group":
        return right(x, kind, weight, bias, groups, eps)
    layer = nn.GroupNorm(groups, len(weight), eps, dtype=x.dtype)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer(x)


def hidden(x, kind, weight, bias, groups=1, eps=1e-5):
    """Tries PyTorch's, and falls back to its own when that is refused."""
    try:
        return torch.layer_norm(x, weight.shape, weight, bias, eps)
    except Exception:
        return right(x, kind, weight, bias, groups, eps)


UNLISTED = {
    "the input": lambda x, *rest: x,
    "a tuple": lambda *inputs: (right(*inputs),),
    "nothing": lambda *inputs: None,
    "transposed": lambda *inputs: right(*inputs).transpose(0, 1).contiguous(),
    "no graph": lambda *inputs: right(*inputs).detach(),
    "NumPy": lambda *inputs: right(*inputs).detach().numpy(),
    "zeros with a graph": lambda x, kind, weight, *rest: 0 * x * x.sum(),
    "graph of γ alone": lambda x, *rest: right(x.detach(), *rest),
    "module inside": via_module,
    "refusal caught": hidden,
    "one γ for all": lambda x, kind, weight, *rest: right(
        x, kind, weight * 0 + weight.reshape(-1)[0], *rest
    ),
    "mean cut off": one(moments=lambda p, axes: (p.detach().mean(axes, True), moments(p, axes)[1]))[
        0
    ],
    "median": one(moments=lambda p, axes: (p.median(), moments(p, axes)[1]))[0],
    "mean deviation": one(
        moments=lambda p, axes: (
            p.mean(axes, True),
            (p - p.mean(axes, True)).abs().mean(axes, True) ** 2,
        )
    )[0],
}


@pytest.mark.parametrize("name", UNLISTED)
@pytest.mark.parametrize("seed", SEEDS)
def test_unlisted_wrong_answers_fail(name, seed):
    assert not judge(exercise("5.1"), (UNLISTED[name],), seed).ok


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a tuple", "returned tuple; expected one tensor"),
        ("nothing", "returned None"),
        ("transposed", "x has (3, 6, 5, 2)"),
        ("no graph", "has no graph"),
        ("NumPy", "expected one tensor"),
        ("module inside", "PyTorch's own `group_norm`"),
        ("refusal caught", "PyTorch's own `layer_norm`"),
    ],
)
def test_a_wrong_form_is_named(name, says):
    assert says in str(judge(exercise("5.1"), (UNLISTED[name],), "form"))


def test_every_kind_has_a_case_without_symmetry():
    """On inputs with equal axes a wrong axis may pass; each kind also has other shapes."""
    cases = exercise("5.1").cases(np.random.default_rng(0))
    for kind in ("batch", "layer", "instance", "group"):
        shapes = [c.inputs["x"].shape for c in cases if c.inputs["kind"] == kind]
        assert any(len(set(shape)) == len(shape) for shape in shapes), kind
