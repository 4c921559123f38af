"""Builders: the normaliser stands where it was asked for, the initialisation is what it says."""

import pytest
import torch
from torch import nn

from bnlab.training import (
    cnn,
    he_init,
    linear_layers,
    mlp,
    norm_layer,
    residual_cnn,
    residual_mlp,
    scale_hidden,
)
from bnlab.training.models import Residual, weighted_layers

IMAGES = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def kinds(model, n):
    return [type(m) for m in model[:n]]


@pytest.mark.parametrize(
    "build, weights, norm", [(mlp, nn.Linear, nn.BatchNorm1d), (cnn, nn.Conv2d, nn.BatchNorm2d)]
)
def test_placement(build, weights, norm):
    options = {"depth": 2} if build is mlp else {}
    before, after = (build(placement=p, **options) for p in ("before", "after"))
    assert kinds(before, 3) == [weights, norm, nn.ReLU]
    assert kinds(after, 3) == [weights, nn.ReLU, norm]
    with pytest.raises(ValueError, match="placement"):
        build(placement="behind", **options)


@pytest.mark.parametrize(
    "norm, kind",
    [("bn", nn.BatchNorm2d), ("ln", nn.GroupNorm), ("gn", nn.GroupNorm), ("none", nn.Identity)],
)
def test_norms_of_maps(norm, kind):
    layer = norm_layer(norm, 16, dims=2)
    assert isinstance(layer, kind) and layer(torch.rand(2, 16, 3, 3)).shape == (2, 16, 3, 3)
    assert norm != "ln" or layer.num_groups == 1


def test_an_own_norm_and_a_wrong_name():
    assert isinstance(mlp(1, norm=nn.LayerNorm)[1], nn.LayerNorm)
    with pytest.raises(ValueError, match="'bn', 'ln', 'gn', 'none'"):
        mlp(1, norm="batch")
    with pytest.raises(ValueError, match="'default' or 'he'"):
        cnn(init="xavier")


def test_he_initialisation_and_scale():
    torch.manual_seed(0)
    model = he_init(nn.Sequential(nn.Conv2d(64, 256, 3), nn.Linear(400, 500)))
    for layer, fan_in in zip(model, (64 * 9, 400), strict=True):
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.02)
        assert not layer.bias.any()
    first, last = (layer.weight.clone() for layer in model)
    scale_hidden(model, 3)
    assert torch.equal(model[0].weight, 3 * first) and torch.equal(model[1].weight, last)


def test_same_seed_same_weights():
    for build in (lambda s: mlp(2, seed=s), lambda s: cnn(seed=s), lambda s: residual_cnn(seed=s)):
        a, b, c = (torch.cat([p.flatten() for p in build(s).parameters()]) for s in (1, 1, 2))
        assert torch.equal(a, b) and not torch.equal(a, c)


def test_the_last_map_is_as_documented():
    def last_map(model):
        return model[:-3](IMAGES).shape[2:]

    assert last_map(cnn()) == (2, 2)
    assert last_map(cnn(widths=(16, 32, 32, 64), strides=(1, 2, 2, 2))) == (1, 1)
    assert cnn(bias=False)[0].bias is None


def test_dropout_ends_each_block():
    assert [type(m) for m in mlp(2, dropout=0.2)][3::4] == [nn.Dropout, nn.Dropout]
    assert len(mlp(2)) == 7


def test_wide_input():
    assert linear_layers(mlp(0, inputs=12))[0].in_features == 12


def residual_nets(**options):
    return residual_mlp(6, **options), residual_cnn(2, **options)


def test_zero_gamma_makes_blocks_that_do_nothing():
    """With post-activation, x ≥ 0 at the input: the block returns its shortcut, ReLU applied."""
    for model in residual_nets(zero_gamma=True):
        blocks = [m for m in model if isinstance(m, Residual)]
        assert len(blocks) in (3, 6)
        for block in blocks:
            width = next(m for m in block.branch if hasattr(m, "weight")).weight.shape[1]
            x = torch.rand(
                (4, width) if isinstance(block.branch[0], nn.Linear) else (4, width, 4, 4)
            )
            assert torch.equal(block(x), torch.relu(block.shortcut(x)))
            assert block.branch[1].weight.min() == 1 and not block.branch[-1].weight.any()


def test_preactivation_ends_in_a_layer_and_a_final_norm():
    for model in residual_nets(preactivation=True):
        block = next(m for m in model if isinstance(m, Residual))
        names = [type(m).__name__.rstrip("12d") for m in block.branch]
        assert names[:2] == ["BatchNorm", "ReLU"] and names[-1] in ("Linear", "Conv")
        assert isinstance(block.after, nn.Identity)
        assert isinstance(
            model[-2] if isinstance(block.branch[2], nn.Linear) else model[-4], nn.ReLU
        )


def test_twenty_layers():
    model = residual_cnn(3, (16, 32, 64), channels=3)
    on_the_path = [
        m
        for m in weighted_layers(model)
        if not (isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1))
    ]
    assert len(on_the_path) == 20
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_zero_gamma_without_a_norm_is_refused():
    for options in ({"norm": "none"}, {"preactivation": True}):
        with pytest.raises(ValueError, match="zero_gamma needs"):
            residual_mlp(4, zero_gamma=True, **options)
