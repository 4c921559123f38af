"""What an answer owes to the other samples of its batch."""

import torch
from torch import nn

from bnlab.neighbours import answers_among, undecided


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
