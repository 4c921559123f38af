"""Batch renormalisation against Algorithm 1 in NumPy, batch norm, and the running statistics."""

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.norms.renorm import BatchRenorm, correction, ramp

NOW = dict(start=0, r_end=1, d_end=1)  # limits at their final values from the second step on
OPEN = dict(r_max=1e9, d_max=1e9, start=-1, r_end=0, d_end=0)  # no clipping, from the first step on


def batches(steps, shape=(6, 3), seed=0):
    rng = torch.Generator().manual_seed(seed)
    return [
        2 + 3 * torch.randn(shape, generator=rng, dtype=torch.float64) * (1 + k)
        for k in range(steps)
    ]


def settled(**options):
    """A layer with running statistics of its own, and γ and β that are not 1 and 0."""
    layer = BatchRenorm(3, **options).double()
    layer.running_mean.copy_(torch.tensor([1.5, 2.5, -1.0]))
    layer.running_std.copy_(torch.tensor([2.0, 4.0, 0.5]))
    layer.weight.data = torch.tensor([1.3, -0.7, 2.0]).double()
    layer.bias.data = torch.tensor([0.1, -0.2, 0.3]).double()
    return layer


def gradient(function, x, upstream):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x), x, upstream)[0]


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 5), (4, 3, 2, 3)])
def test_it_is_algorithm_1_over_several_steps(shape):
    layer = BatchRenorm(3, momentum=0.2, r_max=1.5, d_max=0.5, start=1, r_end=4, d_end=3).double()
    mean, std = np.zeros(3), np.ones(3)
    for step, x in enumerate(batches(6, shape)):
        y = layer(x)
        values = np.moveaxis(x.numpy(), 1, -1).reshape(-1, 3)
        mu_b, sigma_b = values.mean(0), np.sqrt(1e-5 + values.var(0))
        r_max = 1 + 0.5 * np.clip((step - 1) / 3, 0, 1)
        d_max = 0.5 * np.clip((step - 1) / 2, 0, 1)
        r = np.clip(sigma_b / std, 1 / r_max, r_max)
        d = np.clip((mu_b - mean) / std, -d_max, d_max)
        want = (values - mu_b) / sigma_b * r + d
        mean, std = mean + 0.2 * (mu_b - mean), std + 0.2 * (sigma_b - std)
        np.testing.assert_allclose(np.moveaxis(y.detach().numpy(), 1, -1).reshape(-1, 3), want)
        np.testing.assert_allclose(layer.running_mean, mean)
        np.testing.assert_allclose(layer.running_std, std)
    assert layer.num_batches_tracked == 6


def test_before_the_ramp_it_is_batch_norm():
    ours, theirs = BatchRenorm(3).double(), nn.BatchNorm1d(3, dtype=torch.float64)
    for x in batches(3):
        upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).double()
        torch.testing.assert_close(ours(x), theirs(x))
        torch.testing.assert_close(gradient(ours, x, upstream), gradient(theirs, x, upstream))


def test_without_clipping_training_gives_the_values_of_eval():
    [x] = batches(1)
    layer = settled(momentum=0.0, **OPEN)
    torch.testing.assert_close(layer(x), layer.eval()(x))


def test_its_gradient_is_that_of_batch_norm_times_r():
    """r and d are constants; so it is neither batch norm's gradient nor that of eval mode."""
    [x] = batches(1)
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).double()
    layer = settled(**OPEN)
    r = (x.var(0, correction=0) + layer.eps).sqrt() / layer.running_std
    plain = nn.BatchNorm1d(3, dtype=torch.float64)
    plain.weight.data = layer.weight.data.clone()
    batch_norm = gradient(plain, x, upstream)
    dx = gradient(settled(**OPEN), x, upstream)
    torch.testing.assert_close(dx, r * batch_norm)
    assert (dx - batch_norm).abs().max() > 0.1 * batch_norm.abs().max()
    frozen = gradient(layer.eval(), x, upstream)
    assert (dx - frozen).abs().max() > 0.1 * frozen.abs().max()


def test_the_correction_is_clipped_on_both_sides_and_has_no_graph():
    mean, std = torch.zeros(3), torch.ones(3)
    batch_mean = torch.tensor([-9.0, 0.2, 9.0], requires_grad=True)
    batch_std = torch.tensor([0.01, 1.2, 100.0], requires_grad=True)
    r, d = correction(batch_mean, batch_std, mean, std, r_max=4.0, d_max=2.0)
    torch.testing.assert_close(r, torch.tensor([0.25, 1.2, 4.0]))
    torch.testing.assert_close(d, torch.tensor([-2.0, 0.2, 2.0]))
    assert not r.requires_grad and not d.requires_grad


def test_the_ramp_is_flat_straight_and_flat():
    values = [ramp(step, 10, 20, 1.0, 3.0) for step in (0, 10, 15, 20, 99)]
    assert values == [1.0, 1.0, 2.0, 3.0, 3.0]
    assert ramp(0, 0, 0, 1.0, 3.0) == 3.0


def test_the_limits_follow_the_steps_of_training():
    layer = BatchRenorm(3, **NOW)
    assert layer.limits() == (1.0, 0.0)
    layer(torch.randn(4, 3))
    assert layer.limits() == (3.0, 5.0)


def test_eval_mode_changes_nothing_and_buffers_have_no_graph():
    layer = settled()
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    layer(x)
    assert not layer.running_mean.requires_grad and not layer.running_std.requires_grad
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer.eval()(x)
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


def test_the_state_of_a_batch_norm_can_be_loaded():
    theirs = nn.BatchNorm2d(3, eps=1e-3)
    for _ in range(20):
        theirs(5 + 2 * torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0)))
    state = theirs.state_dict()
    ours = BatchRenorm(3, eps=1e-3)
    ours.load_state_dict(state)
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    assert ours.num_batches_tracked == 20 and "running_var" in state
    again = BatchRenorm(3)
    again.load_state_dict(ours.state_dict())
    assert torch.equal(again.running_std, ours.running_std)


def test_one_value_per_channel_is_refused():
    with pytest.raises(ValueError, match="more than 1 value"):
        BatchRenorm(3)(torch.randn(1, 3))
    assert BatchRenorm(3)(torch.randn(1, 3, 2)).shape == (1, 3, 2)
    assert BatchRenorm(3).eval()(torch.randn(1, 3)).shape == (1, 3)


@pytest.mark.parametrize("limits", [dict(r_max=0.5), dict(d_max=-1.0)])
def test_limits_that_exclude_batch_norm_are_refused(limits):
    with pytest.raises(ValueError, match="expected r_max"):
        BatchRenorm(3, **limits)
