"""Borrowed statistics: the batch's in the body, and no trace afterwards."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.adaptation.borrow import batch_statistics


def model():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=None), nn.Dropout(0.5))
    net.append(nn.BatchNorm1d(4, track_running_stats=False))
    net(torch.randn(6, 3))
    return net


def everything(net):
    flags = [(m.training, getattr(m, "track_running_stats", None)) for m in net.modules()]
    return flags, {k: v.clone() for k, v in net.state_dict().items()}


def unchanged(before, net):
    flags, state = everything(net)
    return flags == before[0] and all(torch.equal(state[k], v) for k, v in before[1].items())


def test_the_batch_normalises():
    net, x = model().eval(), torch.randn(5, 3)
    with batch_statistics(net):
        y = net[1](x := net[0](x))
    want = F.batch_norm(x, None, None, net[1].weight, net[1].bias, True, 0.0, net[1].eps)
    assert torch.equal(y, want)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("x", [torch.randn(5, 3), torch.full((5, 3), torch.inf)])
def test_no_trace_is_left(training, x):
    net = model().train(training)
    before = everything(net)
    with batch_statistics(net):
        net(x)
    assert unchanged(before, net)


def test_no_trace_is_left_after_an_error():
    net = model().eval()
    before = everything(net)
    with pytest.raises(ValueError, match="more than 1 value"), batch_statistics(net):
        net(torch.randn(1, 3))
    assert unchanged(before, net)


def test_two_at_once_end_where_they_began():
    net = model().eval()
    before = everything(net)
    with batch_statistics(net), batch_statistics(net):
        net(torch.randn(4, 3))
    assert unchanged(before, net)


def test_dropout_keeps_its_mode():
    net = model().eval()
    with batch_statistics(net):
        assert not net[2].training and net[1].training
