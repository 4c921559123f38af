"""Checkpoints 7.1 to 7.3: answers that nobody listed, wrong forms, and what a verdict says of them."""

import numpy as np
import pytest
import torch
from stopwatch import Stopwatch
from torch import nn

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex7_1.answers import Builder
from autograder.specs.ex7_2.answers import Fitter
from autograder.specs.ex7_3.answers import Reporter
from autograder.specs.ex7_3.tables import TABLES, drawn, verdict


def said(id, answer, seed="unlisted"):
    return judge(exercise(id), (answer,), seed)


def altered(kind, **methods):
    return type("Variant", (kind,), methods)()


def with_norm(**options):
    """Builds with other options of the batch norms."""
    return altered(
        Builder,
        norms=lambda self, width, normed, k: [nn.BatchNorm2d(width, **options)] if normed else [],
    )


def in_a_list(arm, seed, *arguments):
    model = Builder()(arm, seed, *arguments)

    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = list(model)
            self.head = model[-1]

        def forward(self, x):
            for layer in self.layers:
                x = layer.double()(x)
            return x

    return Hidden()


def frozen(arm, seed, *arguments):
    return Builder()(arm, seed, *arguments).requires_grad_(False)


BUILDS = {
    "no γ and β": (with_norm(affine=False), "numbers that train"),
    "another eps": (with_norm(eps=1e-3), "y in training mode"),
    "another momentum": (with_norm(momentum=0.01), "y in eval mode"),
    "no running statistics": (with_norm(track_running_stats=False), "y in eval mode"),
    "layers in a list": (in_a_list, "nn.ModuleList"),
    "frozen": (frozen, "numbers that train"),
    "a list of layers": (lambda *a: list(Builder()(*a)), "expected an nn.Module"),
    "nothing": (lambda *a: None, "expected an nn.Module"),
    "no convolution": (lambda *a: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "nn.Conv2d"),
}


@pytest.mark.parametrize("name", BUILDS)
def test_builds_that_are_wrong_in_another_way(name):
    build, words = BUILDS[name]
    found = said("7.1", build)
    assert not found.ok and words in str(found), str(found)


def momentum_too(self, model, train_set, valid_set, rate, epochs, seed):
    for p in model.parameters():
        p.register_hook(lambda g, p=p: g + 0.1 * p.detach())  # weight decay, out of sight
    return Fitter.__call__(self, model, train_set, valid_set, rate, epochs, seed)


def scaled_in_place(self, model, train_set, *rest):
    train_set[0].sub_(train_set[0].mean())
    return Fitter.__call__(self, model, train_set, *rest)


FITS = {
    "weight decay": (altered(Fitter, __call__=momentum_too), "weights after the run"),
    "images changed": (altered(Fitter, __call__=scaled_in_place), "changed its input"),
    "no record": (lambda *a: None, "should be a dict"),
    "a word for diverged": (lambda *a: Fitter()(*a) | {"diverged": "no"}, "True or False"),
    "one number": (lambda *a: Fitter()(*a) | {"loss": 0.1}, "number for each step"),
    "ragged": (lambda *a: Fitter()(*a) | {"norms": [[1.0], [1.0, 2.0]]}, "different lengths"),
    "no norms": (lambda *a: {k: v for k, v in Fitter()(*a).items() if k != "norms"}, "'norms'"),
}


@pytest.mark.parametrize("name", FITS)
def test_runs_that_are_wrong_in_another_way(name):
    fit, words = FITS[name]
    found = said("7.2", fit)
    assert not found.ok and words in str(found), str(found)


def as_tensors(*arguments):
    record = Fitter()(*arguments)
    rows = torch.tensor(record["norms"], dtype=torch.float64)
    return dict(
        loss=torch.tensor(record["loss"], dtype=torch.float64),
        norms=[[*map(torch.tensor, row)] for row in rows.tolist()],
        valid=torch.tensor(record["valid"], dtype=torch.float64),
        diverged=torch.tensor(record["diverged"]),
    )


def test_a_record_of_tensors_passes():
    assert said("7.2", as_tensors).ok


def changing(self, accuracies):
    accuracies[np.isnan(accuracies)] = 0
    return accuracies


REPORTS = {
    "results changed": (altered(Reporter, numbers=changing), "changed its input"),
    "no report": (lambda results: None, "should be a dict"),
    "another word": (lambda results: Reporter()(results) | {"answer": "BN"}, "expected one of"),
    "always undecided": (
        lambda results: Reporter()(results) | {"answer": "cannot tell"},
        "answer is 'bn'",
    ),
    "no arm": (lambda results: {"bn": Reporter()(results)["bn"]}, "'plain'"),
}


@pytest.mark.parametrize("name", REPORTS)
def test_reports_that_are_wrong_in_another_way(name):
    report, words = REPORTS[name]
    found = said("7.3", report)
    assert not found.ok and words in str(found), str(found)


def test_the_tables_need_every_answer_and_both_conditions():
    rng = np.random.default_rng(0)
    answers = {name: verdict(drawn(rng, *table))["answer"] for name, table in TABLES.items()}
    assert set(answers.values()) == {"bn", "plain", "cannot tell"}
    assert answers["batch norm ahead, many test images"] == "bn"
    assert answers["the same difference, few test images"] == "cannot tell"
    assert answers["the seeds overlap"] == "cannot tell"
    assert answers["the plain arm ahead"] == "plain"


@pytest.mark.parametrize(
    ("id", "answer"), [("7.1", Builder()), ("7.2", Fitter()), ("7.3", Reporter())]
)
def test_a_verdict_is_quick(id, answer):
    assert said(id, answer).ok  # and everything is imported
    watch = Stopwatch()
    assert said(id, answer, "again").ok
    assert watch.seconds < 1
