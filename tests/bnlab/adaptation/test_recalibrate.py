"""Recalibration: averages over samples, and nothing else changes."""

import pytest
import torch
from torch import nn

from bnlab.adaptation.frozen import freeze
from bnlab.adaptation.recalibrate import recalibrate


def model():
    torch.manual_seed(0)
    layers = [nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.2), nn.Dropout(0.5), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(4, 2), nn.BatchNorm1d(2, momentum=None)).double()


def batches(*sizes):
    rng = torch.Generator().manual_seed(1)
    return [torch.randn(n, 3, generator=rng, dtype=torch.float64) + n for n in sizes]


def test_a_sample_counts_the_same_in_every_batch():
    layer, parts = nn.BatchNorm1d(3).double(), batches(7, 7, 2)
    layer(torch.randn(5, 3, dtype=torch.float64))  # something to forget
    recalibrate(layer, parts)
    assert torch.allclose(layer.running_mean, torch.cat(parts).mean(0))
    want = sum(len(x) * x.var(0) for x in parts) / 16
    assert torch.allclose(layer.running_var, want) and layer.num_batches_tracked == 3


def test_equal_batches_give_what_update_bn_gives():
    one, two = model().eval(), model().eval()
    one[2].p = two[2].p = 0.0
    recalibrate(one, batches(5, 5, 5))
    torch.optim.swa_utils.update_bn(batches(5, 5, 5), two)
    for a, b in zip(one.buffers(), two.buffers(), strict=True):
        assert torch.allclose(a, b)


def test_dropout_is_silent_and_labels_are_left_out():
    one, two = model(), model()
    recalibrate(one, batches(4, 6))
    recalibrate(two, [(x, torch.zeros(len(x))) for x in batches(4, 6)])
    assert all(map(torch.equal, one.buffers(), two.buffers()))


@pytest.mark.parametrize("breaks", [False, True])
def test_modes_and_momenta_come_back(breaks):
    net = model()
    net.eval()
    net[2].train()
    modes = [m.training for m in net.modules()]

    def loader():
        yield from batches(4, 6)
        if breaks:
            raise OSError("a file is damaged")

    if breaks:
        with pytest.raises(OSError):
            recalibrate(net, loader())
    else:
        recalibrate(net, loader())
    assert [m.training for m in net.modules()] == modes
    assert (net[1].momentum, net[5].momentum) == (0.2, None)


def test_frozen_layers_stay():
    net = freeze(model())
    was = [b.clone() for b in net.buffers()]
    recalibrate(net, batches(4))
    assert all(map(torch.equal, was, net.buffers()))
