"""Networks with one thing changed: that thing changed, and nothing else."""

import copy

import pytest
import torch
from torch import nn

from bnlab.training import accuracy, linear_layers, load, mlp, train
from bnlab.trials.measures import set_eps
from bnlab.trials.networks import (
    STARTS,
    checkpointed,
    dropout_at,
    glorot_init,
    new_statistics,
    skip_init,
    started,
    trains_only,
    undone,
    with_fresh_norms,
)


@pytest.fixture(scope="module")
def data():
    return load().flat()


@pytest.fixture(scope="module")
def trained(data):
    return train(mlp(2, 16, seed=0), 0.1, 2, data=data).model


def test_starts_are_what_they_are_called():
    looks = {
        "small": lambda w: 0.8e-4 < w.std() < 1.2e-4,
        "sparse": lambda w: 0.85 < (w == 0).double().mean() < 0.95,
        "heavy tails": lambda w: w.abs().max() > 100 * w.abs().median(),
        "positive": lambda w: w.min() >= 0 and 0.9 < w.max() < 1,
        "equal": lambda w: len(w.unique()) == 1,
    }
    assert set(looks) == set(STARTS)
    for start, fits in looks.items():
        before = mlp(2, 32, seed=0)
        model = started(copy.deepcopy(before), start, seed=1)
        *hidden, last = linear_layers(model)
        assert all(fits(layer.weight) and not layer.bias.any() for layer in hidden), start
        assert torch.equal(last.weight, before[-1].weight)
        again = started(mlp(2, 32, seed=5), start, seed=1)
        assert torch.equal(linear_layers(again)[0].weight, hidden[0].weight), "the seed decides"


def test_an_unknown_start_part_or_place_is_refused():
    for call in (
        lambda m: started(m, "zero", 0),
        lambda m: trains_only(m, "bias"),
        lambda m: dropout_at(m, "twice"),
    ):
        with pytest.raises(ValueError, match="expected"):
            call(mlp(1, 8))


def test_glorot_has_the_variance_that_it_should():
    model = glorot_init(mlp(1, 256, "none", seed=0), gain=4)
    assert abs(model[0].weight.std().item() / (4 * (2 / (64 + 256)) ** 0.5) - 1) < 0.05


@pytest.mark.parametrize(("part", "moving"), [("norms", 4), ("top", 2), ("all", 10)])
def test_only_the_chosen_part_learns(data, part, moving):
    start = mlp(2, 16, seed=0)
    run = train(trains_only(copy.deepcopy(start), part), 0.1, 1, data=data)
    pairs = zip(start.parameters(), run.model.parameters(), strict=True)
    # A bias before batch norm has no gradient but rounding: count what may move.
    assert sum(p.requires_grad for p in run.model.parameters()) == moving
    assert all(torch.equal(a, b) for a, b in pairs if not b.requires_grad)


def test_a_block_with_its_scalar_at_zero_does_nothing_and_still_learns(data):
    model = skip_init(6, 16, seed=0)
    x = data.x_train[:8]
    torch.testing.assert_close(model(x), model[-1](model[-2](model[0](x))))
    model(x).square().sum().backward()
    assert all(block.alpha.grad.abs() > 0 for block in model[1:4])


def test_dropout_stands_where_it_should():
    model = mlp(3, 8)
    for where, places in (("nowhere", []), ("once", [9]), ("everywhere", [3, 7, 11])):
        layers = dropout_at(model, where)
        assert [k for k, m in enumerate(layers) if isinstance(m, nn.Dropout)] == places


def test_fresh_norms_change_nothing_until_they_have_seen_data(data, trained):
    plain = train(mlp(2, 16, "none", "he", seed=0), 0.1, 2, data=data).model.eval()
    fresh = with_fresh_norms(plain).eval()
    x = data.x_test
    torch.testing.assert_close(fresh(x), plain(x), atol=1e-3, rtol=1e-3)
    assert sum(isinstance(m, nn.BatchNorm1d) for m in fresh) == 2
    seen = new_statistics(fresh, data.x_train)
    assert (seen.eval()(x) - plain(x)).abs().max() > 0.1
    torch.testing.assert_close(undone(seen).eval()(x), plain(x), atol=1e-3, rtol=1e-3)


def test_new_statistics_are_averages_over_the_batches_and_leave_the_model_alone(data, trained):
    before = copy.deepcopy(trained.state_dict())
    fresh = new_statistics(trained, data.x_train, 64)
    first = trained[0](data.x_train)
    means = torch.stack([batch.mean(0) for batch in first.split(64)])
    torch.testing.assert_close(fresh[1].running_mean, means.mean(0), atol=1e-5, rtol=1e-4)
    assert all(torch.equal(before[k], v) for k, v in trained.state_dict().items())


def test_checkpointing_keeps_the_weights_and_counts_every_batch_twice(data):
    plain = mlp(4, 16, seed=0)
    twice = checkpointed(plain, 2)
    assert [len(m.block) for m in twice[:-1]] == [6, 6] and len(twice) == 3
    a, b = (train(m, 0.1, 1, data=data) for m in (plain, twice))
    assert a.losses == b.losses
    counts = [v for k, v in twice.named_buffers() if k.endswith("num_batches_tracked")]
    assert [int(v) for v in counts] == [2 * len(a.losses)] * 4
    assert accuracy(twice, data) == b.accuracy


def test_another_eps_is_set_in_a_copy(trained):
    assert [m.eps for m in set_eps(trained, 0.5) if isinstance(m, nn.BatchNorm1d)] == [0.5, 0.5]
    assert trained[1].eps == 1e-5
