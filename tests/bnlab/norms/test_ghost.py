"""Ghost batch norm against PyTorch's batch norm on each group by itself."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.norms.ghost import GhostBatchNorm


def batch(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return 3 + 2 * torch.randn(shape, generator=rng, dtype=torch.float64)


def one_by_one(x, groups, weight, bias, eps=1e-5):
    """Every group through PyTorch, put back in its place."""
    y = torch.empty_like(x)
    for g in range(groups):
        y[g::groups] = F.batch_norm(x[g::groups], None, None, weight, bias, True, 0.0, eps)
    return y


# (shape, group, number of groups): whole, one left over, several left over, fewer than a group.
SIZES = [
    ((12, 3), 4, 3),
    ((11, 3), 2, 5),
    ((11, 3, 4), 4, 2),
    ((7, 3, 2, 3), 2, 3),
    ((3, 3), 8, 1),
    ((5, 3, 4), 1, 5),
]


@pytest.mark.parametrize(("shape", "group", "groups"), SIZES)
def test_every_group_is_normalised_by_itself(shape, group, groups):
    x, upstream = batch(*shape).requires_grad_(), batch(*shape, seed=1)
    layer = GhostBatchNorm(3, group).double()
    layer.weight.data, layer.bias.data = batch(3, seed=2), batch(3, seed=3)
    ours, theirs = layer(x), one_by_one(x, groups, layer.weight, layer.bias)
    torch.testing.assert_close(ours, theirs)
    wanted = (x, layer.weight, layer.bias)
    torch.testing.assert_close(
        torch.autograd.grad(ours, wanted, upstream), torch.autograd.grad(theirs, wanted, upstream)
    )


@pytest.mark.parametrize(("shape", "group", "groups"), SIZES)
def test_running_statistics_are_the_mean_and_the_variance_within_groups(shape, group, groups):
    layer = GhostBatchNorm(3, group, momentum=0.3).double()
    mean, var = torch.zeros(3).double(), torch.ones(3).double()
    for seed in range(3):
        x = batch(*shape, seed=seed)
        layer(x)
        parts = [x[g::groups].movedim(1, 0).flatten(1) for g in range(groups)]  # (C, values)
        within = sum((p - p.mean(1, keepdim=True)).square().sum(1) for p in parts)
        values = sum(p.shape[1] for p in parts)
        mean = 0.7 * mean + 0.3 * x.movedim(1, 0).flatten(1).mean(1)
        var = 0.7 * var + 0.3 * within / (values - groups)
    torch.testing.assert_close(layer.running_mean, mean)
    torch.testing.assert_close(layer.running_var, var)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_one_group_is_batch_norm_state_included(momentum):
    ours = GhostBatchNorm(5, 60, momentum=momentum)
    theirs = nn.BatchNorm1d(5, momentum=momentum)
    for seed in range(3):
        x = batch(60, 5, seed=seed).float()
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    x = batch(4, 5).float()
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_no_group_is_smaller_than_asked_for():
    """Dealing out leaves no remainder of one sample, whose x̂ would be 0."""
    y = GhostBatchNorm(2, 4, affine=False)(batch(17, 2).float())
    groups = [y[g::4] for g in range(4)]
    assert [len(group) for group in groups] == [5, 4, 4, 4]
    for group in groups:
        torch.testing.assert_close(group.mean(0), torch.zeros(2), atol=1e-5, rtol=0)


def test_groups_of_one_image_are_instance_norm():
    x = batch(4, 3, 2, 5)
    torch.testing.assert_close(
        GhostBatchNorm(3, 1, affine=False).double()(x), F.instance_norm(x, eps=1e-5)
    )


def test_buffers_have_no_graph_and_may_be_left_out():
    layer = GhostBatchNorm(3, 2)
    layer(torch.randn(4, 3, requires_grad=True))
    assert not layer.running_mean.requires_grad and not layer.running_var.requires_grad
    bare = GhostBatchNorm(3, 2, track_running_stats=False)
    assert bare(torch.randn(4, 3)).shape == (4, 3) and bare.running_mean is None


def test_what_it_refuses():
    with pytest.raises(ValueError, match="one value per channel"):
        GhostBatchNorm(3, 1)(torch.randn(6, 3))
    with pytest.raises(ValueError, match="one value per channel"):
        GhostBatchNorm(3, 4)(torch.randn(1, 3))
    with pytest.raises(ValueError, match=r"\(N, C\)"):
        GhostBatchNorm(3, 4)(torch.randn(3))
    with pytest.raises(ValueError, match="at least 1"):
        GhostBatchNorm(3, 0)
