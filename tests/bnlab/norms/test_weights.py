"""Weight norm is PyTorch's; weight standardisation is the formula, done by batch norm."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm as torch_weight_norm

from bnlab.norms.weights import (
    WeightNorm,
    WeightStandardisation,
    reparametrized,
    standardise_weight,
    weight_norm,
)


def layers(seed=0):
    torch.manual_seed(seed)
    return [nn.Linear(7, 4), nn.Conv1d(3, 5, 3), nn.Conv2d(2, 3, (3, 2)), nn.Conv2d(1, 1, 1)]


@pytest.mark.parametrize("number", range(4))
def test_weight_norm_is_pytorchs_with_gradients(number):
    theirs = torch_weight_norm(layers()[number].double())
    g, v = (p.detach().clone() for p in theirs.parametrizations["weight"].parameters())
    g = (g * 1.7).requires_grad_()
    v.requires_grad_()
    torch.nn.init.constant_(theirs.bias, 0)
    with torch.no_grad():
        theirs.parametrizations["weight"].original0.copy_(g)
    mine, want = weight_norm(v, g), theirs.weight
    torch.testing.assert_close(mine, want)
    upstream = torch.randn_like(want)
    expected = torch.autograd.grad(
        want, list(theirs.parametrizations.weight.parameters()), upstream
    )
    for a, b in zip(torch.autograd.grad(mine, (g, v), upstream), expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("number", range(3))
def test_weight_standardisation_is_batch_norm_of_the_weights(number):
    w = layers()[number].weight.detach().double()
    rows = w.reshape(1, len(w), -1)
    want = F.batch_norm(rows, None, None, training=True, eps=1e-6).reshape(w.shape)
    torch.testing.assert_close(standardise_weight(w), want)
    assert standardise_weight(w).flatten(1).mean(1).abs().max() < 1e-12


def test_a_filter_of_one_weight_vanishes():
    assert torch.equal(standardise_weight(torch.randn(3, 1, 1, 1)), torch.zeros(3, 1, 1, 1))


def test_weight_norm_starts_at_the_layers_weight():
    for layer in layers():
        before = layer.weight.detach().clone()
        parametrize.register_parametrization(layer, "weight", WeightNorm())
        torch.testing.assert_close(layer.weight, before)
        names = [name for name, _ in layer.named_parameters()]
        assert sum(name.startswith("parametrizations.weight") for name in names) == 2


def test_scaled_standardisation_keeps_the_size_of_white_input():
    torch.manual_seed(0)
    x = torch.randn(4096, 100)
    for scaled, size in ((False, 10.0), (True, 1.0)):
        layer = nn.Linear(100, 50, bias=False)
        parametrize.register_parametrization(layer, "weight", WeightStandardisation(scaled=scaled))
        assert layer(x).std().item() == pytest.approx(size, rel=0.02)


def test_all_layers_but_the_classifier_are_reparametrized():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    assert reparametrized(model, WeightNorm) is model
    assert parametrize.is_parametrized(model[0]) and not parametrize.is_parametrized(model[3])
    (model(torch.randn(2, 1, 8, 8)).sum()).backward()
    assert all(p.grad is not None for p in model.parameters())
