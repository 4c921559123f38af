"""The layer that forgets paths: same outputs as batch norm, the right gradient only when asked."""

import copy

import pytest
import torch
from torch.nn import functional as F

from bnlab.forgetful import ForgetfulNorm, adopt_statistics, forgetful, gradient
from bnlab.training import mlp, tensors


@pytest.mark.parametrize("forgets", [(), ("mean",), ("var",), ("mean", "var")])
def test_gradients_are_what_is_left_of_the_closed_form(forgets):
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(9, 5, dtype=torch.float64, requires_grad=True)
    dy = torch.randn(9, 5, dtype=torch.float64)
    layer = ForgetfulNorm(5, forgets).double()
    with torch.no_grad():
        layer.weight.uniform_(0.5, 2)
        layer.bias.normal_()
    (dx,) = torch.autograd.grad(layer(x), x, dy)

    s = torch.sqrt(x.var(0, unbiased=False) + layer.eps)
    x_hat = (x - x.mean(0)) / s
    want = dy.clone()
    want -= 0 if "mean" in forgets else dy.mean(0)
    want -= 0 if "var" in forgets else x_hat * (dy * x_hat).mean(0)
    torch.testing.assert_close(dx, layer.weight / s * want)


def test_outputs_and_buffers_are_batch_norms():
    torch.manual_seed(0)
    right = torch.nn.BatchNorm1d(4)
    wrong = ForgetfulNorm(4, ("mean", "var"))
    for _ in range(3):
        x = 1 + torch.randn(7, 4)
        torch.testing.assert_close(wrong(x), right(x))
    torch.testing.assert_close(wrong.running_mean, right.running_mean)
    torch.testing.assert_close(wrong.running_var, right.running_var)
    torch.testing.assert_close(wrong.eval()(x), right.eval()(x))


def test_forgetful_keeps_the_weights_and_gradient_is_autograds():
    x, y, _, _ = tensors()
    model = mlp(2, seed=0)
    same = forgetful(copy.deepcopy(model))
    F.cross_entropy(model(x[:32]), y[:32]).backward()
    want = torch.cat([p.grad.flatten() for p in model.parameters()])
    torch.testing.assert_close(gradient(same, x[:32], y[:32]), want, atol=1e-6, rtol=1e-4)


def test_unknown_paths_are_refused():
    with pytest.raises(ValueError, match="gamma"):
        ForgetfulNorm(3, ("gamma",))


def test_with_adopted_statistics_evaluation_computes_what_training_does():
    x, _, _, _ = tensors()
    model = mlp(3, seed=0)
    in_training = model.train()(x[:32])
    adopt_statistics(model, x[:32])
    assert not model.training and model[1].momentum == 0.1
    torch.testing.assert_close(model(x[:32]), in_training)
