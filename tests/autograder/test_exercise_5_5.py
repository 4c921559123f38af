"""Exercise 5.5: its table of properties measured on PyTorch's layers, its cases, and odd answers."""

import itertools

import pytest
import torch
from stopwatch import Stopwatch
from torch import nn

from autograder.judge import Trial, generator, judge
from autograder.registry import exercise
from autograder.specs.ex5_5 import NOTHING, rules
from autograder.specs.ex5_5.right_ways import by_tables

EXERCISE = exercise("5.5")
C = 4
UNSERVED = (
    "few images, maps of one position, the norm must cost nothing",
    "cameras of several factories, a batch spread over many workers",
    "text, written word by word, the norm must cost nothing",
)
LAYERS = {
    "BN": lambda: nn.BatchNorm1d(C),
    "GN": lambda: nn.GroupNorm(2, C),
    "LN": lambda: nn.LayerNorm(C),
    "IN": lambda: nn.InstanceNorm1d(C),
}


def apply(name, x, training=True):
    """A norm on sequences (N, T, C), in a layer that has seen other data before."""
    layer = LAYERS[name]()
    swap = (lambda t: t) if name == "LN" else (lambda t: t.transpose(1, 2))
    with torch.no_grad():
        torch.manual_seed(1)
        layer(swap(2 + 3 * torch.randn(8, 5, C)))
        return swap(layer.train(training)(swap(x)))


def untouched(name, change, look):
    """Whether what `look` picks from the output stays when `change` alters the input in place."""
    torch.manual_seed(0)
    x = torch.randn(3, 6, C)
    other = x.clone()
    change(other)
    return torch.equal(look(apply(name, x)), look(apply(name, other)))


def measured(name):
    torch.manual_seed(0)
    x, has = torch.randn(3, 6, C), set()
    if untouched(name, lambda t: t[1].add_(5), lambda y: y[0]):
        has.add("sample-wise")
    if untouched(name, lambda t: t[0, -1].add_(5), lambda y: y[0, 0]):
        has.add("position-wise")
    styled = x.clone()
    styled[0] = x[0] * torch.tensor([3.0, 1, 0.5, 2]) + torch.tensor([0.0, 4, -2, 1])
    if torch.allclose(apply(name, x)[0], apply(name, styled)[0], atol=1e-3):
        has.add("removes style")
    a, b = torch.randn(2, 3, 6, C)
    mixed = apply(name, 0.3 * a + 0.7 * b, training=False)
    parts = 0.3 * apply(name, a, training=False) + 0.7 * apply(name, b, training=False)
    if torch.allclose(mixed, parts, atol=1e-5):
        has.add("folds")
    if list(LAYERS[name]().buffers()):
        has.add("re-estimable")
    return has


@pytest.mark.parametrize("name", LAYERS)
def test_the_table_of_properties_is_what_the_layers_do(name):
    assert measured(name) == rules.HAS[name]


def test_every_drawn_system_needs_something_and_is_no_borderline_case():
    for seed in range(100):
        for case in EXERCISE.cases(generator(str(seed), "5.5")):
            system = case.inputs["system"]
            m = rules.values_behind_a_statistic(system)
            assert rules.needs(system)
            assert bool(rules.fitting(system)) is (case.name not in UNSERVED)
            assert m <= 12 or m >= 64
            assert system["batch"] % system["workers"] == 0


def test_two_norms_or_two_properties_are_right_where_both_hold():
    image = dict(data="images", batch=4, workers=1, channels=512, size=(1, 1)) | NOTHING
    assert rules.fitting(image) == ["GN", "LN"]
    factory = image | dict(size=(20, 20), must_fold=True, new_sites=True)
    assert rules.deciding(factory) == {"folds", "re-estimable"}


@pytest.mark.parametrize("answer", list(itertools.product(rules.HAS, rules.PROPERTIES)))
def test_no_constant_answer_is_worth_half_the_marks(answer):
    for seed in range(5):
        assert judge(EXERCISE, (lambda system: answer,), str(seed)).share < 0.5


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "choose returned None (is the return missing?); expected 2: norm, property."),
        ("BN", "choose returned one str; expected 2: norm, property."),
        (("folds", "BN"), "The norm is 'folds'; expected one of 'BN', 'GN', 'LN', 'IN', 'none'."),
        (("bn", "folds"), "The norm is 'bn'; expected one of"),
        (("BN", "foldable"), "The property is 'foldable'; expected one of 'sample-wise',"),
        ((["BN"], "folds"), "The norm is ['BN']; expected one of"),
    ],
)
def test_a_wrong_form_is_told(answer, says):
    assert says in str(judge(EXERCISE, (lambda system: answer,), "form"))


def test_an_answer_must_leave_the_system_as_it_is():
    def uses_up(system):
        answer = by_tables(system)
        system.pop("data")
        return answer

    assert "changed its input" in str(judge(EXERCISE, (uses_up,), "form"))


def test_the_problem_says_why_and_does_not_name_the_answer():
    trial = Trial(EXERCISE, "words")
    text = str(trial.judge((lambda system: ("BN", "folds"),)))
    assert "Behind one statistic of BN stand" in text and "GN" not in text.split("Looks like")[0]


def test_who_never_counts_values_loses_marks():
    def facts_alone(system):
        if system["padded"] or system["causal"]:
            stored = system["must_fold"] or system["new_sites"]
            return ("none", "folds") if stored else ("LN", "position-wise")
        if system["remove_style"]:
            return "IN", "removes style"
        if system["must_fold"] or system["new_sites"]:
            return "BN", "folds" if system["must_fold"] else "re-estimable"
        return "GN", "sample-wise"

    text = str(judge(EXERCISE, (facts_alone,), "count"))
    assert "16 of 18" in text and "fewer than 16" in text


def test_none_is_wrong_where_a_norm_fits():
    text = str(judge(EXERCISE, (lambda system: ("none", "folds"),), "none"))
    assert "Among the four one has all that is needed." in text


def test_a_verdict_is_quick():
    watch = Stopwatch()
    judge(EXERCISE, (by_tables,), "time")
    judge(EXERCISE, (lambda system: ("IN", "folds"),), "time")
    assert watch.seconds < 1
