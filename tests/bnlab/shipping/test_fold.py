"""Folding: equal to the pair for every kind of layer, and refused where it cannot be."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bnlab.shipping.fold import fold, fold_all, scale_and_shift

LAYERS = {
    "linear": (lambda: nn.Linear(4, 6), (5, 4)),
    "linear, no bias": (lambda: nn.Linear(4, 6, bias=False), (5, 4)),
    "conv1d, same": (lambda: nn.Conv1d(4, 6, 3, padding="same"), (2, 4, 7)),
    "conv2d": (lambda: nn.Conv2d(4, 6, 3, padding=1), (2, 4, 5, 6)),
    "conv2d, square": (lambda: nn.Conv2d(6, 6, 3), (2, 6, 5, 6)),
    "conv2d, no bias, stride, dilation": (
        lambda: nn.Conv2d(4, 6, 3, stride=2, dilation=2, bias=False),
        (2, 4, 9, 8),
    ),
    "conv2d, groups, circular": (
        lambda: nn.Conv2d(4, 6, 3, groups=2, padding=1, padding_mode="circular"),
        (2, 4, 5, 6),
    ),
    "depthwise": (lambda: nn.Conv2d(6, 6, 3, groups=6), (2, 6, 5, 5)),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2), (1, 2, 3, 4, 3)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2), (2, 4, 4, 5)),
    "transposed, groups": (
        lambda: nn.ConvTranspose2d(4, 6, 3, groups=2, output_padding=0, bias=False),
        (2, 4, 4, 5),
    ),
    "transposed 1d, square": (lambda: nn.ConvTranspose1d(6, 6, 3, groups=3), (2, 6, 5)),
}
KINDS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def norm_for(y, dtype=torch.float64, **options):
    """A batch norm in eval mode with numbers that all matter."""
    torch.manual_seed(1)
    norm = KINDS[y.ndim](y.shape[1], eps=0.01, dtype=dtype, **options)
    for name, tensor in norm.state_dict().items():
        if name != "num_batches_tracked":
            tensor.copy_(torch.rand(len(tensor)) + 0.2)
    return norm.eval()


@pytest.mark.parametrize("options", [{}, dict(affine=False), dict(bias=False)], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_one_layer_gives_what_two_gave(name, options):
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    layer = make().double()
    x = torch.randn(shape, dtype=torch.float64)
    norm = norm_for(layer(x), **options)
    before = [copy.deepcopy(m.state_dict()) for m in (layer, norm)]
    folded = fold(layer, norm)
    assert type(folded) is type(layer) and folded is not layer
    torch.testing.assert_close(folded(x), norm(layer(x)), rtol=1e-12, atol=1e-12)
    for module, state in zip((layer, norm), before, strict=True):
        assert all(torch.equal(state[k], v) for k, v in module.state_dict().items())


def test_it_agrees_with_pytorchs_function():
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, 3, bias=False).eval()
    norm = norm_for(torch.empty(1, 5, 1, 1), torch.float32)
    ours, theirs = fold(conv, norm), fuse_conv_bn_eval(conv, norm)
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)
    with pytest.raises(AssertionError):
        fuse_conv_bn_eval(conv, norm.train())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_dtype_stays(dtype):
    conv = nn.Conv2d(2, 3, 1).to(dtype)
    norm = norm_for(torch.empty(1, 3, 1, 1), dtype)
    folded = fold(conv, norm)
    assert folded.weight.dtype == folded.bias.dtype == dtype


def test_training_mode_and_missing_statistics_are_refused():
    conv = nn.Conv2d(2, 3, 1)
    with pytest.raises(ValueError, match="training mode"):
        fold(conv, nn.BatchNorm2d(3))
    with pytest.raises(ValueError, match="track_running_stats=False"):
        fold(conv, nn.BatchNorm2d(3, track_running_stats=False).eval())
    with pytest.raises(ValueError, match=r"3 channels.*reads 4"):
        fold(conv, nn.BatchNorm2d(4).eval())
    with pytest.raises(TypeError, match="Embedding"):
        fold(nn.Embedding(2, 3), nn.BatchNorm1d(3).eval())


def test_scale_and_shift_are_the_batch_norm():
    norm = norm_for(torch.empty(1, 3))
    z = torch.randn(7, 3, dtype=torch.float64)
    a, b = scale_and_shift(norm)
    torch.testing.assert_close(a * z + b, norm(z))


def test_zeros_around_a_convolution_behind_a_batch_norm_are_no_zeros_before_it():
    """The other order: exact inside, wrong at the border."""
    torch.manual_seed(0)
    norm = norm_for(torch.empty(1, 2, 1, 1))
    conv = nn.Conv2d(2, 3, 3, padding=1).double()
    a, b = scale_and_shift(norm)
    moved = nn.Conv2d(2, 3, 3, padding=1).double()
    moved.weight.data = conv.weight.data * a.reshape(1, -1, 1, 1)
    moved.bias.data = conv.bias.data + (conv.weight.data.sum((2, 3)) * b).sum(1)
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    off = (conv(norm(x)) - moved(x)).abs()
    assert off[..., 1:-1, 1:-1].max() < 1e-12 < 0.01 < off.max()


def test_fold_all_reaches_nested_sequences_and_leaves_the_rest():
    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())
    model = nn.Sequential(nn.BatchNorm2d(3), block, nn.Conv2d(3, 2, 1), nn.ReLU()).double()
    model.append(nn.BatchNorm2d(2).double())  # behind the ReLU
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64)
    model(x)
    with pytest.raises(ValueError, match="training mode"):
        fold_all(model)
    model.eval()
    folded = fold_all(model)
    kinds = [type(m).__name__ for m in folded.modules() if not list(m.children())]
    assert kinds == ["BatchNorm2d", "Conv2d", "ReLU", "Conv2d", "ReLU", "BatchNorm2d"]
    torch.testing.assert_close(folded(x), model(x))
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == 3
