"""The NumPy network against PyTorch in float64, and its training on digits."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.numpy_net import (
    Linear,
    Network,
    ReLU,
    Sigmoid,
    accuracy,
    cross_entropy,
    mlp,
    sgd_step,
    train,
    train_step,
)


def twin(net):
    """The same network in PyTorch, float64, with copies of the weights."""
    layers = []
    for layer in net.layers:
        if isinstance(layer, Linear):
            linear = nn.Linear(*layer.weight.shape).double()
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(layer.weight.T))
                linear.bias.copy_(torch.from_numpy(layer.bias))
            layers.append(linear)
        else:
            layers.append({ReLU: nn.ReLU, Sigmoid: nn.Sigmoid}[type(layer)]())
    return nn.Sequential(*layers)


def batch(n=13, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 64)), rng.integers(0, 10, n)


@pytest.mark.parametrize("activation", [ReLU, Sigmoid])
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_outputs_and_every_gradient_equal_pytorchs(activation, depth):
    net, (x, labels) = mlp(depth, 7, None, activation, gain=1.4, seed=depth), batch()
    model, tx = twin(net), torch.from_numpy(x).requires_grad_()
    logits = net.forward(x)
    loss, dlogits = cross_entropy(logits, labels)
    dx = net.backward(dlogits)

    expected = F.cross_entropy(model(tx), torch.from_numpy(labels))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(logits, model(tx).detach(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(dx, tx.grad, rtol=1e-10, atol=1e-15)
    theirs = [p.grad.T if p.ndim == 2 else p.grad for p in model.parameters()]
    assert len(theirs) == len(net.parameters()) == 2 * (depth + 1)
    for (value, gradient), want in zip(net.parameters(), theirs, strict=True):
        assert value.shape == gradient.shape
        np.testing.assert_allclose(gradient, want, rtol=1e-10, atol=1e-15)


def test_five_steps_equal_pytorchs():
    net = mlp(2, 9, None, Sigmoid, seed=3)
    model = twin(net)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    for seed in range(5):
        x, labels = batch(seed=seed)
        loss = train_step(net, x, labels, 0.5)
        expected = F.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(labels))
        optimiser.zero_grad()
        expected.backward()
        optimiser.step()
        assert loss == pytest.approx(expected.item(), rel=1e-10)
    for (value, _), p in zip(net.parameters(), model.parameters(), strict=True):
        np.testing.assert_allclose(value, p.detach().numpy().T, rtol=1e-9, atol=1e-12)


def test_large_numbers_neither_overflow_nor_warn():
    with np.errstate(all="raise", under="ignore"):
        loss, gradient = cross_entropy(np.array([[1e4, -1e4], [0.0, 5e3]]), np.array([1, 1]))
        y = Sigmoid().forward(np.array([-1e4, 0.0, 1e4]))
    assert loss == 1e4 and np.isfinite(gradient).all()
    assert y.tolist() == [0, 0.5, 1]


def test_a_step_changes_values_in_place():
    value, gradient = np.ones(3, np.float32), np.array([1.0, 2.0, 4.0])
    sgd_step([(value, gradient)], lr=0.25)
    assert value.tolist() == [0.75, 0.5, 0.0]


def test_modes_reach_every_layer():
    net = mlp(2, 4)
    assert all(layer.training for layer in net.layers)
    net.eval()
    assert not any(layer.training for layer in net.layers)
    net.layers[0].training = True
    accuracy(net)
    assert [layer.training for layer in net.layers] == [True] + [False] * 4
    net.train()
    assert all(layer.training for layer in net.layers)


class Doubled:
    """A normaliser's place in the network, to see where `mlp` puts it."""

    def __init__(self, width):
        self.width = width


def test_mlp_puts_the_norm_between_linear_and_activation():
    net = mlp(2, 5, Doubled, ReLU)
    kinds = [type(layer) for layer in net.layers]
    assert kinds == [Linear, Doubled, ReLU, Linear, Doubled, ReLU, Linear]
    assert net.layers[1].width == 5
    plain = mlp(2, 5, None, ReLU)
    for a, b in zip(net.layers[::3], plain.layers[::2], strict=True):
        np.testing.assert_array_equal(a.weight, b.weight)  # the norm changes no weight


def test_the_spread_of_the_weights_follows_gain():
    weight = Linear(400, 300, np.random.default_rng(0), gain=2**0.5).weight
    assert weight.std() == pytest.approx((2 / 400) ** 0.5, rel=0.02)


def test_training_learns_the_digits_and_repeats_itself():
    runs = [train(mlp(2, 32, None, ReLU, 2**0.5, seed=1), 0.1, epochs=8, seed=1) for _ in "ab"]
    assert runs[0].losses == runs[1].losses and runs[0].accuracy == runs[1].accuracy
    assert len(runs[0].losses) == 8 * 22 and not runs[0].diverged
    assert runs[0].accuracy > 0.88 and runs[0].losses[-1] < 0.6
    assert accuracy(runs[0].net) == runs[0].accuracy


def test_a_run_that_diverges_says_so_without_warnings(recwarn):
    run = train(mlp(3, 32, None, ReLU, 2**0.5), lr=1e6, epochs=2)
    assert run.diverged and run.accuracy == 0.1 and np.isfinite(run.losses).all()
    assert not recwarn.list


def test_an_untrained_network_guesses():
    net = Network([Linear(64, 10, np.random.default_rng(0))])
    assert accuracy(net) < 0.4
