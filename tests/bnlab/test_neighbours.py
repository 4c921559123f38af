"""What an answer owes to the other samples of its batch."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.neighbours import (
    answers_among,
    clipped_sum,
    disturbing,
    gradients_alone,
    overhear,
    right_beside,
    sample_gradients,
    undecided,
)
from bnlab.training import load, mlp, train


class Mean(nn.Module):
    """Class 1 for a sample above the mean of its batch; notes the batches it saw."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return torch.stack([x.mean() - x[:, 0], x[:, 0] - x.mean()], 1)


def test_each_sample_comes_first_in_a_batch_of_the_right_size():
    model, x, others = Mean(), torch.arange(3.0)[:, None], torch.arange(10.0, 20.0)[:, None]
    classes = answers_among(model, x, others, size=5, rounds=4, seed=1)
    assert classes.shape == (4, 3) and len(model.seen) == 12
    for k, batch in enumerate(model.seen):
        assert batch.shape == (5, 1) and batch[0] == x[k % 3]
        assert len(batch[1:].unique()) == 4 and (batch[1:] >= 10).all()
    again = answers_among(Mean(), x, others, size=5, rounds=4, seed=1)
    assert torch.equal(classes, again)


def test_a_sample_is_undecided_if_its_company_decides():
    others = torch.tensor([[-1.0], [3.0]])
    classes = answers_among(Mean(), torch.tensor([[1.0], [9.0], [-9.0]]), others, 2, rounds=20)
    assert undecided(classes) == torch.tensor(1 / 3)
    assert classes[:, 1].eq(1).all() and classes[:, 2].eq(0).all()
    assert undecided(classes[:1]) == 0


def test_you_hear_the_answers_to_your_own_samples():
    model, own = Mean(), torch.tensor([[1.0], [2.0]])
    victims, strangers = torch.tensor([[10.0], [20.0], [30.0]]), torch.arange(100.0, 110.0)[:, None]
    heard = overhear(model, own, victims, strangers, k=2, seed=0)
    assert heard.shape == (3, 4) and not heard.requires_grad
    for victim, batch, row in zip(victims, list(model.seen), heard, strict=True):
        assert torch.equal(batch[:3], torch.cat([own, victim[None]]))
        assert len(batch) == 5 and (batch[3:] >= 100).all()
        assert torch.equal(row, model(batch)[:2].flatten())


@pytest.mark.parametrize("norm, leaks", [("bn", True), ("gn", False), ("ln", False)])
def test_batch_norm_alone_lets_you_hear(norm, leaks):
    model = mlp(2, 16, norm, seed=0)
    heard = overhear(model, torch.rand(2, 64), torch.rand(5, 64), torch.rand(9, 64), 1)
    assert (heard.std(0).max() > 1e-3) == leaks
    quiet = overhear(model.eval(), torch.rand(2, 64), torch.rand(5, 64), torch.rand(9, 64), 1)
    assert quiet.std(0).max() < 1e-6


def test_a_disturbing_sample_stays_in_range_and_disturbs_training_mode_alone():
    data = load().flat()
    model = train(mlp(2, init="he", seed=0), lr=0.1, epochs=4).model
    x, y = data.x_test[:7], data.y_test[:7]
    sample = disturbing(model.train(), x, y)
    assert sample.shape == (1, 64) and sample.min() >= 0 and sample.max() <= 1
    assert right_beside(model, x, y, sample) < right_beside(model, x, y, data.x_test[7:8])
    model.eval()
    assert right_beside(model, x, y, sample) == right_beside(model, x, y, data.x_test[7:8])


def test_the_gradients_of_the_samples_add_up_to_that_of_the_batch():
    model, x, y = mlp(1, 8, "bn", seed=0), torch.rand(6, 64), torch.arange(6)
    rows = sample_gradients(model, x, y)
    loss = F.cross_entropy(model(x), y, reduction="sum")
    whole = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])
    torch.testing.assert_close(rows.sum(0), whole, rtol=1e-4, atol=1e-5)


def test_a_clipped_sum_shortens_long_rows_alone():
    rows = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    torch.testing.assert_close(clipped_sum(rows, 1.0), torch.tensor([0.9, 1.2]))
    assert torch.equal(clipped_sum(rows, 10.0), rows.sum(0))


@pytest.mark.parametrize("norm, bounded", [("gn", True), ("bn", False)])
def test_the_bound_of_clipping_holds_if_samples_do_not_meet(norm, bounded):
    data = load().flat()
    model = train(mlp(3, 64, norm, init="he", seed=0), lr=0.1, epochs=1).model.train()
    x, y = data.x_train[:32], data.y_train[:32]
    rows = sample_gradients(model, x, y)
    limit = rows.norm(dim=1).median().item()
    without = sample_gradients(model, x[1:], y[1:])
    moved = (clipped_sum(rows, limit) - clipped_sum(without, limit)).norm() / limit
    assert (moved < 1.0001) == bounded


def test_alone_and_in_a_batch_a_gradient_is_the_same_without_batch_norm():
    x, y = torch.rand(5, 64, dtype=torch.float64), torch.arange(5)
    model = mlp(2, 16, "gn", seed=0).double()
    torch.testing.assert_close(gradients_alone(model, x, y), sample_gradients(model, x, y))
    with pytest.raises(RuntimeError, match="in-place"):
        gradients_alone(mlp(2, 16, "bn", seed=0).double(), x, y)
