"""Own autograd functions: PyTorch's values, derivatives of every order, and what is kept."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

from bnlab.norms.autograd import batch_norm, batch_norm_relu, batch_norm_relu_conv
from bnlab.norms.saved import saving

SHAPES = [(6, 3), (5, 1), (2, 2), (3, 2, 4), (2, 3, 3, 2), (2, 1, 2, 1, 3)]


def inputs(shape, dtype=torch.float64, offset=0.0, scale=1.0):
    torch.manual_seed(0)
    c = shape[1]
    x = offset + scale * torch.randn(shape, dtype=dtype)
    gamma, beta = torch.randn(2, c, dtype=dtype)
    return [t.clone().requires_grad_() for t in (x, gamma, beta)]


def statistics(c):
    return torch.randn(c).double(), torch.rand(c).double() + 0.5


def builtin(x, gamma, beta, eps=1e-5):
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def second_derivative(function, x, gamma, beta):
    """d<v, d<r, y>/dx>/dx, with a graph of its own."""
    torch.manual_seed(1)
    r, v = torch.randn(2, *x.shape, dtype=x.dtype)
    (dx,) = torch.autograd.grad((function(x, gamma, beta) * r).sum(), x, create_graph=True)
    return torch.autograd.grad((dx * v).sum(), x, create_graph=True)[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("offset", "scale", "eps"), [(0, 1, 1e-5), (100, 1, 1e-3), (0, 0.01, 0.1)])
def test_values_and_gradients_are_pytorchs(shape, offset, scale, eps):
    tensors = inputs(shape, offset=offset, scale=scale)
    upstream = torch.randn(shape, dtype=torch.float64)
    for ours, theirs in [
        (batch_norm, builtin),
        (batch_norm_relu, lambda *a, eps: F.relu(builtin(*a, eps=eps))),
    ]:
        y, want = ours(*tensors, eps=eps), theirs(*tensors, eps=eps)
        torch.testing.assert_close(y, want, rtol=1e-9, atol=1e-10)
        pairs = zip(
            torch.autograd.grad(y, tensors, upstream),
            torch.autograd.grad(want, tensors, upstream),
            strict=True,
        )
        for a, b in pairs:
            torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 2, 2)])
def test_first_and_second_derivatives_in_both_modes(shape):
    tensors, stats = inputs(shape), statistics(shape[1])
    for function in (batch_norm, batch_norm_relu, lambda *a: batch_norm(*a, *stats)):
        assert gradcheck(function, tensors) and gradgradcheck(function, tensors)


def test_the_convolution_too():
    tensors = [*inputs((2, 2, 3, 2)), torch.randn(3, 2, 2, 3).double().requires_grad_()]

    def function(x, gamma, beta, weight):
        return batch_norm_relu_conv(x, gamma, beta, weight, padding=1)

    def composed(x, gamma, beta, weight):
        return F.conv2d(F.relu(builtin(x, gamma, beta)), weight, padding=1)

    torch.testing.assert_close(function(*tensors), composed(*tensors))
    assert gradcheck(function, tensors) and gradgradcheck(function, tensors)


def test_third_derivatives_are_right_here_and_silently_wrong_in_pytorch():
    """The book says so of PyTorch 2.13; when this fails, PyTorch is right or raises: rewrite it."""
    tensors = inputs((6, 2))
    assert gradcheck(lambda *a: second_derivative(batch_norm, *a), tensors)
    theirs = gradcheck(
        lambda *a: second_derivative(builtin, *a), tensors, raise_exception=False, fast_mode=True
    )
    assert theirs is False


def test_evaluation_is_pytorchs():
    x, gamma, beta = inputs((4, 3, 2))
    mean, var = statistics(3)
    y = batch_norm(x, gamma, beta, mean, var)
    want = F.batch_norm(x, mean.clone(), var.clone(), gamma, beta, training=False)
    torch.testing.assert_close(y, want)
    one = batch_norm(x[:1, :, :1], gamma, beta, mean, var)  # one value is enough here
    torch.testing.assert_close(one, want[:1, :, :1])


@pytest.mark.parametrize("frozen", [(0,), (1, 2), (0, 1), (2,)])
def test_what_needs_no_gradient_gets_none(frozen):
    tensors = inputs((5, 3))
    want = torch.autograd.grad(builtin(*tensors).square().sum(), tensors)
    for n in frozen:
        tensors[n].requires_grad_(False)
    y, returned = batch_norm(*tensors), []
    y.grad_fn.register_hook(lambda grads, _: returned.extend(grads))
    y.square().sum().backward()
    assert (returned[0] is None) == (0 in frozen)
    for n, tensor in enumerate(tensors):
        if n in frozen:
            assert tensor.grad is None
        else:
            torch.testing.assert_close(tensor.grad, want[n])


def test_what_is_kept():
    x, gamma, beta = inputs((8, 4, 6, 6), torch.float32)
    weight = torch.randn(4, 4, 3, 3, requires_grad=True)
    t, parameters = x.nbytes, (gamma, beta, weight)
    kept = {}
    for name, function in {
        "own": lambda: batch_norm(x, gamma, beta),
        "PyTorch": lambda: builtin(x, gamma, beta),
        "BN, ReLU": lambda: F.relu(builtin(x, gamma, beta)),
        "BN-ReLU": lambda: batch_norm_relu(x, gamma, beta),
        "BN, ReLU, conv": lambda: F.conv2d(F.relu(builtin(x, gamma, beta)), weight),
        "BN-ReLU, conv": lambda: F.conv2d(batch_norm_relu(x, gamma, beta), weight),
        "BN-ReLU-conv": lambda: batch_norm_relu_conv(x, gamma, beta, weight),
    }.items():
        with saving() as saved:
            function()
        kept[name] = saved.bytes(*parameters)
    small = 2 * 4 * 4  # mean and inv_std of four channels
    assert kept["own"] == kept["PyTorch"] == kept["BN-ReLU"] == kept["BN-ReLU-conv"] == t + small
    assert kept["BN, ReLU"] == 2 * t + small
    assert kept["BN, ReLU, conv"] == kept["BN-ReLU, conv"] == 2 * t + small


def test_an_input_that_is_changed_afterwards_is_an_error():
    x, gamma, beta = inputs((5, 3))
    moved = x * 1.0
    y = batch_norm(moved, gamma, beta)
    moved += y.detach()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_arguments_that_make_no_sense():
    x, gamma, beta = inputs((1, 3))
    for function in (batch_norm, batch_norm_relu):
        with pytest.raises(ValueError, match="one value per channel"):
            function(x, gamma, beta)
    with pytest.raises(ValueError, match="both mean and var"):
        batch_norm(x, gamma, beta, torch.zeros(3))
