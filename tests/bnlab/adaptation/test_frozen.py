"""Frozen batch norm: no mode and no helper moves it, and it comes back as what it was."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from bnlab.adaptation.frozen import FrozenBatchNorm, freeze, unfreeze


def trained():
    """Several kinds, nested, with random statistics."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, eps=0.1, momentum=0.3), nn.ReLU()),
        nn.SyncBatchNorm(3),
        nn.BatchNorm2d(3, affine=False),
        nn.Flatten(),
        nn.Linear(12, 4),
        nn.BatchNorm1d(4, track_running_stats=False),
        nn.BatchNorm1d(4, momentum=None),
    )
    for _ in range(3):
        model(2 * torch.randn(8, 2, 4, 4) + 1)
    for p in model.parameters():
        if p.ndim == 1:
            nn.init.uniform_(p, 0.5, 1.5)
    return model


X = torch.randn(5, 2, 4, 4, generator=torch.Generator().manual_seed(1))


def state(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_it_answers_in_every_mode_like_the_layer_in_eval_mode():
    layer = trained()[0][1].eval()
    x = torch.randn(4, 3, 2, 2)
    frozen = FrozenBatchNorm(layer)
    assert torch.equal(frozen.train()(x), layer(x)) and torch.equal(frozen.eval()(x), layer(x))


@pytest.mark.parametrize("enemy", ["train", "update_bn"])
def test_nothing_moves_the_statistics(enemy):
    model = freeze(trained())
    was = state(model)
    if enemy == "train":
        model.train()(X)
    else:
        update_bn([X, 2 * X], model)
    assert same(was, state(model))


class Refuses(nn.BatchNorm2d):
    def train(self, mode=True):
        return super().train(False)


def test_a_layer_that_refuses_training_mode_is_reset_and_not_filled_by_update_bn():
    model = nn.Sequential(Refuses(2))
    model[0].running_mean.fill_(3)
    model.train()(X)
    assert torch.all(model[0].running_mean == 3)
    update_bn([X], model)
    assert torch.all(model[0].running_mean == 0) and torch.all(model[0].running_var == 1)


def test_the_state_loads_in_both_directions():
    model = trained()
    frozen = freeze(copy.deepcopy(model))
    assert same(model.state_dict(), frozen.state_dict())
    trained().load_state_dict(frozen.state_dict(), strict=True)
    frozen.load_state_dict(model.state_dict(), strict=True)


def test_gradients_pass_and_gamma_trains_only_if_asked():
    for trains in (False, True):
        frozen = FrozenBatchNorm(trained()[0][1], trains_affine=trains)
        x = torch.randn(4, 3, 2, 2, requires_grad=True)
        frozen(x).square().sum().backward()
        assert x.grad is not None
        assert [name for name, _ in frozen.named_parameters()] == ["weight", "bias"] * trains


def test_unfreezing_gives_the_same_layers_back():
    model = trained()
    kinds = [(type(m), m.eps, m.momentum, m.training) for m in model.modules() if _is_norm(m)]
    was = state(model)
    back = unfreeze(freeze(copy.deepcopy(model)))
    assert [
        (type(m), m.eps, m.momentum, m.training) for m in back.modules() if _is_norm(m)
    ] == kinds
    assert same(was, state(back))
    assert torch.equal(model.eval()(X), back.eval()(X))
    back.train()(X)
    assert back[6].num_batches_tracked == 4


def _is_norm(module):
    return isinstance(module, _BatchNorm)


def test_a_layer_without_statistics_stays():
    assert isinstance(freeze(trained())[5], nn.BatchNorm1d)
    with pytest.raises(ValueError, match="no running statistics"):
        FrozenBatchNorm(nn.BatchNorm1d(3, track_running_stats=False))


def test_a_batch_norm_alone_is_frozen_and_thawed():
    layer = nn.BatchNorm1d(2).double()
    frozen = freeze(layer)
    assert isinstance(frozen, FrozenBatchNorm)
    back = unfreeze(frozen)
    assert isinstance(back, nn.BatchNorm1d) and back.running_mean.dtype == torch.float64
    assert back.weight.dtype == torch.float64 and back.num_batches_tracked.dtype == torch.int64
