"""4.3 Blocks: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

from torch import nn

from autograder.spec import Mistake
from autograder.specs.ex4_3.answers import Builder, variant
from autograder.specs.ex4_3.residual_mistakes import OF_RESIDUAL


def _order_ignored(self, widths, stride, order, norm):
    return Builder.layers(self, widths, stride, "post", norm)


_OTHER = {"pre": "post", "post": "pre"}


def _chain_of_the_other(self, widths, stride=1, order="post", norm=True):
    return Builder.chain(self, widths, stride, _OTHER[order], norm)


def _residual_of_the_other(self, widths, stride=1, order="post", norm=True, zero_init=True):
    return Builder.residual(self, widths, stride, _OTHER[order], norm, zero_init)


def _norm_ignored(self, widths, stride, order, norm):
    return Builder.layers(self, widths, stride, order, True)


def _relu_before_norm(self, conv, order, norm, last):
    if order == "post":
        return [conv, nn.ReLU(), *self.norms(conv.out_channels, norm)]
    return Builder.unit(self, conv, order, norm, last)


def _relu_before_norm_in_pre(self, conv, order, norm, last):
    if order == "pre":
        return [nn.ReLU(), *self.norms(conv.in_channels, norm), conv]
    return Builder.unit(self, conv, order, norm, last)


def _features_of_the_output(self, conv, order, norm, last):
    if order == "pre":
        return [*self.norms(conv.out_channels, norm), nn.ReLU(), conv]
    return Builder.unit(self, conv, order, norm, last)


def _no_last_relu(self, conv, order, norm, last):
    layers = Builder.unit(self, conv, order, norm, last)
    return layers[:-1] if order == "post" and last else layers


def _in_place(self, conv, order, norm, last):
    layers = Builder.unit(self, conv, order, norm, last)
    return [nn.ReLU(inplace=True) if isinstance(m, nn.ReLU) else m for m in layers]


def _norms_by_width(self, widths, stride, order, norm):
    kept = {}
    self.norms = lambda width, norm: [kept.setdefault(width, nn.BatchNorm2d(width))] if norm else []
    return Builder.layers(self, widths, stride, order, norm)


class _Listed(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


OF_CHAIN = (
    Mistake(
        "BN after ReLU",
        "In the order `post`, ReLU comes before the batch norm. Convolution, batch norm, ReLU: "
        "so the layer normalises what the convolution wrote.",
        variant(unit=_relu_before_norm),
    ),
    Mistake(
        "BN after ReLU in pre",
        "In the order `pre`, ReLU comes before the batch norm. Batch norm, ReLU, convolution.",
        variant(unit=_relu_before_norm_in_pre),
    ),
    Mistake(
        "bias left in",
        "Every convolution has a bias, also where a batch norm follows directly. That one "
        "subtracts the mean, and the bias with it: bias=False there.",
        variant(bias=lambda self, order, norm, last: True),
    ),
    Mistake(
        "bias removed everywhere",
        "No convolution has a bias, not even without batch norms. Only a batch norm that follows "
        "directly makes it useless; its β takes over.",
        variant(bias=lambda self, order, norm, last: False),
    ),
    Mistake(
        "bias decided by norm alone",
        "In the order `pre`, the last convolution has no bias. No batch norm follows it in this "
        "block, so nothing takes the place of its bias.",
        variant(bias=lambda self, order, norm, last: not norm),
    ),
    Mistake(
        "bias by order alone",
        "In the order `pre`, every convolution has a bias. All but the last are followed "
        "directly by the batch norm of the next one.",
        variant(bias=lambda self, order, norm, last: not norm or order == "pre"),
    ),
    Mistake(
        "features of the output in pre",
        "In the order `pre`, the batch norm reads the input of its convolution: it has as many "
        "features as that has channels, widths[i], not widths[i + 1].",
        variant(unit=_features_of_the_output),
    ),
    Mistake(
        "stride in every convolution",
        "Every convolution has the stride, so the image shrinks several times. Only the first "
        "one takes it.",
        variant(strides=lambda self, number, last: True),
    ),
    Mistake(
        "stride in the last convolution",
        "The last convolution has the stride. The first one takes it: the others then work on a "
        "smaller image.",
        variant(strides=lambda self, number, last: last),
    ),
    Mistake(
        "stride ignored",
        "The convolutions have stride 1, whatever `stride` says.",
        variant(strides=lambda self, number, last: False),
    ),
    Mistake(
        "padding missing",
        "The image shrinks by two pixels in each convolution: padding=1 is missing.",
        variant(padding=0),
    ),
    Mistake(
        "last ReLU of a chain missing",
        "A chain in the order `post` ends with a batch norm. It ends with ReLU; only the branch "
        "of a residual block stops before it.",
        variant(
            unit=_no_last_relu,
            unfinished=lambda self, branch: branch,
        ),
    ),
    Mistake(
        "input changed in place",
        "The first ReLU of `pre` without batch norms works in place on the block's own input. "
        "The shortcut, and whoever gave x, then get ReLU(x).",
        variant(unit=_in_place),
    ),
    Mistake(
        "one batch norm used twice",
        "Convolutions of the same width share one batch norm. Each needs its own: γ, β and "
        "running statistics belong to one place in the network.",
        variant(layers=_norms_by_width),
    ),
    Mistake(
        "layers in a Python list",
        "The layers of a chain are kept in a Python list. Such a list hides their parameters "
        "from the module: use nn.Sequential or nn.ModuleList.",
        variant(contain=lambda self, layers: _Listed(layers)),
    ),
)

# Last: these agree with others in single outputs.
OF_BOTH = (
    Mistake(
        "order ignored",
        "The order `pre` gives convolution, batch norm, ReLU. There the batch norm and the ReLU "
        "come before their convolution.",
        variant(layers=_order_ignored),
    ),
    Mistake(
        "orders exchanged",
        "The two orders are exchanged. `post` and `pre` say where batch norm and ReLU stand: after "
        "their convolution, or before it.",
        variant(chain=_chain_of_the_other, residual=_residual_of_the_other),
    ),
    Mistake(
        "norm ignored",
        "There are batch norms with norm=False.",
        variant(layers=_norm_ignored),
    ),
)

MISTAKES = OF_CHAIN + OF_RESIDUAL + OF_BOTH
