"""Modes of a whole model: put back whatever happens, looked at, drawn."""

import copy

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex
from torch import nn
from torch.optim.swa_utils import update_bn

from bnlab.figures import BLUE, ORANGE
from bnlab.modes import evaluating, keeping_modes, modes
from bnlab.pictures.modes import draw_modes


@pytest.fixture
def model():
    """In training mode, but for one layer on each of two levels."""
    made = nn.Sequential(
        nn.Linear(3, 4), nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)), nn.BatchNorm1d(4)
    )
    made[1][0].eval()
    made[2].eval()
    return made


def test_every_module_is_in_eval_mode_and_gets_its_own_back(model):
    before = modes(model)
    with evaluating(model) as given:
        assert given is model
        assert not any(modes(model).values())
        assert torch.is_grad_enabled()
    assert modes(model) == before and len(set(before.values())) == 2


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("manager", [evaluating, keeping_modes])
def test_an_error_goes_on_and_modes_come_back(model, manager, error):
    before = modes(model)
    with pytest.raises(error), manager(model):
        model.train()
        raise error
    assert modes(model) == before


def test_blocks_within_blocks(model):
    before = modes(model)
    with evaluating(model):
        with evaluating(model[1]), evaluating(model):
            pass
        assert not any(modes(model).values())
    assert modes(model) == before


def test_a_layer_under_two_names_gets_its_own_mode_back():
    shared = nn.BatchNorm1d(2)
    model = nn.ModuleDict({"first": shared, "block": nn.Sequential(shared)})
    shared.eval()
    with evaluating(model):
        pass
    assert not shared.training and model["block"].training


def test_an_inserted_layer_is_left_alone(model):
    with evaluating(model):
        model.insert(0, nn.Identity())
    assert model[0].training and not model[3].training and model[1].training


def test_modes_are_put_back_after_a_helper_that_ends_with_train(model):
    batches = torch.randn(12, 3, generator=torch.manual_seed(0)).split(4)
    other = copy.deepcopy(model)
    update_bn(batches, other)
    assert all(modes(other).values()), "the helper un-freezes"
    before = modes(model)
    with keeping_modes(model):
        update_bn(batches, model)
    assert modes(model) == before


def test_the_picture_shows_each_mode_and_what_changed(model):
    fig, ax = plt.subplots()
    before = modes(model)
    model.train()
    draw_modes(ax, {"before": before, "after": modes(model)})
    dots = {(int(line.get_ydata()[0]), round(line.get_xdata()[0], 1)): line for line in ax.lines}
    assert len(dots) == 2 * len(before)
    for row, (name, mode) in enumerate(before.items()):
        first, second = (dots[-row, x] for x in (1.6, 2.6))
        assert to_hex(first.get_markeredgecolor()) == BLUE.lower()
        assert (first.get_markerfacecolor() != "none") == mode, name
        assert second.get_markerfacecolor() != "none"
        changed = to_hex(second.get_markeredgecolor()) == ORANGE.lower()
        assert changed == (not mode)
    texts = [text.get_text().strip() for text in ax.texts]
    assert texts[:2] == ["model", "0"] and {"before", "after"} <= set(texts)
    plt.close(fig)
