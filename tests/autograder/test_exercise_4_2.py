"""Exercise 4.2: what its check is blind to and what not; answers that nobody listed."""

import pytest
import torch
from stopwatch import Stopwatch
from torch.nn import functional as F

from autograder import check
from autograder.registry import exercise
from autograder.specs.ex4_2.answers import Right, channel, others


def variant(**methods):
    return type("BatchNormFunction", (Right,), methods)


class PyTorchs(Right):
    @classmethod
    def y(cls, x, gamma, beta, eps):
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


class PyTorchsBackward(Right):
    @classmethod
    def gradients(cls, dy, x, gamma, mean, inv_std):
        stats = mean.flatten(), inv_std.flatten()
        backward = torch.ops.aten.native_batch_norm_backward
        return backward(dy, x, gamma, None, None, *stats, True, 1e-5, [True, True, True])


class PyTorchsReplayed(Right):
    @classmethod
    def backward(cls, ctx, dy):
        x, gamma = ctx.saved_tensors
        with torch.enable_grad():
            y = F.batch_norm(x, None, None, gamma, None, training=True, eps=ctx.eps)
            grads = torch.autograd.grad(y, (x, gamma), dy, create_graph=True)
        return cls.asked(ctx, (*grads, dy.sum(others(x))))


class Composed(Right):
    """No function of its own: autograd does everything, and keeps three tensors."""

    @classmethod
    def apply(cls, x, gamma, beta, eps):
        mean = x.mean(others(x), keepdim=True)
        std = (x.var(others(x), correction=0, keepdim=True) + eps).sqrt()
        return channel(gamma, x) * ((x - mean) / std) + channel(beta, x)


class Constant(Right):
    @classmethod
    def gradients(cls, dy, x, gamma, mean, inv_std):
        return torch.zeros_like(x), torch.zeros_like(gamma), torch.zeros_like(gamma)


class Halved(Right):
    @classmethod
    def y(cls, x, gamma, beta, eps):
        return super().y(x, gamma, beta, eps).half()


class InAList(Right):
    """Kept on ctx where an attribute-by-attribute look would not find it."""

    @classmethod
    def forward(cls, ctx, x, gamma, beta, eps):
        ctx.kept = [{"x": x}, lambda: gamma, eps]
        return cls.y(x, gamma, beta, eps)

    @classmethod
    def backward(cls, ctx, dy):
        kept, gamma, eps = ctx.kept
        x = kept["x"]
        return cls.asked(ctx, cls.gradients(dy, x, gamma(), *cls.statistics(x, eps)))


class WrongSecondOnly(Right):
    """A first derivative that is right, through numbers that have no graph."""

    @classmethod
    def gradients(cls, dy, x, gamma, mean, inv_std):
        return super().gradients(dy, x, gamma, mean, inv_std.detach())


class FlatOnly(Right):
    @staticmethod
    def statistics(x, eps):
        var, mean = torch.var_mean(x, 0, correction=0, keepdim=True)
        return mean, torch.rsqrt(var + eps)


UNLISTED = {
    "PyTorch's own": (PyTorchs, "PyTorch's own `batch_norm`"),
    "PyTorch's own gradient": (PyTorchsBackward, "PyTorch's own `"),
    "PyTorch's own, replayed": (PyTorchsReplayed, "PyTorch's own `"),
    "no function": (Composed, "are kept for backward"),
    "zeros": (Constant, "`dx` is wrong"),
    "half precision": (Halved, "y is torch.float16"),
    "kept in a list": (InAList, "without an error"),
    "1/std without a graph": (WrongSecondOnly, "second derivative by x"),
    "over the batch axis": (FlatOnly, "images"),
    "no class": (lambda x, gamma, beta, eps: x, "derived from torch.autograd.Function"),
    "its apply": (Right.apply, "derived from torch.autograd.Function"),
    "nothing returned": (
        variant(forward=classmethod(lambda *a: None)),
        "apply returned NoneType",
    ),
    "statistics returned as well": (
        variant(forward=classmethod(lambda cls, ctx, x, *a: (x * 1, x.mean()))),
        "apply returned tuple; expected one tensor",
    ),
    "no backward": (
        type("F", (torch.autograd.Function,), {"forward": Right.__dict__["forward"], "y": Right.y}),
        "Not written yet",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def everything_is_loaded():
    check("4.2", Right)


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    answer, says = UNLISTED[name]
    watch = Stopwatch()
    verdict = check("4.2", answer)
    assert not verdict.ok and says in str(verdict)
    assert watch.seconds < 1.0  # a busy machine; quiet, it takes 0.2 s


class ManyKeptNumbers(Right):
    """Statistics, m and parameters kept beside x: small things are free."""

    @classmethod
    def forward(cls, ctx, x, gamma, beta, eps):
        ctx.eps, ctx.m = eps, x.numel() // len(gamma)
        ctx.save_for_backward(x, gamma, beta, *cls.statistics(x, eps), x.mean(others(x)))
        return cls.y(x, gamma, beta, eps)

    @classmethod
    def backward(cls, ctx, dy):
        x, gamma = ctx.saved_tensors[:2]
        return cls.asked(ctx, cls.gradients(dy, x, gamma, *cls.statistics(x, ctx.eps)))


class OnlyWhatIsAsked(Right):
    @staticmethod
    def asked(ctx, grads):
        needed = zip(grads, ctx.needs_input_grad[:3], strict=True)
        return *(g if need else None for g, need in needed), None


class OneAxisShort(Right):
    """dγ and dβ keep their axes of length 1 for a table; autograd adds them up itself."""

    @staticmethod
    def asked(ctx, grads):
        dx, dgamma, dbeta = grads
        return dx if ctx.needs_input_grad[0] else None, dgamma[None], dbeta[None], None


@pytest.mark.parametrize("answer", [ManyKeptNumbers, OnlyWhatIsAsked, OneAxisShort])
def test_another_right_answer_passes(answer):
    verdict = check("4.2", answer)
    assert verdict.ok, verdict


def test_two_slips_are_both_named():
    class Both(Right):
        @classmethod
        def gradients(cls, dy, x, gamma, mean, inv_std):
            m = x.numel() // len(gamma)
            dx, dgamma, dbeta = super().gradients(dy, x, gamma, mean, inv_std)
            return dx, dgamma / m, dbeta / m

        @staticmethod
        def asked(ctx, grads):
            return *grads, None

    mistakes = set(check("4.2", Both).mistakes)
    assert {"gradients averaged", "dx for nobody"} <= mistakes


def test_a_right_answer_is_judged_in_well_under_a_second():
    exercise("4.2")
    check("4.2", Right)
    watch = Stopwatch()
    assert check("4.2", Right).ok
    assert watch.seconds < 0.5
