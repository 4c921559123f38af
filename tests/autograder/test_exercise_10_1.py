"""Exercise 10.1: answers that nobody listed, wrong forms, and what the text claims."""

import pytest
import torch
from stopwatch import Stopwatch
from torch.nn import functional as F

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex10_1.answers import Right


def verdict(answer, seed="unlisted"):
    return judge(exercise("10.1"), (answer,), seed)


def variant(**methods):
    return type("gated_norm", (Right,), methods)()


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    """What a first check loads is no part of its verdict's time."""
    verdict(Right())


def from_library(x, running_mean, running_var, gate, weight, bias, eps=1e-5):
    """The course's own blend, which has one share for all channels and looks at the batch."""
    from bnlab.norms.blend import BlendedBatchNorm

    layer = BlendedBatchNorm(x.shape[1], prior=1.0, chance=0.0, eps=eps).to(x.dtype)
    layer.load_state_dict(
        dict(
            weight=weight.detach(),
            bias=bias.detach(),
            running_mean=running_mean,
            running_var=running_var,
            num_batches_tracked=torch.tensor(1),
        )
    )
    return layer.eval()(x)


def eval_mode(x, running_mean, running_var, gate, weight, bias, eps=1e-5):
    return F.batch_norm(x, running_mean, running_var, weight, bias, eps=eps)


def changed(x, running_mean, *others, **options):
    running_mean += 1
    return Right()(x, running_mean, *others, **options)


UNLISTED = {
    "the course's blend": from_library,
    "batch norm in eval mode": eval_mode,
    "instance norm": variant(gate=lambda self, g: torch.ones_like(g) * (g == g) + 0 * g),
    "shut": variant(gate=lambda self, g: 0 * g),
    "eps added twice": variant(
        spread=lambda self, *a: Right.spread(self, *a) + self.eps,
    ),
    "eps fixed": variant(root=lambda self, var: torch.sqrt(var + 1e-5)),
    "distance of the means twice": variant(
        spread=lambda self, g, own, var, apart: g * own + (1 - g) * var + 2 * g * (1 - g) * apart**2
    ),
    "distance not squared": variant(
        spread=lambda self, g, own, var, apart: g * own + (1 - g) * var + g * (1 - g) * apart.abs()
    ),
    "gate squared": variant(gate=lambda self, g: g**2),
    "mean of the gates": variant(gate=lambda self, g: g.mean() + 0 * g),
    "no graph": lambda *a, **k: Right()(*a, **k).detach(),
    "running statistics changed": changed,
    "returns a pair": lambda *a, **k: (Right()(*a, **k), 0),
    "returns nothing": lambda *a, **k: None,
    "float64": lambda *a, **k: Right()(*a, **k).double(),
    "rows": lambda x, *a, **k: Right()(x, *a, **k).flatten(1),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    seen = verdict(UNLISTED[name])
    assert not seen.ok and "Traceback" not in str(seen)
    assert watch.seconds < 1.0


def test_what_is_wrong_with_the_form_is_told():
    assert "PyTorch's own `batch_norm`" in str(verdict(eval_mode))
    assert "has no graph" in str(verdict(UNLISTED["no graph"]))
    assert "returned tuple" in str(verdict(UNLISTED["returns a pair"]))
    assert "returned None" in str(verdict(UNLISTED["returns nothing"]))
    assert "returned torch.float64" in str(verdict(UNLISTED["float64"]))
    assert "running_mean" in str(verdict(changed))


def test_the_ends_are_batch_norm_and_instance_norm():
    rng = torch.Generator().manual_seed(0)
    x = 3 + 2 * torch.randn(3, 4, 5, 2, generator=rng)
    mean, weight, bias = torch.randn(3, 4, generator=rng)
    var = 1 + torch.rand(4, generator=rng)
    shut = Right()(x, mean, var, torch.zeros(4), weight, bias)
    assert torch.allclose(shut, F.batch_norm(x, mean, var, weight, bias), atol=1e-5)
    opened = Right()(x, mean, var, torch.ones(4), weight, bias)
    assert torch.allclose(opened, F.instance_norm(x, weight=weight, bias=bias), atol=1e-5)


def test_the_pool_is_a_pool():
    """A gate of 1/4 is one image's values beside three times as many that the others left."""
    rng = torch.Generator().manual_seed(1)
    own, rest = 5 + torch.randn(8, generator=rng), torch.randn(24, generator=rng)
    both = torch.cat([own, rest])
    one = torch.ones(1)
    y = Right()(
        own.view(1, 1, 2, 4), rest.mean()[None], rest.var(correction=0)[None], one / 4, one, 0 * one
    )
    expected = (own - both.mean()) / torch.sqrt(both.var(correction=0) + 1e-5)
    assert torch.allclose(y.flatten(), expected, atol=1e-5)
