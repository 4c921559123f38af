"""The guard: borrows for a new camera, and for nothing else."""

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.adaptation.borrow import batch_statistics
from bnlab.adaptation.guard import Guard, three_ways
from bnlab.adaptation.shifts import SHIFTS
from bnlab.adaptation.stream import draws
from bnlab.training import load, mlp, train


@pytest.fixture(scope="module")
def trained():
    data = load().flat().hold_out(400)
    return train(mlp(3), lr=0.1, data=data).model, data


@pytest.fixture(scope="module")
def guard(trained):
    model, data = trained
    return Guard(model, [data.x_valid[rows] for rows in draws(150, of=400)])


def share(guard, data, change, picks):
    right = [
        (guard(change(data.x_test[rows])).logits.argmax(1) == data.y_test[rows]).float().mean()
        for rows in picks
    ]
    used = [guard(change(data.x_test[rows])).used == "batch" for rows in picks]
    return np.mean(right), np.mean(used)


def same(x):
    return x


def test_a_new_camera_is_repaired(guard, trained):
    for name in ("brighter, 2x + 1", "less contrast, 0.3x"):
        right, used = share(guard, trained[1], SHIFTS[name], draws(10, of=360))
        assert right > 0.9 and used > 0.8


def test_clean_batches_of_one_class_keep_the_running_statistics(guard, trained):
    picks = [(trained[1].y_test == c).nonzero().flatten()[:32] for c in range(10)]
    right, used = share(guard, trained[1], same, picks)
    assert right > 0.93 and used == 0


def test_borrowed_statistics_leave_it_sure_on_a_new_camera_and_unsure_on_one_class(trained):
    model, data = trained

    def confidence(change, picks):
        with batch_statistics(model.eval()), torch.no_grad():
            logits = [model(change(data.x_test[rows])) for rows in picks]
        return np.median([a.softmax(1).amax(1).mean() for a in logits])

    picks = draws(10, of=360)
    pure = [(data.y_test == c).nonzero().flatten()[:32] for c in range(10)]
    clean = confidence(same, picks)
    assert clean > 0.9
    assert abs(confidence(SHIFTS["brighter, 2x + 1"], picks) - clean) < 0.02
    assert confidence(same, pure) < 0.7


def test_three_ways_counts_what_each_gets_right(guard, trained):
    x, y = trained[1].x_test[:32], trained[1].y_test[:32]
    bright = SHIFTS["brighter, 2x + 1"](x)
    answer = guard(bright)
    assert answer.used == "batch"
    right = (answer.logits.argmax(1) == y).double().mean().item()
    running, guarded, own, used = three_ways(guard, [(bright, y)])
    assert running < 0.7 < guarded == own == right and used == 1
    both = three_ways(guard, [(bright, y), (bright[:8], y[:8])])
    assert both[3] == 0.5 and both[1] < guarded


def test_small_batches_are_not_judged(guard, trained):
    answer = guard(SHIFTS["brighter, 2x + 1"](trained[1].x_test[:8]))
    assert answer.used == "running" and "fewer than 32" in answer.why
    assert guard(trained[1].x_test[:1]).used == "running"


def test_a_broken_batch_is_not_borrowed_from(guard, trained):
    x = trained[1].x_test[:32].clone()
    x[0] = torch.nan
    answer = guard(x)
    assert answer.used == "running" and "doubt" in answer.why


def test_no_trace_is_left(guard, trained):
    model, data = trained
    model.train()
    was = {k: v.clone() for k, v in model.state_dict().items()}
    for shift in SHIFTS.values():
        guard(shift(data.x_test[:32]))
    with pytest.raises(RuntimeError):
        guard(torch.zeros(32, 5))
    assert all(m.training for m in model.modules())
    assert all(torch.equal(v, was[k]) for k, v in model.state_dict().items())


def test_batches_of_one_size_and_enough_of_them():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)).eval()
    with pytest.raises(ValueError, match=r"\[4, 5\] samples"):
        Guard(model, [torch.randn(4, 3), torch.randn(5, 3)])
    with pytest.raises(ValueError, match="too few"):
        Guard(model, [torch.randn(4, 3)] * 10)
