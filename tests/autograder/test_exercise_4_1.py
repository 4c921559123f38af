"""Exercise 4.1: answers that nobody listed, right and wrong, and what their verdicts say."""

import numpy as np
import pytest
import torch
from stopwatch import Stopwatch
from torch import nn
from torch.nn import functional as F

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex4_1.answers import Right
from bnlab.norms.batch_norm import BatchNorm


@pytest.fixture(autouse=True, scope="module")
def warm():
    """What the first verdict loads is loaded."""
    verdict_on(Right)


def verdict_on(answer, seed="s"):
    return judge(exercise("4.1"), (answer,), seed)


def variant(**methods):
    return type("BatchNorm", (Right,), methods)


def module(name, **more):
    """A class whose forward is `name`'s, with nothing registered."""
    return type(
        name, (nn.Module,), {"__init__": lambda self, c, **k: nn.Module.__init__(self)} | more
    )


class Wrapped(nn.Module):
    """PyTorch's layer inside."""

    def __init__(self, num_features, **options):
        super().__init__()
        self.layer = nn.BatchNorm1d(num_features, **options)

    def forward(self, x):
        return self.layer(x.flatten(2)).reshape(x.shape)


class Inherited(nn.modules.batchnorm._BatchNorm):
    """PyTorch's constructor and state, the step its own."""

    def _check_input_dim(self, x):
        pass


class Instance(Right):
    """Batch norm by way of another normaliser."""

    def output(self, x, mean, var):
        if not self.uses_batch():
            return super().output(x, mean, var)
        y = F.instance_norm(x.transpose(0, 1).reshape(1, x.shape[1], -1), eps=self.eps)
        y = y.reshape(x.shape[1], len(x), *x.shape[2:]).transpose(0, 1)
        return y if self.weight is None else self.scale_shift(y, x)


class Caught(Right):
    """Tries PyTorch's own and hides that it was stopped."""

    def output(self, x, mean, var):
        try:
            return torch.ops.aten.batch_norm(
                x, self.weight, self.bias, None, None, True, 0.0, self.eps, False
            )
        except Exception:
            return super().output(x, mean, var)


class KeepsFirst(Right):
    """Running statistics of the first batch, for good."""

    def blend(self, name, new, share):
        if self.num_batches_tracked <= 1:
            super().blend(name, new, share)


class RunningStd(Right):
    def stored(self, var, m):
        return super().stored(var, m).sqrt()


class CountsSamples(Right):
    def forward(self, x):
        y = super().forward(x)
        if self.moves():
            self.num_batches_tracked += len(x) - 1
        return y


class GraphInEval(Right):
    """No graph in the buffers, but none in eval mode either."""

    def forward(self, x):
        with torch.set_grad_enabled(self.training and torch.is_grad_enabled()):
            return super().forward(x)


UNLISTED = {
    "identity": module("Identity", forward=lambda self, x: x),
    "pytorch": nn.BatchNorm1d,
    "pytorch, inherited": Inherited,
    "pytorch, wrapped": Wrapped,
    "pytorch, from a function": lambda num_features, **o: nn.BatchNorm2d(num_features, **o),
    "instance norm of one image": Instance,
    "caught": Caught,
    "keeps the first batch": KeepsFirst,
    "running std": RunningStd,
    "counts samples": CountsSamples,
    "no gradient in eval": GraphInEval,
    "returns a tuple": variant(forward=lambda self, x: (Right.forward(self, x), None)),
    "returns nothing": variant(forward=lambda self, x: None),
    "returns an array": variant(forward=lambda self, x: Right.forward(self, x).detach().numpy()),
    "float32 always": variant(forward=lambda self, x: Right.forward(self, x).float()),
    "flattened": variant(forward=lambda self, x: Right.forward(self, x).flatten(1)),
    "no options": type("Bare", (Right,), {"__init__": lambda self, c: Right.__init__(self, c)}),
    "no constructor": type("BatchNorm", (nn.Module,), {}),
    "super().__init__() missing": type(
        "B",
        (nn.Module,),
        {"__init__": lambda self, c, **k: setattr(self, "weight", nn.Parameter(torch.ones(c)))},
    ),
    "no module": type("BatchNorm", (), {"__init__": lambda self, c, **k: None}),
    "constant": lambda num_features, **options: 3,
    "starts in eval mode": lambda num_features, **options: Right(num_features, **options).eval(),
    "γ squared": variant(
        scale_shift=lambda self, y, x: Right.scale_shift(self, y, x) * self.shaped(self.weight, x)
    ),
    "eps fixed": variant(inv_std=lambda self, var: 1 / torch.sqrt(var + 1e-5)),
    "momentum fixed": variant(share=lambda self: 0.1),
    "m fixed": variant(stored=lambda self, var, m: var * 8 / 7),
    "averaged by samples": variant(
        share=lambda self: 0.5 if self.momentum is None else self.momentum
    ),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    verdict = verdict_on(UNLISTED[name])
    assert not verdict.ok and "Traceback" not in str(verdict)
    assert watch.seconds < 1.0  # quiet, it takes 0.2 s


def test_the_layer_of_the_book_is_right():
    assert verdict_on(BatchNorm).ok


class Grouped(Right):
    """A helper module inside that has no state of its own; more options than asked for."""

    def __init__(self, num_features, *args, bias=True, device=None, **options):
        super().__init__(num_features, *args, **options)
        self.flatten = nn.Flatten(2)

    def batch(self, x):
        flat = self.flatten(x) if x.ndim > 2 else x[:, :, None]
        return tuple(reversed(torch.var_mean(flat, (0, 2), correction=0)))


def batch_norm(x):
    """A name of PyTorch's that is the learner's own."""
    axes = [0, *range(2, x.ndim)]
    return x.mean(axes), x.var(axes, correction=0)


class Recounts(Right):
    """Refuses by a test of its own, whose error is a subclass; counts before it refuses, as PyTorch."""

    class Refusal(ValueError):
        pass

    def refuse(self, x, m):
        if self.moves():
            self.num_batches_tracked += 1
        if m < 2:
            raise self.Refusal

    def count(self):
        pass


RIGHT = {
    "a module inside": Grouped,
    "a function called batch_norm": variant(batch=lambda self, x: batch_norm(x)),
    "counts before it refuses": Recounts,
    "made by a function": lambda num_features, **options: Right(num_features, **options),
    "verified with F._verify_batch_size": variant(
        refuse=lambda self, x, m: F._verify_batch_size(x.size())
    ),
    "rows of a transposed x": variant(
        batch=lambda self, x: (
            x.transpose(0, 1).flatten(1).mean(1),
            x.transpose(0, 1).flatten(1).var(1, unbiased=False),
        )
    ),
    "mean of squared deviations": variant(
        batch=lambda self, x: (
            x.mean(self.axes(x)),
            (x - self.shaped(x.mean(self.axes(x)), x)).square().mean(self.axes(x)),
        )
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_unlisted_right_answer_passes(name):
    verdict = verdict_on(RIGHT[name])
    assert verdict.ok, verdict


@pytest.mark.parametrize(
    "name, says",
    [
        ("pytorch", "derived from PyTorch's own batch norm"),
        ("pytorch, inherited", "derived from PyTorch's own batch norm"),
        ("pytorch, wrapped", "`state_dict()` holds `layer.bias`"),
        ("instance norm of one image", "calls PyTorch's own `instance_norm`"),
        ("caught", "calls PyTorch's own `batch_norm`"),
        ("returns a tuple", "`forward` returned tuple"),
        ("returns nothing", "`forward` returned None"),
        ("returns an array", "`forward` returned float32 array of shape (8, 5)"),
        ("float32 always", "`forward` returned torch.float32 for x of torch.float64"),
        ("flattened", "`forward` returned shape (3, 40) for x of (3, 4, 2, 5)"),
        ("no module", "makes BatchNorm, not a module"),
        ("constant", "makes int, not a module"),
        ("starts in eval mode", "`training` of a new layer is False"),
        ("no gradient in eval", "y has no graph"),
        ("no options", "unexpected keyword argument"),
        ("super().__init__() missing", "before Module.__init__() call"),
    ],
)
def test_a_wrong_form_is_said(name, says):
    assert says in str(verdict_on(UNLISTED[name])), verdict_on(UNLISTED[name])


def test_two_slips_are_both_named():
    both = variant(
        stored=lambda self, var, m: var,
        batch=lambda self, x: tuple(s.detach() for s in Right.batch(self, x)),
    )
    assert set(verdict_on(both).mistakes) >= {
        "biased running variance",
        "statistics without gradient",
    }


def test_the_graph_is_found_in_one_buffer_alone():
    class Leaks(Right):
        def forward(self, x):
            y = super().forward(x)
            if self.moves():
                self.running_var = self.running_var + 0 * x.sum()
            return y

    verdict = verdict_on(Leaks)
    assert "`running_var`: the buffer carries a graph" in str(verdict)
    assert "`running_mean`" not in str(verdict).partition("carries")[0].rpartition("Problem")[2]


def test_a_seed_draws_the_same_cases_again():
    cases = [exercise("4.1").cases(np.random.default_rng(5)) for _ in range(2)]
    for a, b in zip(*cases, strict=True):
        assert a.name == b.name and a.condition == b.condition
        for x, y in zip(a.inputs.get("batches", []), b.inputs.get("batches", []), strict=True):
            assert np.array_equal(x, y)
