"""Exercise 4.4: what its text claims, and answers that nobody listed."""

from itertools import combinations

import numpy as np
import pytest
import torch
from stopwatch import Stopwatch

from autograder.judge import Trial, judge
from autograder.registry import exercise
from autograder.specs.ex4_4 import tables, training
from autograder.specs.ex4_4.answers import Concluder, Sweeper, concludes, sweeps
from bnlab.training import load, mlp

NORMS, RATES = ["none", "bn", "ln", "gn"], [0.03, 0.1, 0.3, 1.0]


@pytest.fixture(autouse=True)
def no_bars(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


def stub(*inputs, **options):
    raise NotImplementedError


def full_size(seeds):
    """The sweep that the notebook shows."""
    data = load("digits").flat().hold_out(300)
    sets = [data.part(name) for name in training.PARTS]

    def build(norm, seed):
        return mlp(3, 64, norm, init="he", seed=seed)

    results = Sweeper()(build, *sets, NORMS, RATES, seeds)
    found = Concluder()(results)
    runs = {n: results["test"][k, RATES.index(found[n]["rate"])] for k, n in enumerate(NORMS)}
    return found, runs


def test_batch_norm_wins_the_sweep_of_the_notebook_and_takes_most_rates():
    found, runs = full_size([0, 1, 2])
    assert found["winner"] == "bn"
    assert min(runs["bn"]) > max(max(runs[n]) for n in NORMS if n != "bn")
    assert len(found["bn"]["good"]) > max(len(found[n]["good"]) for n in NORMS if n != "bn")


@pytest.mark.slow
def test_ten_seeds_part_the_medians_but_not_the_ranges():
    found, runs = full_size(range(10))
    others = [n for n in NORMS if n != "bn"]
    gap = min(found["bn"]["test"] - found[n]["test"] for n in others)
    assert 0.02 < gap < 0.04
    assert abs(min(runs["bn"]) - max(max(runs[n]) for n in others)) < 0.012
    assert len(found["bn"]["good"]) > max(len(found[n]["good"]) for n in others)


def test_one_in_ten_sweeps_names_a_winner_by_chance():
    ranks = range(6)
    parted = [c for c in combinations(ranks, 3) if min(c) > max(set(ranks) - set(c))]
    assert len(list(combinations(ranks, 3))) == 20 and 2 * len(parted) == 2
    assert len(list(combinations(range(12), 3))) == 220


def test_the_mode_hardly_shows_in_the_accuracy_of_300_images():
    data = load("digits").flat().hold_out(300)
    for seed in range(3):
        model = mlp(3, 64, "bn", init="he", seed=seed)
        train, valid = data.part("train"), data.part("valid")
        steps = Sweeper().steps(len(train[0]), 5, seed, [seed])
        Sweeper().fit(model, *train, 0.3, steps, None, None)
        before = training.running(model).copy()
        accuracies = [Sweeper().accuracy(model.train(mode), *valid) for mode in (True, False)]
        assert abs(accuracies[0] - accuracies[1]) < 0.02
        assert np.abs(training.running(model) - before).max() > 1e-3


@pytest.mark.parametrize("name", tables.TRAPS)
def test_no_trap_depends_on_a_rounding(name):
    """No median is near 2 points below the best, and no two runs decide the winner by a hair."""
    for seed in range(20):
        results = tables.table(np.random.default_rng(seed), tables.TRAPS[name])
        valid = np.nan_to_num(results["valid"])
        assert valid.max() <= 1 and np.nan_to_num(results["test"], nan=1).min() > 0
        medians = np.median(valid, axis=2)
        below = medians.max(axis=1, keepdims=True) - medians
        assert (np.abs(below - tables.POINTS) > 1e-3).all()


def test_the_runs_that_are_repeated_forgive_roundings_and_nothing_else():
    for seed in range(5):
        for case in exercise("4.4").cases(np.random.default_rng(seed))[:2]:
            k, r, s = case.inputs["again"]
            cell = case.inputs["norms"][k], case.inputs["rates"][r], case.inputs["seeds"][s]
            assert training.is_stable(case.inputs, *cell)
            other, _ = training.run_again(case.inputs, cell[0], 1.02 * cell[1], cell[2])
            moved = np.abs(training.weights(other) - case.inputs["target"]).max()
            assert moved > 2 * case.tolerance * np.abs(case.inputs["target"]).max()


def invented(build, *arguments, **options):
    """Builds networks, trains none, and makes up numbers."""
    norms, rates, seeds = arguments[3:6]
    for norm in norms:
        for seed in seeds:
            for _ in rates:
                build(norm, seed)
    numbers = np.random.default_rng(0).uniform(0.1, 1, (2, len(norms), len(rates), len(seeds)))
    return dict(norms=norms, rates=rates, valid=numbers[0], test=numbers[1])


def untrained(build, train_set, *others, **options):
    return Sweeper()(build, train_set, *others, **(options | {"epochs": 0}))


def without_build(build, *arguments, **options):
    return Sweeper()(lambda norm, seed: training.build(norm, seed), *arguments, **options)


def sorted_in_place(build, train_set, *others, **options):
    order = train_set[1].argsort()
    for part in train_set:
        part[:] = part[order].clone()
    return Sweeper()(build, train_set, *others, **options)


def with_adam(self, model, x, y, rate, steps, valid_set, test_set):
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for rows in steps:
        loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
        if not torch.isfinite(loss):
            return False
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return True


class Constant(Concluder):
    def winner(self, at_best, found):
        return None


class Alone(Concluder):
    """Compares with the next norm only."""

    def winner(self, at_best, found):
        first, second = list(at_best)[:2]
        return super().winner({n: at_best[n] for n in (first, second)}, found)


UNLISTED = {
    "invented numbers": (invented, Concluder()),
    "untrained networks": (untrained, Concluder()),
    "own networks": (without_build, Concluder()),
    "data changed": (sorted_in_place, Concluder()),
    "Adam": sweeps(fit=with_adam),
    "twice the rate": sweeps(
        fit=lambda self, model, x, y, rate, *rest: Sweeper.fit(self, model, x, y, 2 * rate, *rest)
    ),
    "one epoch too many": sweeps(
        steps=lambda self, n, epochs, seed, seeds: Sweeper.steps(self, n, epochs + 1, seed, seeds)
    ),
    "seeds and norms reversed": sweeps(
        results=lambda self, norms, rates, valid, test: Sweeper.results(
            self, norms, rates, valid[::-1, :, ::-1], test[::-1, :, ::-1]
        )
    ),
    "no results": sweeps(results=lambda self, *parts: None),
    "results without rates": sweeps(
        results=lambda self, norms, rates, valid, test: dict(norms=norms, valid=valid, test=test)
    ),
    "no conclusions": (concludes()[0], lambda results: None),
    "a norm missing": (concludes()[0], lambda results: {"winner": None}),
    "winner is a number": concludes(winner=lambda self, at_best, found: 0),
    "never a winner": (concludes()[0], Constant()),
    "two norms compared": (concludes()[0], Alone()),
    "good as flags": concludes(good=lambda self, scores, rates: scores >= scores.max() - 0.02),
    "positions for rates": (
        concludes()[0],
        lambda results: Concluder()(results | {"rates": list(range(len(results["rates"])))}),
    ),
}


@pytest.fixture(scope="module")
def trial():
    """The cases of one seed; known mistakes run on them once."""
    return Trial(exercise("4.4"), "unlisted")


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails(name, trial):
    verdict = trial.judge(UNLISTED[name])
    assert not verdict.ok and "Traceback" not in str(verdict)


def test_a_wrong_answer_that_agrees_with_no_mistake_is_judged_in_time():
    watch = Stopwatch()
    assert judge(exercise("4.4"), UNLISTED["twice the rate"], "s").mistakes == ()
    assert watch.seconds < 10  # a busy machine; quiet, it takes 2 s


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own networks", "never called `build(norm, seed)`"),
        ("data changed", "changed its input"),
        ("no results", "should be a dict, but is NoneType"),
        ("results without rates", "no entry 'rates'"),
        ("a norm missing", "has no entry"),
        ("winner is a number", "`winner` is 0; expected one of"),
    ],
)
def test_a_wrong_form_is_told(name, words, trial):
    assert words in str(trial.judge(UNLISTED[name]))


def test_what_is_no_mistake_of_the_list_is_not_called_one(trial):
    for name in ("twice the rate", "two norms compared"):
        assert trial.judge(UNLISTED[name]).mistakes == (), name


def test_a_guess_for_a_diverged_run_is_named(trial):
    answers = sweeps(diverged=lambda self, *parts: (0.1, 0.1))
    assert "accuracy for a diverged run" in trial.judge(answers).mistakes


def test_one_half_is_looked_at_while_the_other_is_not_written(trial):
    def mistake(name):
        return next(m.answers for m in exercise("4.4").mistakes if m.name == name)

    verdict = trial.judge((mistake("eval mode forgotten")[0], stub))
    assert "eval mode forgotten" in verdict.mistakes
    verdict = trial.judge((stub, mistake("best seed")[1]))
    assert "best seed" in verdict.mistakes
    verdict = trial.judge((Sweeper(), stub))
    assert [f.case for f in verdict.failures] == [f"given results: {t}" for t in tables.TRAPS]
    assert "Not written yet" in str(trial.judge((stub, stub)))


def test_a_bar_is_shown_on_standard_output_alone(monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE")
    judge(exercise("4.4"), (Sweeper(), Concluder()), "s")
    shown = capsys.readouterr()
    assert "runs" in shown.out and "/12" in shown.out and not shown.err
    monkeypatch.setenv("TQDM_DISABLE", "1")
    judge(exercise("4.4"), (Sweeper(), Concluder()), "s")
    assert not capsys.readouterr().out
