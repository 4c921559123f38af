"""The picture's colours come from gradients: they are the sets of chapter 5.1."""

import matplotlib.pyplot as plt
import pytest
import torch

from bnlab.figures import BLUE
from bnlab.norms.axes import group_norm, normalize
from bnlab.pictures.axes import draw_shared, shares_with

SHAPE, PLACE = (3, 4, 2, 2), (1, 2, 0, 1)
N, C, H, W = SHAPE


@pytest.mark.parametrize(
    ("norm", "index"),
    [
        (lambda x: normalize(x, (0, 2, 3)), (slice(None), 2)),
        (lambda x: normalize(x, (1, 2, 3)), (1,)),
        (lambda x: normalize(x, (2, 3)), (1, 2)),
        (lambda x: group_norm(x, 2), (1, slice(2, 4))),
        (lambda x: normalize(x, (1,)), (1, slice(None), 0, 1)),
        (torch.tanh, PLACE),
    ],
)
def test_the_shared_set(norm, index):
    want = torch.zeros(SHAPE, dtype=torch.bool)
    want[index] = True
    assert torch.equal(shares_with(norm, SHAPE, PLACE), want)


def test_every_pixel_is_drawn_and_the_shared_ones_are_coloured():
    shared = shares_with(lambda x: normalize(x, (2, 3)), SHAPE, PLACE)
    _, ax = plt.subplots()
    draw_shared(ax, shared, PLACE, BLUE, "instance norm")
    filled = [patch.get_facecolor()[3] > 0 for patch in ax.patches]
    assert len(filled) == N * C * H * W and sum(filled) == H * W
    assert len(ax.lines) == 1 and ax.get_title() == "instance norm"
    plt.close()
