"""In-place activated batch norm is batch norm and leaky ReLU, in less memory, with known limits."""

import weakref

import pytest
import torch
from torch import nn
from torch.func import functional_call

from bnlab.norms.inplace import InPlaceBatchNorm
from bnlab.norms.saved import saving
from bnlab.training import cnn, load

NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def pair(channels, dims=4, slope=0.01, dtype=torch.float64, **options):
    """The layer, and batch norm and leaky ReLU, with the same random parameters."""
    ours = InPlaceBatchNorm(channels, slope=slope, **options).to(dtype)
    with torch.no_grad():
        ours.weight.uniform_(0.5, 2).mul_(torch.tensor([1, -1]).repeat(channels)[:channels])
        ours.bias.normal_()
    norm = NORMS[dims](channels, **options).to(dtype)
    norm.load_state_dict(ours.state_dict())
    return ours, nn.Sequential(norm, nn.LeakyReLU(slope))


def gradients(layer, x, upstream):
    x = x.clone().requires_grad_()
    z = layer(x)
    return z, torch.autograd.grad(z, [x, *layer.parameters()], upstream)


@pytest.mark.parametrize("shape", [(2, 3), (7, 1, 5), (5, 3, 4, 2), (2, 2, 3, 1, 2)])
@pytest.mark.parametrize("slope", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("options", [{}, {"momentum": None, "eps": 0.1}])
def test_equals_batch_norm_and_leaky_relu(shape, slope, options):
    torch.manual_seed(0)
    ours, reference = pair(shape[1], len(shape), slope, **options)
    for step in range(4):
        if step == 3:
            ours.eval(), reference.eval()
        x, upstream = 5 + 2 * torch.randn(2, *shape, dtype=torch.float64)
        before = x.clone()
        (z, grads), (want, want_grads) = (gradients(m, x, upstream) for m in (ours, reference))
        torch.testing.assert_close(z, want, rtol=1e-12, atol=1e-12)
        for got, expected in zip(grads, want_grads, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
        assert torch.equal(x, before)
        for name, value in reference[0].state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value)
    assert not any(buffer.requires_grad for buffer in ours.buffers())
    assert ours.num_batches_tracked.dtype == torch.int64


@pytest.mark.parametrize("training", [True, False])
def test_gradcheck(training):
    torch.manual_seed(1)
    layer, _ = pair(3)
    layer.train(training)
    x = torch.randn(4, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    parameters = [p.detach().clone().requires_grad_() for p in layer.parameters()]

    def call(x, weight, bias):
        return functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(call, (x, *parameters))


def test_a_second_derivative_is_refused():
    layer, _ = pair(2)
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    (dx,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        dx.sum().backward()


def test_keeps_the_output_and_three_numbers_for_each_channel():
    layer = InPlaceBatchNorm(16)
    x = torch.randn(8, 16, 5, 5, requires_grad=True)
    with saving() as saved:
        z = layer(x)
    assert saved.shapes == [(8, 16, 5, 5), (16,), (16,), (16,)]
    assert saved.bytes(z, *layer.parameters()) == 16 * 4


def test_lets_go_of_its_input():
    layer = InPlaceBatchNorm(2)
    x = torch.randn(4, 2, requires_grad=True) * 1
    alive = weakref.ref(x)
    z = layer(x)
    del x
    assert alive() is None
    z.sum().backward()


def kept_by_a_cnn(norm):
    """Bytes that a convolutional network keeps for the backward pass of 64 digits."""
    model = cnn(norm=norm, activation="identity")
    with saving() as saved:
        model(load().x_train[:64].clone())
    return saved.bytes(*model.parameters(), *model.buffers())


def test_a_network_keeps_little_more_than_half():
    whole = kept_by_a_cnn(lambda c: nn.Sequential(nn.BatchNorm2d(c), nn.LeakyReLU(inplace=True)))
    ours = kept_by_a_cnn(InPlaceBatchNorm)
    inputs = 4 * 64 * (16 * 64 + 32 * 16 + 32 * 4)  # of the three batch norms, float32
    numbers = 4 * (16 + 32 + 32)  # PyTorch keeps a mean beside each inv_std
    assert whole - ours == inputs + numbers
    assert 0.5 < ours / whole < 0.53


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_input_wide_statistics(dtype):
    torch.manual_seed(0)
    ours, reference = pair(3, dtype=torch.float32)
    x, upstream = (100 + torch.randn(2, 32, 3, 4, 4)).to(dtype)
    z, (dx, *rest) = gradients(ours, x, upstream)
    want, (want_dx, *want_rest) = gradients(reference, x.float(), upstream.float())
    u = torch.finfo(dtype).eps / 2
    assert z.dtype == dx.dtype == dtype and ours.running_mean.dtype == torch.float32
    torch.testing.assert_close(ours.running_mean, reference[0].running_mean, rtol=1e-6, atol=0)
    torch.testing.assert_close(z.float(), want, rtol=2 * u, atol=1e-5)
    assert (dx.float() - want_dx).abs().max() < 4 * u * want_dx.abs().max()
    # x_hat comes out of a rounded z, so each term of the sums is off by a few roundings.
    terms = upstream.float().abs().sum((0, 2, 3)).max()
    for got, expected in zip(rest, want_rest, strict=True):
        assert (got - expected).abs().max() < u * terms


def test_autocast_keeps_the_statistics_wide():
    torch.manual_seed(0)
    conv, layer = nn.Conv2d(1, 4, 3), InPlaceBatchNorm(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = conv(torch.randn(8, 1, 6, 6))
        z = layer(x)
    z.float().square().sum().backward()
    assert x.dtype == z.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == conv.weight.grad.dtype == torch.float32
    mean = 0.1 * x.double().mean((0, 2, 3))
    torch.testing.assert_close(layer.running_mean.double(), mean, rtol=1e-5, atol=1e-7)


def error_of_dgamma(gamma, beta, dtype):
    """Largest error of dgamma, relative to the largest entry."""
    torch.manual_seed(0)
    layer = InPlaceBatchNorm(8)
    nn.init.constant_(layer.weight, gamma), nn.init.constant_(layer.bias, beta)
    exact = nn.Sequential(nn.BatchNorm2d(8), nn.LeakyReLU())
    exact[0].load_state_dict(layer.state_dict())
    x, upstream = torch.randn(2, 64, 8, 8, 8).to(dtype)
    _, (_, got, _) = gradients(layer, x, upstream)
    _, (_, want, _) = gradients(exact.double(), x.double(), upstream.double())
    return ((got - want).abs().max() / want.abs().max()).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_digits_are_lost_in_proportion_to_beta_over_gamma(dtype):
    u = torch.finfo(dtype).eps / 2
    for gamma in (1e-1, 1e-2, 1e-3):
        ratio = 0.5 / gamma
        if u * ratio < 0.1:
            assert 0.05 * u * ratio < error_of_dgamma(gamma, 0.5, dtype) < 5 * u * (1 + ratio)
        assert error_of_dgamma(gamma, 0.0, dtype) < 10 * u


def test_a_gamma_of_zero_is_refused_where_it_would_be_needed():
    layer = InPlaceBatchNorm(2)
    with torch.no_grad():
        layer.weight[1] = 0
        layer(torch.randn(4, 2))
    before = layer.running_mean.clone()
    with pytest.raises(ValueError, match="weight is 0"):
        layer(torch.randn(4, 2))
    assert torch.equal(layer.running_mean, before)


@pytest.mark.parametrize("slope", [0, 0.0, -0.1, float("nan")])
def test_a_slope_that_cannot_be_inverted_is_refused(slope):
    with pytest.raises(ValueError, match="expected a positive number"):
        InPlaceBatchNorm(2, slope=slope)


def test_an_output_that_was_changed_is_noticed():
    layer = InPlaceBatchNorm(2)
    z = layer(torch.randn(4, 2, requires_grad=True))
    z += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_a_refused_input_changes_nothing():
    layer = InPlaceBatchNorm(3)
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    for shape, message in (((1, 3), "one value per channel"), ((4, 1), "expected"), ((3,), "exp")):
        with pytest.raises(ValueError, match=message):
            layer(torch.randn(shape))
    assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())
    assert layer.eval()(torch.randn(1, 3)).shape == (1, 3)


def test_a_training_run_is_the_same():
    torch.manual_seed(0)
    x, y = load().x_train[:256].double(), load().y_train[:256]
    losses = []
    for norm in (InPlaceBatchNorm, lambda c: nn.Sequential(nn.BatchNorm2d(c), nn.LeakyReLU())):
        model = cnn(norm=norm, activation="identity", seed=3).double()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        losses.append([])
        for _ in range(10):
            loss = nn.functional.cross_entropy(model(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses[-1].append(loss.item())
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-8, atol=0)
    assert losses[0][-1] < losses[0][0]
