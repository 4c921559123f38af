"""The game of finding partners, and its shortcut."""

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.norms.ghost import GhostBatchNorm
from bnlab.shortcut import Game, encoder, neighbours_agree, play, view
from bnlab.training import load


@pytest.fixture(scope="module")
def data():
    return load().flat()


def test_a_view_hides_a_share_of_the_pixels_and_adds_noise():
    x = torch.ones(50, 64)
    plain = view(x, torch.Generator().manual_seed(0), noise=0.0, hidden=0.25)
    assert set(plain.unique().tolist()) == {0.0, 1.0}
    assert abs(plain.mean() - 0.75) < 0.05
    noisy = view(x, torch.Generator().manual_seed(0), noise=0.1, hidden=0.25)
    assert abs((noisy - plain).std() - 0.1) < 0.01


class Notes(nn.Module):
    """Returns its input, and notes it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return x


@pytest.mark.parametrize("shuffled", [False, True])
def test_partners_are_in_the_same_group_unless_shuffled(shuffled):
    x, model = torch.eye(64), Notes()
    game = Game(False, shuffled, groups=4, size=5, noise=0.0, hidden=0.0)
    cosines = game.turn(model, x, torch.Generator().manual_seed(0))
    assert torch.equal(cosines, torch.eye(20)), "partners stand on the diagonal"
    first, second = (batch.argmax(1) for batch in model.seen)
    assert sorted(first.tolist()) == sorted(second.tolist())
    assert torch.equal(first, second) != shuffled


def test_cards_are_all_alike_one_in_each_group():
    x, model = torch.eye(64), Notes()
    cosines = Game(True, False, groups=4, size=5).turn(model, x, torch.Generator().manual_seed(0))
    assert cosines.shape == (4, 4)
    for batch in model.seen:
        assert batch.shape == (20, 64) and (batch[:4] == 0.5).all()


def test_cards_cannot_be_told_apart_without_batch_statistics(data):
    right = play(Game(True, False, 8, 8), encoder(nn.LayerNorm), data.x_train, steps=5)
    assert right == [1 / 8] * 5


def test_cards_are_told_apart_by_the_company_they_keep(data):
    """Ten seeds at 150 steps: 0.31 to 0.87, and 0.05 to 0.08 shuffled."""
    found = {}
    for shuffled in (False, True):
        model = encoder(lambda width: GhostBatchNorm(width, 8))
        found[shuffled] = np.mean(play(Game(True, shuffled), model, data.x_train, 150)[-50:])
    assert found[False] > 0.2 and found[True] < 0.12


def test_nearest_neighbours_of_the_hidden_layer_vote(data):
    model = encoder(nn.LayerNorm)
    x, y = data.x_train, data.y_train
    assert neighbours_agree(model, x, y, x[:50], y[:50], k=1) == 1
    assert neighbours_agree(model, x, y, data.x_test, data.y_test) > 0.8
