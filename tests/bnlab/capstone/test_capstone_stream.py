"""The tools of the study of momentum and a shift, and what its text says."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from autograder.specs.ex9_1.answers import Right as Reach
from autograder.specs.ex9_3.answers import Right as Report
from bnlab.capstone import stream
from bnlab.training import load

MOMENTA = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
SETTINGS = [f"momentum {m:g}" for m in MOMENTA]
CONTROLS = ["frozen", "recalibrated", "group norm"]


@pytest.fixture(scope="module")
def data():
    return load().hold_out(300)


@pytest.fixture(scope="module")
def trained(data):
    return {0: stream.networks(data, 0)}


def test_balanced_batches_have_the_same_number_of_each_class(data):
    y = data.y_train
    batches = stream.balanced(y, 20, 8, seed=0)
    assert len(batches) == 8
    assert all((y[rows].bincount() == 2).all() for rows in batches)
    assert len(torch.cat(batches).unique()) == 160, "no image twice while others have not come"
    assert not torch.equal(batches[0], stream.balanced(y, 20, 8, seed=1)[0])
    with pytest.raises(ValueError, match="multiple of 10"):
        stream.balanced(y, 25, 3, seed=0)


def test_a_long_stream_goes_round_again(data):
    few = data.y_train[:60]
    rows = torch.cat(stream.balanced(few, 10, 40, seed=0))
    per_image = rows.bincount(minlength=60)
    for label in few.unique():
        counts = per_image[few == label]
        assert counts.max() - counts.min() <= 1


def test_sorted_batches_change_the_class_every_five(data):
    y = data.y_train
    batches = stream.sorted_by_class(y, 10, 23, seed=0)
    classes = [y[rows].unique() for rows in batches]
    assert len(batches) == 23 and all(len(c) == 1 for c in classes)
    runs = [classes[k].item() for k in range(0, 23, 5)]
    assert len(set(runs)) == 5
    assert [c.item() for c in classes] == [c for c in runs for _ in range(5)][:23]


def test_labels_are_swapped_and_nothing_else():
    y = torch.tensor([0, 1, 2, 1, 0])
    assert stream.swapped(y, 0, 1).tolist() == [1, 0, 2, 0, 1]
    assert y.tolist() == [0, 1, 2, 1, 0]


def test_a_stream_moves_a_copy_s_statistics_and_no_weights(trained, data):
    net = trained[0]["bn"]
    state = copy.deepcopy(net.state_dict())
    images = [data.x_train[k : k + 10] for k in range(0, 50, 10)]
    after = stream.after_stream(net, images, 0.5)
    assert not after.training and not net.training
    for name, value in after.state_dict().items():
        rests = "running" not in name and "num_batches" not in name
        assert torch.equal(value, state[name]) == rests, name
        assert torch.equal(net.state_dict()[name], state[name])
    averaged = stream.after_stream(net, images, None, reset=True)
    with torch.no_grad():
        first = torch.stack([net[0](x).mean((0, 2, 3)) for x in images]).mean(0)
    assert torch.allclose(averaged[1].running_mean, first, atol=1e-5)


def test_the_swap_reaches_nothing_and_the_shift_reaches_the_first_layer(trained, data):
    net = trained[0]["bn"]
    rows = stream.balanced(data.y_train, 10, 30, seed=0)
    plain = [(data.x_train[r], data.y_train[r]) for r in rows]
    swap = Reach()(net, plain, [(x, stream.swapped(y, 0, 1)) for x, y in plain])
    assert set(swap.values()) == {0.0} and len(swap) == 3
    moved = [(stream.brighter(x), y) for x, y in plain]
    first, *others = Reach()(net, plain, moved).values()
    assert first > 2 and max(others) < first / 4
    # What is left in the others is the zeros at the borders.
    edged = copy.deepcopy(net)
    for m in edged.modules():
        if isinstance(m, nn.Conv2d):
            m.padding_mode, m._reversed_padding_repeated_twice = "replicate", [1, 1, 1, 1]
    first, *others = Reach()(edged, plain, moved).values()
    assert first > 2 and max(others) < 1e-3


def test_swapped_labels_cost_the_share_of_their_classes_at_every_momentum(trained, data):
    x, y = data.part("test")
    rows = stream.balanced(data.y_train, 10, 30, seed=0)
    share = ((y == 0) | (y == 1)).float().mean()
    for momentum in (0.01, 0.1, 0.5):
        net = stream.after_stream(trained[0]["bn"], [data.x_train[r] for r in rows], momentum)
        with torch.no_grad():
            answers = net(x).argmax(1)
        lost = ((answers == y).float() - (answers == stream.swapped(y, 0, 1)).float()).mean()
        assert abs(lost - share) < 0.03


def medians(runs, part="test"):
    arms = dict.fromkeys(run["arm"] for run in runs)
    return {arm: np.median([r[part] for r in runs if r["arm"] == arm]) for arm in arms}


def test_the_right_momentum_depends_on_the_stream(trained, data):
    balanced = medians(stream.study(data, trained, [0.01, 0.3, 1.0], stream.balanced, 30))
    ordered = medians(stream.study(data, trained, [0.1, 1.0], stream.sorted_by_class, 30))
    assert balanced["momentum 0.01"] < balanced["momentum 0.3"] - 0.2
    assert abs(balanced["momentum 1"] - balanced["momentum 0.3"]) < 0.04
    assert ordered["momentum 1"] < ordered["momentum 0.1"] - 0.03
    assert balanced["frozen"] < 0.6 < 0.9 < balanced["recalibrated"]


@pytest.mark.slow
def test_ten_seeds_say_what_the_explanation_says(data):
    nets = {seed: stream.networks(data, seed) for seed in range(10)}
    for make in (stream.balanced, stream.sorted_by_class):
        runs = stream.study(data, nets, MOMENTA, make, 30)
        found = Report()(runs, SETTINGS, CONTROLS)
        assert found["against"]["frozen"]["verdict"] == "better"
        assert found["against"]["recalibrated"]["verdict"] == "no difference"
        now, old = medians(runs), medians(runs, "before")
        assert now["frozen"] < 0.4 and now["recalibrated"] > 0.92
        assert now["group norm"] > 0.9 and old["group norm"] > 0.95
        assert old[found["chosen"]] < 0.35 and old["recalibrated"] < 0.35
        if make is stream.balanced:
            assert min(now[f"momentum {m}"] for m in (0.1, 0.3, 1)) > 0.93
            assert now["momentum 0.03"] < 0.91
        else:
            assert found["chosen"] == "momentum 0.1"
            assert now["momentum 0.1"] > now["momentum 0.3"] + 0.03
            assert now["momentum 0.1"] > now["momentum 1"] + 0.05
