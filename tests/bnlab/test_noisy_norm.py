"""Noise where it should be, none where it should not."""

import torch

from bnlab.noisy_norm import NoisyBatchNorm, input_means, replace_batch_norm, train_on_few
from bnlab.training import mlp


def batch(n=60, width=5):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(0))


def test_noise_is_fresh_at_every_step_and_gone_in_evaluation():
    x, noisy = batch(4000), NoisyBatchNorm(5)
    first, second = noisy(x), noisy(x)
    assert (first.mean(0) - second.mean(0)).abs().max() > 0.05
    assert first.mean(0).abs().max() < 0.5 + 0.02, "no more than the shift"
    assert first.std(0).min() > 0.98 and first.std(0).max() < 1.25 + 0.05
    torch.testing.assert_close(noisy.eval()(x), noisy(x))


def test_replacing_keeps_the_weights():
    model = mlp(2, 16)
    replaced = replace_batch_norm(model, NoisyBatchNorm)
    assert replaced[0] is model[0] and isinstance(replaced[1], NoisyBatchNorm)


def test_input_means_leaves_the_model_alone():
    model = mlp(2, 16)
    x = torch.rand(50, 64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    means = input_means(model, 2, x)
    assert means.shape == (16,) and means.abs().max() < 1e-5, "BN in training mode has mean β = 0"
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_training_on_few_learns_something():
    assert train_on_few(mlp(1, 32), images=100, steps=40) > 0.6
