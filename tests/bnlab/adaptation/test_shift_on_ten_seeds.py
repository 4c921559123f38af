"""What chapter 6.2 says of shifts, over ten seeds."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from bnlab.adaptation.borrow import batch_statistics
from bnlab.adaptation.drift import drift_score, threshold
from bnlab.adaptation.ema import AveragedWeights
from bnlab.adaptation.frozen import freeze
from bnlab.adaptation.recalibrate import recalibrate
from bnlab.adaptation.shifts import SHIFTS
from bnlab.adaptation.stream import draws
from bnlab.training import accuracy, cnn, load, mlp, train

SEEDS = range(10)


def other_camera(seed):
    """A network that learned from 700 digits, and 100 training images of another camera."""
    data = load()
    few = replace(data, x_train=data.x_train[:700], y_train=data.y_train[:700])
    model = train(cnn(seed=seed), lr=0.3, seed=seed, data=few).model
    rows = 700 + torch.randperm(737, generator=torch.Generator().manual_seed(seed))[:100]
    seen = 0.3 * data.x_train[rows] + 0.5
    test = 0.3 * data.x_test + 0.5
    return model, replace(data, x_train=seen, y_train=data.y_train[rows], x_test=test)


@pytest.mark.slow
def test_one_pass_in_training_mode_is_no_recalibration():
    once, again, frozen = [], [], []
    for seed in SEEDS:
        model, data = other_camera(seed)
        batches = data.x_train.split(20)
        again.append(accuracy(recalibrate(copy.deepcopy(model), batches), data))
        tuned = train(freeze(copy.deepcopy(model), True), 0.03, 20, 20, seed=seed, data=data)
        frozen.append(tuned.accuracy)
        model.train()
        with torch.no_grad():
            for x in batches:
                model(x)
        once.append(accuracy(model, data))
    assert np.median(once) < 0.65 and min(again) > 0.89
    assert all(a > b + 0.2 for a, b in zip(again, once, strict=True))
    assert np.median(frozen) < 0.4  # frozen statistics do not stand the larger rate


@pytest.mark.slow
def test_what_adabn_repairs():
    data = load().flat()
    x, y = data.part("test")
    gained = {name: [] for name in SHIFTS}
    for seed in SEEDS:
        live = mlp(3, seed=seed)
        forgotten = AveragedWeights(live, buffers=False)
        train(live, lr=0.1, seed=seed, each_step=forgotten.update)
        assert accuracy(forgotten.average) < 0.87 < 0.95 < accuracy(live)
        for name, shift in SHIFTS.items():
            seen = replace(data, x_test=shift(x))
            adapted = recalibrate(copy.deepcopy(live), shift(x).split(120))
            gained[name].append((accuracy(live, seen), accuracy(adapted, seen)))
        with batch_statistics(live.eval()), torch.no_grad():
            pure = [(live(x[y == c]).argmax(1) == c).float().mean().item() for c in range(10)]
        assert np.mean(pure) < 0.15
    gained = {name: np.array(values).T for name, values in gained.items()}
    for name in ("brighter, 2x + 1", "less contrast, 0.3x"):
        assert gained[name][0].max() < 0.78 and gained[name][1].min() > 0.95
    assert gained["gain per pixel"][1].min() > 0.94 > gained["gain per pixel"][0].max()
    assert gained["noise, sd 0.3"].max() < 0.85 and gained["inverted, 1 − x"].max() < 0.1


@pytest.mark.slow
def test_the_measured_rate_of_false_alarms_is_around_the_one_that_was_set():
    measured = {0.05: [], 0.2: []}
    for seed in SEEDS:
        data = load().flat().hold_out(400, seed=seed)
        net = train(mlp(3, seed=seed), lr=0.1, seed=seed, data=data).model
        clean, fresh = (
            np.array([drift_score(net, x[rows]) for rows in draws(count, of=len(x), seed=start)])
            for x, count, start in ((data.x_valid, 599, seed), (data.x_test, 500, 100 + seed))
        )
        assert (fresh > 1.96).mean() > 0.99
        for rate, found in measured.items():
            found.append((fresh > threshold(clean, rate)).mean())
    assert 0.025 < np.median(measured[0.05]) < 0.075 and max(measured[0.05]) < 0.13
    assert 0.15 < np.median(measured[0.2]) < 0.25 and min(measured[0.2]) > 0.1
