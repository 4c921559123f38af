"""What is read off a network, how it is trained, and images from elsewhere."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.training import load, mlp, train
from bnlab.trials.loop import adam, first_times, fit, sgd
from bnlab.trials.measures import (
    gradient_norms,
    inputs_of,
    shape_of,
    share_right,
    steps_until,
    under_attack,
    with_a_stranger,
)
from bnlab.trials.shifts import SHIFTS, everywhere, own_gains


@pytest.fixture(scope="module")
def data():
    return load().flat()


@pytest.fixture(scope="module")
def trained(data):
    return train(mlp(2, 32, seed=0), 0.1, 4, data=data).model


def test_fit_with_plain_sgd_is_the_lab_s_training(data):
    for decay in (0.0, 0.01):
        a, b = mlp(2, 16, seed=0), mlp(2, 16, seed=0)
        run = train(a, 0.1, 1, seed=3, weight_decay=decay, data=data)
        assert fit(b, data, sgd(0.1, decay), 1, seed=3) == run.accuracy
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(p, q, atol=1e-6, rtol=1e-5)


def test_decay_of_the_weights_alone_spares_gamma_and_beta():
    model = mlp(1, 8, seed=0)
    before = copy.deepcopy(model)
    steps = sgd(1.0, 0.5, of_all=False)(model)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    steps.step()
    torch.testing.assert_close(model[0].weight, 0.5 * before[0].weight)
    assert torch.equal(model[1].weight, before[1].weight)
    assert torch.equal(model[0].bias, before[0].bias)


def test_adam_takes_its_first_step_of_the_size_of_the_rate(data):
    model, start = mlp(1, 8, "none", seed=0), mlp(1, 8, "none", seed=0)
    few = everywhere(data, lambda x: x[:64])
    few = few.__class__(**{**vars(few), "y_train": data.y_train[:64], "y_test": data.y_test[:64]})
    fit(model, few, adam(0.01), 1)
    moved = (model[-1].bias - start[-1].bias).abs()
    torch.testing.assert_close(moved, torch.full((10,), 0.01), atol=1e-4, rtol=0)


def test_only_the_first_image_of_a_batch_is_spoilt(data):
    images = data.x_train[:4].clone()
    spoilt = first_times(100)(images)
    assert torch.equal(spoilt[0], 100 * images[0]) and torch.equal(spoilt[1:], images[1:])
    assert torch.equal(images, data.x_train[:4]), "the data themselves are left alone"


def test_gradient_norms_are_those_of_autograd(data):
    model, x, y = mlp(2, 8, seed=0), data.x_train[:64], data.y_train[:64]
    state = copy.deepcopy(model.state_dict())
    found = gradient_norms(model, x, y)
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())
    nn.functional.cross_entropy(model(x), y).backward()
    weights = [m.weight.grad.norm().item() for m in model if isinstance(m, nn.Linear)]
    np.testing.assert_allclose(found, weights, rtol=1e-5)
    np.testing.assert_allclose(gradient_norms(model, x, y), found, rtol=1e-5)  # not added up


def test_the_form_of_a_distribution():
    rng = torch.Generator().manual_seed(0)
    normal = torch.randn(200_000, 1, generator=rng)
    waiting = -torch.rand(200_000, 1, generator=rng).log()  # exponential: skewness 2, kurtosis 6
    assert shape_of(normal).abs().max() < 0.05
    torch.testing.assert_close(
        shape_of(waiting).flatten(), torch.tensor([2.0, 6.0]).double(), atol=0.4, rtol=0
    )
    torch.testing.assert_close(shape_of(3 * waiting - 7), shape_of(waiting), atol=1e-3, rtol=1e-3)


def test_inputs_of_a_kind_come_in_order_and_in_training_mode(data, trained):
    x = data.x_train[:100]
    before, after = (inputs_of(trained.eval(), kind, x) for kind in (nn.BatchNorm1d, nn.ReLU))
    assert len(before) == len(after) == 2
    torch.testing.assert_close(before[0], trained[0](x))
    norm = nn.functional.batch_norm(
        before[0], None, None, trained[1].weight, trained[1].bias, training=True
    )
    torch.testing.assert_close(after[0], norm)


def test_an_attack_hurts_more_than_noise_of_the_same_size(data, trained):
    x, y = data.part("test")
    rng = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, x.shape, generator=rng) * 2 - 1
    with torch.no_grad():
        clean = share_right(trained.eval()(x), y)
        noisy = share_right(trained((x + 0.1 * signs).clamp(0, 1)), y)
    assert under_attack(trained, x, y, 0.0) == clean
    assert under_attack(trained, x, y, 0.1) < noisy - 0.1


def test_a_stranger_reaches_the_others_through_batch_norm_alone(data, trained):
    x, y = data.part("test")
    plain = train(mlp(2, 32, "none", "he", seed=0), 0.1, 4, data=data).model
    with torch.no_grad():
        assert with_a_stranger(plain, x, y, 1000) == pytest.approx(share_right(plain(x), y))
    state = copy.deepcopy(trained.state_dict())
    assert with_a_stranger(trained, x, y, 1) > 0.8 > 0.6 > with_a_stranger(trained, x, y, 1000)
    assert all(torch.equal(state[k], v) for k, v in trained.state_dict().items())


def test_steps_until_a_goal(data):
    found = steps_until(lambda s: mlp(2, 32, seed=s), 0.1, (0.1, 0.8, 1.01), 3, 0, data)
    assert found[0.1] <= found[0.8] < 66 and found[1.01] == float("inf")
    assert found[0.8] % 2 == 0


def test_shifts_keep_the_form_and_do_what_they_are_called(data):
    x = data.x_test
    for name, change in SHIFTS.items():
        assert change(x).shape == x.shape and torch.equal(change(x), change(x)), name
    maps = {name: change(x).reshape(-1, 8, 8) for name, change in SHIFTS.items()}
    picture = x.reshape(-1, 8, 8)
    assert torch.equal(maps["upside down"][:, 0], picture[:, -1])
    assert torch.equal(maps["one pixel to the right"][:, :, 1:], picture[:, :, :-1])
    torch.testing.assert_close(maps["blurred"][:, 1, 1], picture[:, :3, :3].mean((1, 2)))
    assert 0.29 < (maps["noisy"] - picture).std() < 0.31
    gains = own_gains(torch.ones(1, 64))
    assert gains.min() > 0.01 and gains.max() < 100 and gains.max() > 1000 * gains.min()


def test_everywhere_changes_both_parts_and_no_label(data):
    shifted = everywhere(data, lambda x: x + 1)
    assert torch.equal(shifted.x_train, data.x_train + 1)
    assert torch.equal(shifted.x_test, data.x_test + 1)
    assert shifted.y_test is data.y_test
