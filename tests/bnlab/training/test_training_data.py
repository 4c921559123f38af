import pytest
import torch

from bnlab.training import load, tensors


def test_digits_as_images_and_as_rows():
    data = load()
    assert data.x_train.shape == (1437, 1, 8, 8) and data.x_test.shape == (360, 1, 8, 8)
    assert torch.equal(data.flat().x_train, tensors()[0])


def test_holding_out_moves_images_and_repeats():
    data = load()
    held = data.hold_out(237, seed=3)
    assert len(held.x_train) == 1200 and len(held.x_valid) == len(held.y_valid) == 237
    both = torch.cat([held.x_train, held.x_valid]).flatten(1)
    assert torch.equal(both.unique(dim=0), data.x_train.flatten(1).unique(dim=0))
    assert torch.equal(held.x_valid, data.hold_out(237, seed=3).x_valid)
    assert not torch.equal(held.x_valid, data.hold_out(237, seed=4).x_valid)
    row = int((data.x_train == held.x_valid[5]).flatten(1).all(1).nonzero()[0, 0])
    assert data.y_train[row] == held.y_valid[5]


def test_what_is_not_there_is_refused():
    data = load()
    with pytest.raises(ValueError, match="hold_out"):
        data.part("valid")
    with pytest.raises(ValueError, match="'train', 'valid' or 'test'"):
        data.part("x_train")
    with pytest.raises(ValueError, match="1 to 1436"):
        data.hold_out(1437)
    with pytest.raises(ValueError, match="digits, cifar10"):
        load("mnist")
