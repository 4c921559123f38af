"""LayerNorm and RMSNorm are PyTorch's; DyT is its formula and has no statistics."""

import pytest
import torch
from torch import nn

from bnlab.norms.layers import DyT, LayerNorm, PerPosition, RMSNorm

SHAPES = [((4, 5), 5), ((3, 2, 7), 7), ((2, 3, 4, 5), (3, 4, 5)), ((3, 1), 1)]


def randomised(layer):
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer.double()


@pytest.mark.parametrize(("ours", "theirs"), [(LayerNorm, nn.LayerNorm), (RMSNorm, nn.RMSNorm)])
@pytest.mark.parametrize(("shape", "normalized"), SHAPES)
@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_equal_to_pytorch(ours, theirs, shape, normalized, eps):
    torch.manual_seed(0)
    mine, reference = randomised(ours(normalized, eps)), theirs(normalized, eps).double()
    reference.load_state_dict(mine.state_dict())
    x = (3 + torch.randn(shape, dtype=torch.float64)).requires_grad_()
    upstream = torch.randn(shape, dtype=torch.float64)
    for layer in (mine, reference):
        layer.grads = torch.autograd.grad(layer(x), [x, *layer.parameters()], upstream)
    torch.testing.assert_close(mine(x), reference(x), rtol=1e-12, atol=1e-12)
    for a, b in zip(mine.grads, reference.grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_rms_norm_is_layer_norm_on_centred_rows():
    torch.manual_seed(0)
    x = torch.randn(6, 8, dtype=torch.float64)
    centred = x - x.mean(1, keepdim=True)
    torch.testing.assert_close(RMSNorm(8).double()(centred), LayerNorm(8).double()(x))
    assert not torch.allclose(RMSNorm(8).double()(x), LayerNorm(8).double()(x), atol=0.01)


@pytest.mark.parametrize("layer", [LayerNorm, RMSNorm])
def test_wrong_width_is_named(layer):
    with pytest.raises(ValueError, match="should end with"):
        layer(4)(torch.zeros(2, 5))


def test_dyt_is_its_formula_on_either_axis():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    first = randomised(DyT(3, feature_axis=1))
    last = DyT(3).double()
    last.load_state_dict(first.state_dict())
    want = torch.empty_like(x)
    for c in range(3):
        want[:, c] = first.weight[c] * torch.tanh(first.alpha * x[:, c]) + first.bias[c]
    torch.testing.assert_close(first(x), want)
    torch.testing.assert_close(last(x.movedim(1, -1)).movedim(-1, 1), want)
    assert DyT(3).alpha.item() == 0.5 and list(DyT(3).state_dict()) == ["alpha", "weight", "bias"]


def test_dyt_has_no_statistics():
    """A value changes its own output and no other."""
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    jacobian = torch.autograd.functional.jacobian(DyT(6), x).reshape(24, 24)
    assert (
        torch.equal(jacobian, torch.diag(jacobian.diagonal())) and (jacobian.diagonal() > 0).all()
    )


def test_per_position_is_over_the_channels():
    torch.manual_seed(0)
    x, norm = torch.randn(2, 3, 4, 5), nn.RMSNorm(3, eps=1e-5)
    y = PerPosition(norm)(x)
    torch.testing.assert_close(y[1, :, 2, 3], norm(x[1, :, 2, 3]))
    assert y.shape == x.shape
