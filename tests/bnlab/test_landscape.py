"""The two measurements agree with what can be worked out by hand."""

import numpy as np
import torch
from torch import nn

from bnlab.landscape import along_gradient, gradient_shift, loss_and_gradient
from bnlab.training import mlp, tensors


def some():
    x, y, _, _ = tensors()
    return x[:64], y[:64]


def test_without_a_step_nothing_shifts():
    shift = gradient_shift(mlp(3, 16, norm="none"), *some(), lr=0.0)
    assert shift.shape == (4, 2)
    np.testing.assert_allclose(shift, [[1, 0]] * 4, atol=1e-5)


def test_the_first_layer_has_nothing_below_it():
    shift = gradient_shift(mlp(3, 16), *some(), lr=0.5)
    np.testing.assert_allclose(shift[0], [1, 0], atol=1e-5)
    assert shift[1:, 0].min() < 0.999


def test_the_shift_of_two_layers_by_hand():
    x, y = some()
    model = mlp(1, 16, norm="none", init="he")
    shift = gradient_shift(model, x, y, lr=0.2)
    _, before = loss_and_gradient(model, x, y)
    with torch.no_grad():
        for p, g in zip(model[0].parameters(), before, strict=False):
            p -= 0.2 * g
    _, after = loss_and_gradient(model, x, y)
    np.testing.assert_allclose(shift[1, 1], (after[2] - before[2]).norm(), rtol=1e-5)


def test_steps_are_shares_of_the_weights_and_go_downhill():
    x, y = some()
    model = nn.Sequential(nn.Linear(64, 10))
    weight = model[0].weight.detach().clone()
    losses, changes = along_gradient(model, x, y, [0, 0.1])
    loss, (g, _) = loss_and_gradient(model, x, y)
    assert losses[0] == loss and losses[1] < loss
    assert changes[0] == 0 and changes[1] > 0
    torch.testing.assert_close(model[0].weight, weight, msg="the model stays as it is")
    with torch.no_grad():
        model[0].weight -= 0.1 * weight.norm() / g.norm() * g
    np.testing.assert_allclose(losses[1], loss_and_gradient(model, x, y)[0], rtol=1e-6)
