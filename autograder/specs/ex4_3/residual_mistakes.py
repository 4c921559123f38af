"""4.3 Blocks: wrong residual blocks that learners write, and what to tell them."""

from __future__ import annotations

from torch import nn

from autograder.spec import Mistake
from autograder.specs.ex4_3.answers import Builder, Sum, variant


def _with_norm(self, c_in, c_out, stride, order, norm):
    if not self.projects(c_in, c_out, stride):
        return nn.Identity()
    return nn.Sequential(*self.projection(c_in, c_out, stride, norm))


def _zero(*layers):
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


def _found(block, kind):
    return [m for m in block.modules() if isinstance(m, kind)]


def _last_with_parameters(self, branch, order, norm, block):
    _zero([m for m in branch if list(m.parameters())][-1])


def _first_norm(self, branch, order, norm, block):
    if order == "post" and norm:
        _zero(_found(block, nn.BatchNorm2d)[0])
    else:
        Builder.start(self, branch, order, norm, block)


def _every_norm(self, branch, order, norm, block):
    if order == "post" and norm:
        _zero(*_found(block.branch, nn.BatchNorm2d))
    else:
        Builder.start(self, branch, order, norm, block)


def _last_norm_of_the_block(self, branch, order, norm, block):
    if order == "post" and norm:
        _zero(_found(block, nn.BatchNorm2d)[-1])
    else:
        Builder.start(self, branch, order, norm, block)


def _in_both_orders(which):
    """A start that zeros γ of some batch norms of the branch, whatever the order."""

    def start(self, branch, order, norm, block):
        if norm:
            for layer in _found(block.branch, nn.BatchNorm2d)[which]:
                nn.init.zeros_(layer.weight)
        else:
            Builder.start(self, branch, order, norm, block)

    return start


_gamma_in_both_orders = _in_both_orders(slice(-1, None))


def _convolution_in_both_orders(self, branch, order, norm, block):
    _zero(_found(block.branch, nn.Conv2d)[-1])


def _norms_only(self, branch, order, norm, block):
    if order == "post" and norm:
        Builder.start(self, branch, order, norm, block)


def _weights_only(self, branch, order, norm, block):
    nn.init.zeros_(branch[-1].weight)


def _beta(self, branch, order, norm, block):
    nn.init.zeros_(branch[-1].bias)


def _always_zero(self, widths, stride=1, order="post", norm=True, zero_init=True):
    return Builder.residual(self, widths, stride, order, norm, True)


class _FromActivated(Sum):
    """The shortcut of the pre-activation form reads what the first convolution reads."""

    def forward(self, x):
        for number, layer in enumerate(self.branch):
            if isinstance(layer, nn.Conv2d):
                return self.after(self.branch[number:](x) + self.shortcut(x))
            x = layer(x)


class _AddedInPlace(Sum):
    """Adds into the shortcut, which may be the block's own input."""

    def forward(self, x):
        y = self.shortcut(x)
        y += self.branch(x)
        return self.after(y)


def _added_in_place(self, widths, stride=1, order="post", norm=True, zero_init=True):
    block = Builder.residual(self, widths, stride, order, norm, zero_init)
    return _AddedInPlace(block.branch, block.shortcut, block.after)


def _shared_activation(self, widths, stride=1, order="post", norm=True, zero_init=True):
    block = Builder.residual(self, widths, stride, order, norm, zero_init)
    if order == "pre" and not isinstance(block.shortcut, nn.Identity):
        return _FromActivated(block.branch, block.shortcut, block.after)
    return block


def _biased_projection(self, c_in, c_out, stride, norm):
    conv = nn.Conv2d(c_in, c_out, 1, stride=stride)
    return [conv, *self.norms(c_out, norm)]


def _bare_projection(self, c_in, c_out, stride, norm):
    return [nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False), *self.norms(c_out, norm)]


OF_RESIDUAL = (
    Mistake(
        "ReLU before the addition",
        "In the order `post`, the branch ends with a ReLU, so it can only add, never subtract. "
        "The branch ends with its batch norm; the ReLU comes after the addition.",
        variant(unfinished=lambda self, branch: branch, start=_last_with_parameters),
    ),
    Mistake(
        "ReLU before the addition only",
        "In the order `post`, the last ReLU stands before the addition. It belongs after it: "
        "shortcut and branch are added first.",
        variant(
            unfinished=lambda self, branch: branch,
            start=_last_with_parameters,
            after=lambda self, order: nn.Identity(),
        ),
    ),
    Mistake(
        "no ReLU after the addition",
        "In the order `post`, nothing comes after the addition. A ReLU does.",
        variant(after=lambda self, order: nn.Identity()),
    ),
    Mistake(
        "ReLU after the addition in pre",
        "In the order `pre`, a ReLU comes after the addition. Nothing does: from block to block "
        "the shortcuts carry x unchanged.",
        variant(after=lambda self, order: nn.ReLU()),
    ),
    Mistake(
        "added into the input",
        "The branch is added with `+=` into what the shortcut gives. Where the shortcut is x "
        "itself, that overwrites the block's input, and the gradient of the branch still needs it. "
        "Write a sum: shortcut + branch.",
        variant(residual=_added_in_place),
    ),
    Mistake(
        "no projection for a stride",
        "The shortcut is projected only where the width changes. A stride changes the shape as "
        "well.",
        variant(projects=lambda self, c_in, c_out, stride: c_in != c_out),
    ),
    Mistake(
        "no projection for a width",
        "The shortcut is projected only where there is a stride. Another width changes the shape "
        "as well.",
        variant(projects=lambda self, c_in, c_out, stride: stride != 1),
    ),
    Mistake(
        "projection always",
        "The shortcut is projected also where input and output have the same shape. There it is "
        "x itself, without parameters.",
        variant(projects=lambda self, c_in, c_out, stride: True),
    ),
    Mistake(
        "stride missing in the projection",
        "The 1 × 1 convolution of the shortcut has stride 1. It takes the stride of the block, so "
        "that both sides of the addition have the same shape.",
        variant(
            projection=lambda self, c_in, c_out, stride, norm: Builder.projection(
                self, c_in, c_out, 1, norm
            )
        ),
    ),
    Mistake(
        "projection with bias",
        "The 1 × 1 convolution of the shortcut has a bias where a batch norm follows it. The same "
        "rule as in the branch holds: bias=False there.",
        variant(projection=_biased_projection),
    ),
    Mistake(
        "projection never with bias",
        "The 1 × 1 convolution of the shortcut has no bias where no batch norm follows it. The "
        "same rule as in the branch holds: there it keeps its bias.",
        variant(projection=_bare_projection),
    ),
    Mistake(
        "BN missing in the shortcut",
        "In the order `post`, a batch norm follows the 1 × 1 convolution of the shortcut: both "
        "sides of the addition then have the same scale.",
        variant(
            projection=lambda self, c_in, c_out, stride, norm: [
                nn.Conv2d(c_in, c_out, 1, stride=stride)
            ]
        ),
    ),
    Mistake(
        "BN in the shortcut of pre",
        "In the order `pre`, a batch norm follows the 1 × 1 convolution of the shortcut. There "
        "none does: every batch norm stands before a convolution of the branch.",
        variant(shortcut=_with_norm),
    ),
    Mistake(
        "shortcut reads the activated input",
        "In the order `pre`, the projection reads ReLU(BN(x)), as in some published code. Here it "
        "reads x: the first batch norm and its ReLU belong to the branch.",
        variant(residual=_shared_activation),
    ),
    Mistake(
        "zero_init does nothing",
        "The branch does not start as zero. Setting a β to zero changes nothing, since it is "
        "zero already; in a new batch norm γ is 1.",
        variant(start=_beta),
    ),
    Mistake(
        "γ of the first batch norm",
        "The γ of the first batch norm of the branch is zero. It writes zeros, and at 0 the slope "
        "of ReLU is 0: the convolution behind it reads zeros, no gradient passes back, and no "
        "weight of the branch ever learns. Zero the last layer of the branch.",
        variant(start=_first_norm),
    ),
    Mistake(
        "γ of every batch norm",
        "Every γ of the branch is zero. The first batch norm then writes zeros, the convolution "
        "behind it reads zeros, and no weight of the branch ever learns. Zero the last one only.",
        variant(start=_every_norm),
    ),
    Mistake(
        "γ of every batch norm in both orders",
        "Every γ of the branch is zero, whatever the order. A ReLU behind a γ of 0 passes no "
        "gradient on, so no weight of the branch ever learns. Zero its last layer only: a batch "
        "norm in the order `post`, a convolution in the order `pre`.",
        variant(start=_in_both_orders(slice(None))),
    ),
    Mistake(
        "γ of the first batch norm in both orders",
        "The γ of the first batch norm of the branch is zero, whatever the order. The ReLU behind "
        "it passes no gradient on, and the convolution after that reads zeros. Zero the last layer "
        "of the branch: a batch norm in the order `post`, a convolution in the order `pre`.",
        variant(start=_in_both_orders(slice(1))),
    ),
    Mistake(
        "γ of the shortcut",
        "The γ of the shortcut's batch norm is zero. It is the last in the list of modules, but "
        "not the last of the branch: the block now starts without its shortcut.",
        variant(start=_last_norm_of_the_block),
    ),
    Mistake(
        "γ zero in front of a ReLU",
        "In the order `pre`, the γ of the last batch norm is zero. A ReLU follows: its input is 0 "
        "everywhere, its slope there is 0, and no gradient ever reaches a weight of the branch. "
        "Zero the last convolution, weights and bias.",
        variant(start=_gamma_in_both_orders),
    ),
    Mistake(
        "convolution zero in front of a batch norm",
        "In the order `post`, the last convolution is zero. The batch norm behind it divides by "
        "√(0 + eps), so the first gradient that passes back through it is multiplied by "
        "1/√eps ≈ 316. Zero the γ of that batch norm.",
        variant(start=_convolution_in_both_orders),
    ),
    Mistake(
        "zero start with a last batch norm only",
        "Where the branch ends with a convolution, it does not start as zero. Zero its weights "
        "and its bias.",
        variant(start=_norms_only),
    ),
    Mistake(
        "bias of the last convolution left",
        "The weights of the last convolution are zero, but not its bias: the branch adds a "
        "constant to each channel.",
        variant(start=_weights_only),
    ),
    Mistake(
        "zero start always",
        "The branch starts as zero with zero_init=False, too.",
        variant(residual=_always_zero),
    ),
)
