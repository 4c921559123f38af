"""What models are tried on: draws, shifts and the stream."""

import torch

from bnlab.adaptation.shifts import SHIFTS
from bnlab.adaptation.stream import draws, following
from bnlab.training import load, mlp, train


def test_draws_are_seeded_and_without_repeats():
    one, two = draws(3, of=50, size=20, seed=1), draws(3, of=50, size=20, seed=1)
    assert all(map(torch.equal, one, two)) and len(one) == 3
    assert all(len(rows.unique()) == 20 and rows.max() < 50 for rows in one)
    assert not torch.equal(one[0], draws(1, of=50, size=20, seed=2)[0])


def test_shifts_give_the_same_each_time_and_leave_x():
    x = torch.rand(4, 1, 8, 8)
    kept = x.clone()
    for shift in SHIFTS.values():
        assert torch.equal(shift(x), shift(x)) and torch.equal(x, kept)
        assert not torch.allclose(shift(x), x)


def test_a_fast_momentum_follows_both_the_camera_and_the_zeros():
    data = load().flat()
    model = train(mlp(3), lr=0.1).model.eval()
    was = {k: v.clone() for k, v in model.state_dict().items()}
    bright = SHIFTS["brighter, 2x + 1"]
    scores = following(model, 0.5, data, bright, mixed=12, zeros=12)
    assert len(scores) == 9 and scores[0] < 0.75
    assert scores[4] > 0.93 and scores[-1] < 0.87
    assert all(torch.equal(v, was[k]) for k, v in model.state_dict().items())
    assert model[1].momentum == 0.1 and not model.training
