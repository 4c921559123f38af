"""Drift score and threshold: formula by formula, and the rate of false alarms."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.adaptation.drift import drift_score, layer_score, threshold


def layer(c=3, mean=1.0, var=4.0, eps=1e-5):
    made = nn.BatchNorm1d(c, eps=eps).double().eval()
    nn.init.constant_(made.running_mean, mean)
    nn.init.constant_(made.running_var, var)
    return made


def test_the_score_of_a_shifted_mean_in_standard_errors():
    x = torch.tensor([[1.0], [3.0]], dtype=torch.float64)  # mean 2, unbiased variance 2
    made = layer(1, eps=0.0)
    of_mean, of_var = 1 / math.sqrt(4 / 2), abs(2 / 4 - 1) / math.sqrt(2 / 1)
    assert layer_score(made, x) == pytest.approx(max(of_mean, of_var))


@pytest.mark.parametrize("shape", [(9, 3), (4, 3, 5), (2, 3, 3, 2)])
def test_the_largest_channel_counts(shape):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = np.moveaxis(x.numpy(), 1, 0).reshape(3, -1)
    m = rows.shape[1]
    of_mean = np.abs(rows.mean(1) - 1) / np.sqrt((4 + 1e-5) / m)
    ratio = (rows.var(1, ddof=1) + 1e-5) / (4 + 1e-5)
    of_var = np.abs(ratio - 1) / np.sqrt(2 / (m - 1))
    want = max(of_mean.max(), of_var.max())
    assert layer_score(layer(), x) == pytest.approx(want)


def test_a_dead_channel_that_stays_dead_scores_nothing():
    made = layer(1, mean=0.0, var=0.0)
    assert layer_score(made, torch.zeros(8, 1, dtype=torch.float64)) == 0


def test_it_does_not_grow_with_the_batch():
    made, medians = layer(1, mean=0.0, var=1.0), []
    rng = torch.Generator().manual_seed(0)
    for m in (16, 256):
        draws = [torch.randn(m, 1, generator=rng, dtype=torch.float64) for _ in range(400)]
        medians.append(np.median([layer_score(made, x) for x in draws]))
    assert 0.85 < medians[0] / medians[1] < 1.18


def test_the_model_is_left_as_it_was():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)).train()
    was = {k: v.clone() for k, v in net.state_dict().items()}
    drift_score(net, torch.randn(8, 3))
    assert all(torch.equal(v, was[k]) for k, v in net.state_dict().items())
    assert all(m.training and not m._forward_pre_hooks for m in net.modules())
    with pytest.raises(RuntimeError):
        drift_score(net, torch.randn(8, 4))
    assert all(m.training and not m._forward_pre_hooks for m in net.modules())


def test_a_nan_in_any_layer_shows_in_the_score():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.ReLU(), nn.BatchNorm1d(3))
    nn.init.constant_(net[2].running_mean, torch.nan)
    assert math.isnan(drift_score(net, torch.randn(8, 3)))


def test_without_statistics_there_is_no_score():
    with pytest.raises(ValueError, match="no batch norm"):
        drift_score(nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)), torch.zeros(4, 3))


@pytest.mark.parametrize(
    ("n", "rate", "rank"),
    [(19, 0.05, 19), (39, 0.05, 38), (40, 0.1, 37), (3, 0.25, 3), (7, 0.5, 4)],
)
def test_the_rank(n, rate, rank):
    assert threshold(list(range(n, 0, -1)), rate) == rank


@pytest.mark.parametrize(("n", "rate"), [(18, 0.05), (0, 0.5), (2, 0.25)])
def test_too_few_scores(n, rate):
    with pytest.raises(ValueError, match="too few"):
        threshold(list(range(n)), rate)
    least = math.ceil(1 / rate) - 1
    threshold(list(range(least)), rate)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 5])
def test_a_rate_is_a_share(rate):
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold([1.0] * 100, rate)


def test_the_rate_of_false_alarms_is_the_one_that_was_set():
    """20 000 calibrations of 19 exchangeable scores: exceeded in 1 of 20, to 3 standard errors."""
    rng = np.random.default_rng(0)
    scores = rng.gamma(2, size=(20_000, 20))
    raised = np.mean([new > threshold(list(clean), 0.05) for *clean, new in scores])
    assert abs(raised - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 20_000)
