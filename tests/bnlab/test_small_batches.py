"""The tools of the chapter on small batches."""

import torch
from torch import nn

from bnlab.small_batches import (
    accuracy_in_batches,
    blended,
    class_batches,
    moved,
    only_the_top_trained,
    train_on,
)
from bnlab.training import accuracy, load, mlp


def test_every_batch_has_one_class_and_no_sample_comes_twice_in_an_epoch():
    labels = torch.tensor([0] * 7 + [1] * 4 + [2] * 9)
    batches = class_batches(labels, 3, epochs=2, seed=1)
    assert len(batches) == 2 * (2 + 1 + 3)
    assert all(len(rows) == 3 and len(labels[rows].unique()) == 1 for rows in batches)
    for epoch in (batches[:6], batches[6:]):
        assert len(torch.cat(epoch).unique()) == 18
    classes = [labels[rows[0]].item() for rows in batches]
    assert classes != sorted(classes), "the order of the classes is random"
    again = class_batches(labels, 3, epochs=2, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


def test_training_on_given_batches_learns_them():
    data = load().flat()
    model = mlp(1, 32, "gn")
    rows = torch.arange(64)
    before = (model(data.x_train[rows]).argmax(1) == data.y_train[rows]).float().mean()
    train_on(model, [rows] * 60, 0.3, data)
    after = (model(data.x_train[rows]).argmax(1) == data.y_train[rows]).float().mean()
    assert before < 0.4 and after > 0.9


def test_only_the_top_moves():
    data = load().flat()
    model, start = (only_the_top_trained(mlp(2, 16, seed=0)) for _ in range(2))
    train_on(model, [torch.arange(32)] * 3, 0.1, data)
    same = [torch.equal(a, b) for a, b in zip(model.parameters(), start.parameters(), strict=True)]
    # Linear, norm, Linear | norm, Linear: a weight and a bias each.
    assert same == [True] * 6 + [False] * 4
    assert moved(model, start) == 0.0


def test_moved_counts_in_lengths_of_the_start():
    model, start = mlp(1, 8, seed=0), mlp(1, 8, seed=0)
    with torch.no_grad():
        model[0].weight *= 3
    assert abs(moved(model, start) - 2) < 1e-6


def test_a_blend_without_a_share_of_the_batch_answers_as_the_model_does():
    data, model = load().flat(), mlp(2, 16)
    train_on(model, torch.arange(640).split(32), 0.1, data)
    shut = blended(model, prior=float("inf"))
    x, y = data.part("test")
    torch.testing.assert_close(shut(x), model.eval()(x), atol=1e-5, rtol=1e-5)
    for size in (1, 7, 360):
        assert abs(accuracy_in_batches(shut, x, y, size) - accuracy(model, data)) < 0.004
    assert isinstance(model[1], nn.BatchNorm1d), "the model itself is left alone"


def test_batches_of_one_class_are_another_test_than_mixed_ones():
    data, model = load().flat(), mlp(2, 16)
    train_on(model, torch.arange(1280).split(32), 0.1, data)
    batch = blended(model, prior=0, chance=0)
    x, y = data.part("test")
    mixed, pure = (accuracy_in_batches(batch, x, y, 36, ordered=o) for o in (False, True))
    assert mixed > 0.6 > 0.3 > pure
