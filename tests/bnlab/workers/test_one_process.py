"""What of bnlab.workers needs no second process."""

import copy

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import CheckpointError

from bnlab.training import load, mlp
from bnlab.workers.accumulation import gradient, relative_difference
from bnlab.workers.checkpointing import Checkpointed, apart, halved, once, statistics_kept, twice
from bnlab.workers.picture import STEPS, draw_step
from bnlab.workers.replicas import data_parallel
from bnlab.workers.sync import SyncBatchNorm, synced


def digits(n):
    x, y = load().flat().part("train")
    return x[:n], y[:n]


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}, {"bias": False}])
def test_a_worker_alone_has_plain_batch_norm(options):
    ours, theirs = SyncBatchNorm(3, **options).double(), nn.BatchNorm1d(3, **options).double()
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 3, 4, generator=rng, dtype=torch.float64)
    for batch in x:
        assert torch.allclose(ours(batch), theirs(batch), atol=1e-12)
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert torch.allclose(a, b)
    assert torch.allclose(ours.eval()(x[0]), theirs.eval()(x[0]), atol=1e-12)


def test_sync_refuses_what_has_no_statistics():
    with pytest.raises(ValueError, match="hold 1 value"):
        SyncBatchNorm(2)(torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"expected \(N, 2\)"):
        SyncBatchNorm(2)(torch.zeros(4, 3))


def test_synced_keeps_parameters_buffers_and_modes():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2, momentum=None)))
    model[1][0].eval()
    before = {id(t) for t in (*model.parameters(), *model.buffers())}
    assert synced(model) is model and isinstance(model[1][0], SyncBatchNorm)
    assert {id(t) for t in (*model.parameters(), *model.buffers())} == before
    assert model.training and not model[1][0].training and model[1][0].momentum is None
    assert isinstance(synced(nn.BatchNorm1d(3)), SyncBatchNorm)


def test_accumulation_changes_the_gradient_of_batch_norm_alone():
    x, y = digits(64)
    assert relative_difference(mlp(3, 64, "bn", seed=0), x, y, 4) > 0.3
    for norm in ("ln", "gn", "none"):
        assert relative_difference(mlp(3, 64, norm, seed=0), x, y, 4) < 1e-5
    assert relative_difference(mlp(3, 64, "bn", seed=0).eval(), x, y, 4) < 1e-5
    with pytest.raises(ValueError, match="64 samples make no 5 pieces"):
        gradient(mlp(3, 64, "bn"), x, y, 5)


def statistics(model):
    return [b.clone() for b in model.buffers()]


def step(model, x, wrapped=None):
    """One forward and backward; returns gradients and buffers."""
    (wrapped or model)(x).square().sum().backward()
    return [p.grad for p in model.parameters()], statistics(model)


def alike(a, b):
    return all(torch.equal(s, t) for s, t in zip(a, b, strict=True))


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpointing_moves_the_statistics_twice(use_reentrant):
    x = digits(32)[0].requires_grad_()
    plain = mlp(2, 16, "bn", seed=1)
    models = [copy.deepcopy(plain) for _ in range(3)]
    grads, once_moved = step(plain, x)
    found, moved = step(models[0], x, Checkpointed(models[0], use_reentrant))
    assert alike(found, grads) and not alike(moved, once_moved)
    for model, change in zip(models[1:], (twice, halved), strict=True):
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm1d):
                layer.momentum = change(0.1)
    _, as_if = step(models[1], x)
    _, corrected = step(models[2], x, Checkpointed(models[2], use_reentrant))
    for a, b, c, d in zip(moved, as_if, corrected, once_moved, strict=True):
        if a.is_floating_point():
            assert torch.allclose(a, b, atol=1e-6) and torch.allclose(c, d, atol=1e-6)


def test_counted_twice_the_average_of_all_batches_is_the_same():
    means = []
    for wrap in (lambda layer: layer, Checkpointed):
        layer = nn.BatchNorm1d(64, momentum=None)
        for batch in digits(96)[0].requires_grad_().split(32):
            wrap(layer)(batch).sum().backward()
        means.append(layer.running_mean)
    assert layer.num_batches_tracked == 6 and torch.allclose(*means, atol=1e-6)


def test_apart_is_of_parameters_and_of_buffers():
    model = mlp(1, 8, "bn", seed=0)
    other = copy.deepcopy(model)
    assert apart(model, other) == (0, 0)
    model[1].running_var += 0.5
    model[1].num_batches_tracked += 7
    model[0].weight.data[0, 0] += 2
    assert apart(model, other) == pytest.approx((2, 0.5))


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("ends_in_bn", [False, True])
def test_the_context_moves_them_once(momentum, ends_in_bn):
    x = digits(32)[0].requires_grad_()
    plain = nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8, momentum=momentum))
    if not ends_in_bn:
        plain.append(nn.ReLU())
    model = copy.deepcopy(plain)
    for _ in range(3):
        plain.zero_grad()
        model.zero_grad()
        want, got = step(plain, x), step(model, x, Checkpointed(model, context_fn=once(model)))
        assert alike(want[0], got[0]) and alike(want[1], got[1])
    assert model[1].momentum == momentum


def test_switching_tracking_off_is_no_way():
    model = mlp(1, 8, "bn", seed=0)

    def forward(x):
        y = model(x)
        model[1].track_running_stats = False
        return y

    y = Checkpointed(Forward(forward))(digits(8)[0].requires_grad_())
    with pytest.raises(CheckpointError, match="different number of tensors"):
        y.sum().backward()


class Forward(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_statistics_kept_puts_everything_back_after_an_error():
    model = mlp(1, 8, "bn", seed=0)
    before = statistics(model)
    with pytest.raises(KeyError), statistics_kept(model):
        model(digits(8)[0])
        raise KeyError
    assert alike(before, statistics(model)) and model[1].momentum == 0.1


def test_data_parallel_keeps_the_first_pieces_statistics():
    model, x = mlp(1, 8, "bn", seed=0), digits(32)[0]
    alone = copy.deepcopy(model)
    y = data_parallel(model, x, 4)
    first = alone(x[:8])
    assert torch.equal(y[:8], first) and len(y) == 32
    assert alike(statistics(model), statistics(alone))
    y.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_data_parallel_loses_buffers_that_are_assigned_anew():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("in_place", torch.zeros(1))
            self.register_buffer("anew", torch.zeros(1))

        def forward(self, x):
            self.in_place += 1
            self.anew = self.anew + 1
            return x

    model = Counts()
    data_parallel(model, torch.zeros(4, 1), 2)
    assert model.in_place == 1 and model.anew == 0


def test_the_picture_says_what_travels():
    fig, ax = plt.subplots()
    draw_step(ax)
    texts = [text.get_text() for text in ax.texts]
    assert all(stage in texts for stage, *_ in STEPS)
    assert {"copied from 0", "nothing", "averaged", "equal"} <= set(texts)
    plt.close(fig)
