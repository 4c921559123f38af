"""Averaged weights: the average itself, and what becomes of the buffers."""

import torch
from torch import nn

from bnlab.adaptation.ema import AveragedWeights


def model():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_the_average_is_the_formula():
    live = model()
    kept = AveragedWeights(live, decay=0.2)
    want = live[0].weight.detach().clone()
    for step in (1, 2, 3):
        nn.init.constant_(live[0].weight, step)
        kept.update(step, live)
        decay = min(0.2, (1 + step) / (10 + step))
        want = decay * want + (1 - decay) * step
    assert torch.allclose(kept.average[0].weight, want)
    assert not torch.equal(kept.average[0].weight, live[0].weight)


def test_buffers_are_copied_or_stay():
    live = model()
    right, wrong = AveragedWeights(live), AveragedWeights(live, buffers=False)
    live(torch.randn(8, 3) + 5)
    for kept in (right, wrong):
        kept.update(1, live)
    assert torch.equal(right.average[1].running_mean, live[1].running_mean)
    assert right.average[1].num_batches_tracked == 1
    assert wrong.average[1].running_mean.abs().max() == 0
