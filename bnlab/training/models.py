"""Networks for comparisons: the normaliser, its place and the initialisation are arguments.

Every builder takes a `seed` and leaves PyTorch's generator where the initialisation ended, so
that what is drawn during training (dropout, noise) follows from the seed too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "identity": nn.Identity}
Norm = str | Callable[[int], nn.Module]


def norm_layer(norm: Norm, width: int, dims: int = 1) -> nn.Module:
    """A normaliser of `width` features or channels.

    Args:
        norm: "bn", "ln", "gn" (8 groups), "none", or a function of the width that makes one.
        dims: 1 for (N, D), 2 for (N, C, H, W). In two dimensions "ln" is one group over C, H, W.

    Raises:
        ValueError: another name.
    """
    if callable(norm):
        return norm(width)
    if norm == "bn":
        return nn.BatchNorm1d(width) if dims == 1 else nn.BatchNorm2d(width)
    if norm == "ln":
        return nn.LayerNorm(width) if dims == 1 else nn.GroupNorm(1, width)
    if norm == "gn":
        return nn.GroupNorm(8, width)
    if norm == "none":
        return nn.Identity()
    raise ValueError(
        f"norm is {norm!r}; expected 'bn', 'ln', 'gn', 'none' or a function of the width."
    )


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """The linear layers of a model, from input to output."""
    return [m for m in model.modules() if isinstance(m, nn.Linear)]


def weighted_layers(model: nn.Module) -> list[nn.Module]:
    """The linear and convolutional layers of a model, in the order in which they were added."""
    return [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]


def he_init(model: nn.Module) -> nn.Module:
    """He et al.'s normal initialisation of all weights, zero biases; in place, and returned.

    Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, eq. 10.
    """
    for layer in weighted_layers(model):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return model


@torch.no_grad()
def scale_hidden(model: nn.Module, factor: float) -> nn.Module:
    """Multiplies all weights but the last layer's; in place, and returned."""
    for layer in weighted_layers(model)[:-1]:
        layer.weight *= factor
    return model


def _initialised(model: nn.Module, init: str) -> nn.Module:
    if init not in ("default", "he"):
        raise ValueError(f"init is {init!r}; expected 'default' or 'he'.")
    return he_init(model) if init == "he" else model


def _placed(weights: nn.Module, norm: nn.Module, activation: str, placement: str) -> list:
    """Layer, normaliser and activation in the order asked for."""
    act = ACTIVATIONS[activation]()
    if placement not in ("before", "after"):
        raise ValueError(
            f"placement is {placement!r}; expected 'before' or 'after' the activation."
        )
    return [weights, norm, act] if placement == "before" else [weights, act, norm]


def mlp(
    depth: int,
    width: int = 128,
    norm: Norm = "bn",
    init: str = "default",
    activation: str = "relu",
    seed: int = 0,
    placement: str = "before",
    inputs: int = 64,
    dropout: float = 0.0,
) -> nn.Sequential:
    """`depth` times Linear – norm – activation, then Linear(width, 10), for rows.

    Args:
        norm: see `norm_layer`.
        init: "default" is PyTorch's (gain 1/√3); "he" is He et al.'s, with zero biases.
        seed: of the weights.
        placement: of the normaliser, "before" or "after" the activation.
        inputs: length of a row: 64 for digits, 3072 for CIFAR-10.
        dropout: probability of a Dropout at the end of each block; 0: no such layer.
    """
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for k in range(depth):
        linear = nn.Linear(inputs if k == 0 else width, width)
        layers += _placed(linear, norm_layer(norm, width), activation, placement)
        layers += [nn.Dropout(dropout)] if dropout else []
    return _initialised(nn.Sequential(*layers, nn.Linear(width if depth else inputs, 10)), init)


def cnn(
    norm: Norm = "bn",
    widths: Sequence[int] = (16, 32, 32),
    strides: Sequence[int] = (1, 2, 2),
    channels: int = 1,
    init: str = "default",
    activation: str = "relu",
    seed: int = 0,
    placement: str = "before",
    bias: bool = True,
) -> nn.Sequential:
    """3×3 convolutions with norm and activation, then the mean over the map and Linear(…, 10).

    Args:
        widths, strides: per convolution. On digits the last map is 2 × 2 with the default, and
            1 × 1 with widths (16, 32, 32, 64) and strides (1, 2, 2, 2).
        channels: of the image: 1 for digits, 3 for CIFAR-10.
        bias: whether the convolutions have one.
        norm, init, activation, seed, placement: as for `mlp`.
    """
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for width, stride in zip(widths, strides, strict=True):
        conv = nn.Conv2d(channels, width, 3, stride, padding=1, bias=bias)
        layers += _placed(conv, norm_layer(norm, width, dims=2), activation, placement)
        channels = width
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)
    return _initialised(nn.Sequential(*layers, *head), init)


class Residual(nn.Module):
    """x + branch(x), with a projection where the shape changes, then perhaps an activation."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module, after: nn.Module):
        super().__init__()
        self.branch, self.shortcut, self.after = branch, shortcut, after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(self.shortcut(x) + self.branch(x))


def _residual(layer, shortcut, norm, width_in, width, zero_gamma, preactivation) -> Residual:
    """A block of two layers. `layer(number)` makes one, `norm(width)` a normaliser.

    Source: He et al., "Deep Residual Learning", CVPR 2016 (activation after the addition), and
    "Identity Mappings in Deep Residual Networks", ECCV 2016 (before each layer).
    """
    first, second = norm(width_in if preactivation else width), norm(width)
    if preactivation:
        branch = nn.Sequential(first, nn.ReLU(), layer(1), second, nn.ReLU(), layer(2))
        return Residual(branch, shortcut, nn.Identity())
    if zero_gamma:
        nn.init.zeros_(second.weight)
    branch = nn.Sequential(layer(1), first, nn.ReLU(), layer(2), second)
    return Residual(branch, shortcut, nn.ReLU())


def residual_mlp(
    depth: int,
    width: int = 64,
    norm: Norm = "bn",
    init: str = "he",
    zero_gamma: bool = False,
    preactivation: bool = False,
    seed: int = 0,
    inputs: int = 64,
) -> nn.Sequential:
    """A stem, `depth`/2 residual blocks of two linear layers, and Linear(width, 10), for rows.

    Args:
        zero_gamma: start the last normaliser of each block at γ = 0; not with preactivation,
            where the branch ends in a layer.
        preactivation: norm – ReLU – layer in place of layer – norm – ReLU.
        norm, init, seed, inputs: as for `mlp`.
    """
    _check_zero_gamma(zero_gamma, preactivation, norm)
    torch.manual_seed(seed)

    def make(w):
        return norm_layer(norm, w)

    blocks = [
        _residual(
            lambda number: nn.Linear(width, width),
            nn.Identity(),
            make,
            width,
            width,
            zero_gamma,
            preactivation,
        )
        for _ in range(depth // 2)
    ]
    model = _with_ends(nn.Linear(inputs, width), blocks, make, width, width, preactivation)
    return _initialised(nn.Sequential(*model, nn.Linear(width, 10)), init)


def residual_cnn(
    blocks: int = 1,
    widths: Sequence[int] = (16, 32, 32),
    norm: Norm = "bn",
    channels: int = 1,
    init: str = "he",
    zero_gamma: bool = False,
    preactivation: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """A stem, `blocks` residual blocks per width, the mean over the map, and Linear(…, 10).

    Each width after the first halves the map. With widths (16, 32, 64) and 3 blocks it is the
    20-layer network of He et al. (2016) for CIFAR-10, with projections as shortcuts. Arguments as
    for `residual_mlp` and `cnn`.
    """
    _check_zero_gamma(zero_gamma, preactivation, norm)
    torch.manual_seed(seed)

    def make(w):
        return norm_layer(norm, w, dims=2)

    def block(before, width, stride):
        def layer(number):
            inputs, step = (before, stride) if number == 1 else (width, 1)
            return nn.Conv2d(inputs, width, 3, step, padding=1, bias=False)

        same = before == width and stride == 1
        shortcut = nn.Identity() if same else nn.Conv2d(before, width, 1, stride, bias=False)
        return _residual(layer, shortcut, make, before, width, zero_gamma, preactivation)

    stages, before = [], widths[0]
    for number, width in enumerate(widths):
        for k in range(blocks):
            stages.append(block(before, width, 2 if number and k == 0 else 1))
            before = width
    stem = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
    body = _with_ends(stem, stages, make, widths[0], before, preactivation)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10)
    return _initialised(nn.Sequential(*body, *head), init)


def _with_ends(stem, blocks, norm, first: int, last: int, preactivation: bool) -> list[nn.Module]:
    """Normaliser and activation come after the stem, or with preactivation after the last block."""
    if preactivation:
        return [stem, *blocks, norm(last), nn.ReLU()]
    return [stem, norm(first), nn.ReLU(), *blocks]


def _check_zero_gamma(zero_gamma: bool, preactivation: bool, norm: Norm) -> None:
    if zero_gamma and (preactivation or norm == "none"):
        raise ValueError(
            "zero_gamma needs a branch that ends in a normaliser: "
            "preactivation=False and norm other than 'none'."
        )
