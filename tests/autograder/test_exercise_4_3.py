"""Exercise 4.3: what its text claims, and answers that nobody listed."""

import pytest
import torch
from stopwatch import Stopwatch
from torch import nn
from torch.nn import functional as F

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex4_3.answers import Builder, variant
from autograder.specs.ex4_3.residual_mistakes import (
    _convolution_in_both_orders,
    _every_norm,
    _first_norm,
    _gamma_in_both_orders,
)


@pytest.fixture(autouse=True, scope="module")
def warm():
    """What the first verdict loads is loaded."""
    judge(exercise("4.3"), Builder().answers, "warm")


def branch_parameters(block):
    """Parameters of the branch but its β and its biases, which may move by themselves."""
    return [p for m in block.branch for n, p in m.named_parameters() if n == "weight"]


def trained(start, order, steps=20):
    """How far the weights and γ of a branch move in some steps, each as a share of its size."""
    torch.manual_seed(0)
    block = variant(start=start)[1]([6, 5, 6], order=order).double()
    before = [p.detach().clone() for p in branch_parameters(block)]
    optimiser = torch.optim.SGD(block.parameters(), lr=0.1)
    for seed in range(steps):
        x = torch.randn(8, 6, 5, 7, dtype=torch.float64, generator=torch.manual_seed(seed))
        loss = (block(x) - x.flip(1)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return [
        (p - b).abs().max().item() for p, b in zip(branch_parameters(block), before, strict=True)
    ]


@pytest.mark.parametrize(
    ("start", "order"),
    [(_gamma_in_both_orders, "pre"), (_first_norm, "post"), (_every_norm, "post")],
)
def test_a_branch_that_is_zero_in_front_of_a_relu_never_learns(start, order):
    assert max(trained(start, order)) == 0


@pytest.mark.parametrize("order", ["pre", "post"])
def test_a_branch_whose_last_layer_is_zero_learns_everywhere(order):
    assert min(trained(Builder.start, order)) > 1e-3


def test_the_first_gradient_behind_a_zero_convolution_is_divided_by_the_root_of_eps():
    torch.manual_seed(0)
    x, dy = torch.randn(2, 8, 6, 5, 7, dtype=torch.float64)

    def gradient(block, layer):
        block.double()
        (block(x) * dy).sum().backward()
        return block.branch[layer].weight.grad.abs().max().item()

    residual = variant(start=_convolution_in_both_orders)[1]
    block = residual([6, 5, 6])
    with_norm = gradient(block, -2)
    block = residual([6, 5, 6], norm=False)
    assert 100 < with_norm / gradient(block, -1) < 1000


def with_block(change):
    """A right residual block, changed after it is built."""

    def residual(widths, stride=1, order="post", norm=True, zero_init=True):
        block = Builder().residual(widths, stride, order, norm, zero_init)
        return change(block) or block

    return Builder().chain, residual


def with_layers(change):
    """A right builder, each of whose layers is exchanged for `change(layer)`."""

    def layers(self, widths, stride, order, norm):
        return [change(m) for m in Builder.layers(self, widths, stride, order, norm)]

    return variant(layers=layers)


def norm_with(**options):
    def change(layer):
        if isinstance(layer, nn.BatchNorm2d):
            return nn.BatchNorm2d(layer.num_features, **options)
        return layer

    return with_layers(change)


def conv_with(**options):
    def change(layer):
        if not isinstance(layer, nn.Conv2d):
            return layer
        given = dict(stride=layer.stride, padding=1, bias=layer.bias is not None)
        return nn.Conv2d(layer.in_channels, layer.out_channels, 3, **(given | options))

    return with_layers(change)


def relu_as(other):
    return with_layers(lambda m: other() if isinstance(m, nn.ReLU) else m)


class Scaled(nn.Module):
    """The branch counts half."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block.after(0.5 * self.block.branch(x) + self.block.shortcut(x))


class Cut(Scaled):
    """No gradient goes through the shortcut."""

    def forward(self, x):
        return self.block.after(self.block.branch(x) + self.block.shortcut(x).detach())


class Multiplied(Scaled):
    def forward(self, x):
        return self.block.after(self.block.branch(x) * self.block.shortcut(x))


class Frozen(Scaled):
    def forward(self, x):
        with torch.no_grad():
            return self.block(x)


class Gated(Scaled):
    """The branch starts as zero by a parameter that nobody asked for."""

    def __init__(self, block):
        super().__init__(block)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.block.after(self.gate * self.block.branch(x) + self.block.shortcut(x))


class Functional(nn.Module):
    def __init__(self, widths, **options):
        super().__init__()
        shapes = zip(widths[1:], widths[:-1], strict=True)
        self.weights = nn.ParameterList(torch.randn(b, a, 3, 3) for b, a in shapes)

    def forward(self, x):
        for weight in self.weights:
            x = F.relu(F.conv2d(x, weight, padding=1))
        return x


class Pair(nn.Module):
    def __init__(self, widths, **options):
        super().__init__()
        self.inner = Builder().chain(widths, **options)

    def forward(self, x):
        return self.inner(x), x


class AlwaysEval(nn.BatchNorm2d):
    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


def unused(block):
    block.extra = nn.Conv2d(3, 3, 1)


def pooled(self, c_in, c_out, stride, norm):
    return [nn.AvgPool2d(stride, ceil_mode=True), *Builder.projection(self, c_in, c_out, 1, norm)]


def wide(self, c_in, c_out, stride, norm):
    conv = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=not norm)
    return [conv, *self.norms(c_out, norm)]


def constant(value):
    return lambda *arguments, **options: value


UNLISTED = {
    "none": (constant(None), constant(None)),
    "a list of layers": (lambda widths, **o: [nn.Conv2d(3, 3, 3)], Builder().residual),
    "a tensor": (constant(torch.zeros(3)), constant(torch.zeros(3))),
    "identity": (lambda *a, **o: nn.Identity(), lambda *a, **o: nn.Identity()),
    "a class in place of a block": (lambda *a, **o: nn.Sequential, lambda *a, **o: nn.Sequential),
    "weights without layers": (Functional, Builder().residual),
    "a pair returned": (Pair, Builder().residual),
    "GroupNorm": with_layers(
        lambda m: nn.GroupNorm(1, m.num_features) if isinstance(m, nn.BatchNorm2d) else m
    ),
    "another eps": norm_with(eps=1e-3),
    "another momentum": norm_with(momentum=0.01),
    "no γ and β": norm_with(affine=False),
    "no running statistics": norm_with(track_running_stats=False),
    "kernel 5": with_layers(
        lambda m: (
            nn.Conv2d(
                m.in_channels, m.out_channels, 5, m.stride, padding=2, bias=m.bias is not None
            )
            if isinstance(m, nn.Conv2d)
            else m
        )
    ),
    "dilation": conv_with(dilation=2, padding=2),
    "padding by reflection": conv_with(padding_mode="reflect"),
    "leaky ReLU": relu_as(nn.LeakyReLU),
    "no ReLU": relu_as(nn.Identity),
    "dropout": relu_as(lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.1))),
    "half the branch": with_block(Scaled),
    "shortcut cut from the gradient": with_block(Cut),
    "multiplied in place of added": with_block(Multiplied),
    "no gradient": with_block(Frozen),
    "a gate of its own": with_block(Gated),
    "a layer that nothing uses": with_block(unused),
    "running statistics in training": with_layers(
        lambda m: AlwaysEval(m.num_features) if isinstance(m, nn.BatchNorm2d) else m
    ),
    "shortcut by pooling": variant(projection=pooled),
    "shortcut with a 3 × 3 kernel": variant(projection=wide),
    "γ starts at 0.1": variant(
        start=lambda self, branch, order, norm, block: nn.init.constant_(branch[-1].weight, 0.1)
    ),
    "positional only": (lambda widths, s, o, n: None, Builder().residual),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    verdict = judge(exercise("4.3"), UNLISTED[name], "unlisted")
    assert not verdict.ok and "Traceback" not in str(verdict)
    assert watch.seconds < 1.5  # a busy machine; quiet, it takes 0.3 s at most


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none", "returned None; expected an nn.Module"),
        ("a list of layers", "returned list; expected an nn.Module"),
        ("weights without layers", "Use nn.Conv2d and nn.BatchNorm2d"),
        ("a pair returned", "returned tuple; expected a tensor"),
        ("no gradient", "No gradient goes back"),
    ],
)
def test_a_wrong_form_is_told(name, words):
    assert words in str(judge(exercise("4.3"), UNLISTED[name], "unlisted"))


def test_what_is_no_mistake_of_the_list_is_not_called_one():
    names = ("leaky ReLU", "dilation", "half the branch", "shortcut cut from the gradient")
    for name in (*names, "multiplied in place of added"):
        assert judge(exercise("4.3"), UNLISTED[name], "unlisted").mistakes == (), name


def test_two_slips_are_both_named():
    both = variant(
        bias=lambda self, order, norm, last: True, after=lambda self, order: nn.Identity()
    )
    verdict = judge(exercise("4.3"), both, "s")
    assert {"bias left in", "no ReLU after the addition"} <= set(verdict.mistakes)


def lazy_chain(widths, stride=1, order="post", norm=True):
    layers = []
    for number, width in enumerate(widths[1:]):
        last = number == len(widths) - 2
        bias = not norm or (order == "pre" and last)
        conv = nn.LazyConv2d(width, 3, stride=stride if not number else 1, padding=1, bias=bias)
        rest = [nn.LazyBatchNorm2d(), nn.ReLU()] if norm else [nn.ReLU()]
        layers += [conv, *rest] if order == "post" else [*rest, conv]
    return nn.Sequential(*layers)


class ByKeyword(nn.Module):
    """Calls its layers with keywords, and keeps the shortcut for last."""

    def __init__(self, widths, **options):
        super().__init__()
        self.inner = Builder().residual(widths, **options)

    def forward(self, x):
        y = x
        for layer in self.inner.branch:
            y = layer(input=y)
        if not isinstance(self.inner.shortcut, nn.Identity):
            for layer in self.inner.shortcut:
                x = layer(input=x)
        return self.inner.after(y + x)


def in_place_where_it_may(self, conv, order, norm, last):
    layers = Builder.unit(self, conv, order, norm, last)
    first_of_pre = order == "pre" and not norm
    return [nn.ReLU(inplace=not first_of_pre) if isinstance(m, nn.ReLU) else m for m in layers]


def he_init(block):
    for m in block.modules():
        if isinstance(m, nn.Conv2d) and m.weight.any():
            nn.init.kaiming_normal_(m.weight)
            if m.bias is not None:
                nn.init.zeros_(m.bias)


@pytest.mark.parametrize(
    "answers",
    [
        (lazy_chain, ByKeyword),
        variant(unit=in_place_where_it_may),
        with_block(he_init),
        with_block(lambda block: block.eval()),
        relu_as(lambda: nn.Threshold(0, 0)),
        conv_with(padding=(1, 1)),
    ],
)
def test_unlisted_right_answers_pass(answers):
    for seed in range(3):
        verdict = judge(exercise("4.3"), answers, f"right {seed}")
        assert verdict.ok, verdict


def test_pytorchs_generator_is_left_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    judge(exercise("4.3"), Builder().answers, "s")
    assert torch.equal(torch.get_rng_state(), before)
