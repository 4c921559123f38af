"""One function is PyTorch's four norms: outputs, gradients, degenerate cases."""

import pytest
import torch
from torch import nn

from bnlab.norms.axes import group_norm, normalize, per_channel

SHAPES = [
    (3, 4),
    (2, 6, 5),
    (3, 4, 5, 2),
    (4, 4, 4, 4),
    (2, 2, 3, 2, 4),
    (5, 1, 3, 3),
    (1, 6, 2, 3),
]
BATCH_NORM = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
INSTANCE_NORM = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}


def ours(kind, x, weight, bias, eps):
    spatial = tuple(range(2, x.ndim))
    if kind == "layer":
        return normalize(x, (1, *spatial), weight, bias, eps)
    weight, bias = per_channel(weight, x.ndim), per_channel(bias, x.ndim)
    if kind == "batch":
        return normalize(x, (0, *spatial), weight, bias, eps)
    if kind == "instance":
        return normalize(x, spatial, weight, bias, eps)
    return group_norm(x, int(kind), weight, bias, eps)


def theirs(kind, shape, eps):
    if kind == "batch":
        return BATCH_NORM[len(shape)](shape[1], eps=eps)
    if kind == "layer":
        return nn.LayerNorm(shape[1:], eps=eps)
    if kind == "instance":
        return INSTANCE_NORM[len(shape)](shape[1], eps=eps, affine=True)
    return nn.GroupNorm(int(kind), shape[1], eps=eps)


def comparisons():
    pairs = []
    for shape in SHAPES:
        kinds = ["batch", "layer", "1", str(shape[1])]
        kinds += ["instance"] * (len(shape) > 2) + ["2"] * (shape[1] % 2 == 0)
        pairs += [(kind, shape) for kind in kinds]
    return pairs


@pytest.mark.parametrize(("kind", "shape"), comparisons())
@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_equal_to_pytorch_with_gradients(kind, shape, eps):
    torch.manual_seed(0)
    layer = theirs(kind, shape, eps).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    x = (5 + torch.randn(shape, dtype=torch.float64)).requires_grad_()
    upstream = torch.randn(shape, dtype=torch.float64)
    leaves = [x, layer.weight, layer.bias]
    y, want = ours(kind, x, layer.weight, layer.bias, eps), layer(x)
    torch.testing.assert_close(y, want, rtol=1e-11, atol=1e-11)
    pairs = zip(
        torch.autograd.grad(y, leaves, upstream),
        torch.autograd.grad(want, leaves, upstream),
        strict=True,
    )
    for mine, reference in pairs:
        torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-9)


def test_layer_norm_of_a_sequence_is_over_the_features_only():
    x = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(normalize(x, (-1,)), nn.LayerNorm(5)(x))
    assert (normalize(x, (-1,)) - normalize(x, (1, 2))).abs().max() > 0.1


def test_one_value_per_statistic_gives_zeros():
    x = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(group_norm(x, 8), torch.zeros(2, 8))
    # PyTorch's own sees two samples, and does not complain either; with one it does.
    assert nn.GroupNorm(8, 8)(x).abs().max() < 1e-3
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.GroupNorm(8, 8)(x[:1])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: normalize(x, ()), "axes is empty"),
        (lambda x: normalize(x, (0, 2), weight=torch.ones(4)), "per_channel"),
        (lambda x: group_norm(x, 3), "4 channels cannot be split into 3"),
        (lambda x: group_norm(x, 2, bias=torch.ones(1, 1, 4, 5)), "bias has shape"),
    ],
)
def test_errors_say_what_to_do(call, says):
    with pytest.raises(ValueError, match=says):
        call(torch.zeros(2, 4, 5))
