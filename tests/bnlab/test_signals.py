"""The measurements of chapter 1.1: what they measure, and that measuring changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.signals import InputProbe, by_depth, growth
from bnlab.training import mlp, tensors


def test_by_depth_measures_a_hand_made_network():
    torch.manual_seed(0)
    first, second, last = nn.Linear(64, 8), nn.Linear(8, 6), nn.Linear(6, 10)
    model = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)
    x, y, _, _ = tensors()
    x, y = x[:32], y[:32]
    signals = by_depth(model, x, y)

    z1 = first(x)
    z2 = second(z1.relu())
    z1.retain_grad()
    z2.retain_grad()
    nn.functional.cross_entropy(last(second(z1.relu()).relu()), y).backward()
    spread = z2.relu().var(0, unbiased=False).mean().sqrt().item()
    unit = z2.relu() / z2.relu().norm(dim=1, keepdim=True).clamp_min(1e-12)
    cosines = (unit @ unit.T)[~torch.eye(32, dtype=bool)]
    assert len(signals.spread) == len(signals.likeness) == len(signals.gradient) == 2
    assert signals.spread[1] == pytest.approx(spread, rel=1e-5)
    assert signals.likeness[1] == pytest.approx(cosines.mean().item(), rel=1e-4)
    assert signals.gradient[0] == pytest.approx(z1.grad.norm().item(), rel=1e-5)


def test_growth_is_the_factor_per_layer():
    assert growth(np.array([7.0, 8.0, 4.0, 2.0, 1.0])) == pytest.approx(2.0)


def test_the_probe_sees_normalised_inputs_and_changes_nothing():
    model = mlp(3, width=16, seed=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = tensors()[0][:64]
    probe = InputProbe(model, layer=2, x=x)
    probe(1, model)
    assert len(probe.seen) == 2 and probe.seen[0].shape == (64, 16)
    assert np.abs(probe.seen[0].mean(0)).max() < 1e-5
    assert np.abs(probe.seen[0].std(0) - 1).max() < 1e-2
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_probe_takes_the_layer_it_is_told():
    model = mlp(2, width=16, norm="none", seed=0)
    x = tensors()[0][:8]
    first = InputProbe(model, layer=1, x=x).seen[0]
    assert np.allclose(first, model[0](x).detach().numpy())
