"""Blended statistics against the statistics of a real pool, and against batch norm at both ends."""

import math

import pytest
import torch
from torch import nn

from bnlab.norms.blend import BlendedBatchNorm, share, surprise


def batch(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return 3 + 2 * torch.randn(shape, generator=rng, dtype=torch.float64)


def of(x):
    """Mean and biased variance per channel."""
    flat = x.movedim(1, 0).flatten(1)
    return flat.mean(1), flat.var(1, correction=0)


def knowing(x, **options):
    """A layer whose running statistics are those of x."""
    layer = BlendedBatchNorm(x.shape[1], **options).double()
    layer.running_mean, layer.running_var = of(x)
    return layer


@pytest.mark.parametrize("shape", [(2, 3), (3, 3, 4), (1, 3, 2, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_the_blend_is_the_pool_of_old_and_new_samples(shape, training):
    old, new = batch(5, *shape[1:]), batch(*shape, seed=1) - 4
    layer = knowing(old, prior=5, chance=0.0, affine=False).train(training)
    mean, var = of(torch.cat([old, new]))
    view = (1, -1, *[1] * (len(shape) - 2))
    want = (new - mean.view(view)) / torch.sqrt(var.view(view) + layer.eps)
    torch.testing.assert_close(layer(new), want)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4, 4)])
def test_without_a_prior_training_is_batch_norm_state_included(shape, momentum):
    ours = BlendedBatchNorm(3, prior=0, momentum=momentum).double()
    kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    theirs = kind(3, momentum=momentum, dtype=torch.float64)
    for seed in range(3):
        x, upstream = batch(*shape, seed=seed).requires_grad_(), batch(*shape, seed=9)
        a, b = ours(x), theirs(x)
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(
            torch.autograd.grad(a, x, upstream), torch.autograd.grad(b, x, upstream)
        )
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_an_infinite_prior_uses_running_statistics_in_both_modes():
    x = batch(4, 3)
    layer = knowing(batch(50, 3, seed=2), prior=math.inf)
    want = (x - layer.running_mean) / torch.sqrt(layer.running_var + layer.eps)
    torch.testing.assert_close(layer.train()(x), want)
    layer = knowing(batch(50, 3, seed=2), prior=math.inf)
    torch.testing.assert_close(layer.eval()(x), want)


def test_chance_alone_gives_a_surprise_of_one():
    mean, var = torch.zeros(4000), torch.full((4000,), 9.0)
    for values in (1, 8):
        x = 3 * torch.randn(values, 4000, generator=torch.Generator().manual_seed(0))
        assert abs(surprise(x.mean(0), mean, var, values) - 1) < 0.1
        assert surprise(x.mean(0) + 3, mean, var, values) > 0.9 * (1 + values)


def test_the_gate_stays_shut_for_an_ordinary_batch_and_opens_for_a_shifted_one():
    known = batch(400, 50)
    layer, ordinary = knowing(known).eval(), batch(4, 50, seed=1)
    plain = nn.BatchNorm1d(50, dtype=torch.float64)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(ordinary), plain.eval()(ordinary))
    shifted = ordinary + 10
    assert layer(shifted).mean().abs() < 0.5 * plain(shifted).mean().abs()
    assert torch.equal(layer.running_mean, plain.running_mean), "eval mode moves nothing"


def test_the_share_of_the_batch():
    assert [share(n, 3.0) for n in (1, 3, 9)] == [0.25, 0.5, 0.75]
    assert share(1, 0.0) == 1.0


def test_a_batch_of_one_can_be_trained_on():
    layer = BlendedBatchNorm(3, prior=1.0)
    x = torch.tensor([[1.0, -2.0, 0.5]], requires_grad=True)
    (dx,) = torch.autograd.grad(layer(x), x, torch.ones(1, 3))
    assert torch.isfinite(dx).all() and (dx.abs() > 0.01).all()
    torch.testing.assert_close(layer.running_var, torch.tensor([1.0, 1.3, 0.925]))
    with pytest.raises(ValueError, match="prior above 0"):
        BlendedBatchNorm(3, prior=0)(torch.randn(1, 3))


def test_what_it_refuses():
    with pytest.raises(ValueError, match="from 0 on"):
        BlendedBatchNorm(3, prior=-1)
    with pytest.raises(ValueError, match=r"\(N, C\)"):
        BlendedBatchNorm(3)(torch.randn(3))
