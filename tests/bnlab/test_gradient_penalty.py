"""The penalty is what its docstring says, and a normaliser's function is really used."""

import pytest
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from bnlab.gradient_penalty import (
    gradient_of_penalty,
    loss_and_penalty,
    normalised_by,
    train_with_penalty,
)
from bnlab.norms.autograd import BatchNorm, batch_norm
from bnlab.training import load, mlp


@pytest.fixture
def batch():
    data = load("digits").flat()
    return data.x_train[:16], data.y_train[:16]


def test_penalty_is_the_mean_squared_gradient_of_an_image(batch):
    x, y = batch
    model = mlp(1, 8, norm="none")
    loss, penalty = loss_and_penalty(model, x, y)
    assert loss.item() == pytest.approx(F.cross_entropy(model(x), y).item())
    lengths = []
    for image, label in zip(x, y, strict=True):
        image = image[None].clone().requires_grad_()
        (g,) = torch.autograd.grad(F.cross_entropy(model(image), label[None]), image)
        lengths.append(g.square().sum())
    assert penalty.item() == pytest.approx(torch.stack(lengths).mean().item(), rel=1e-4)


def test_the_function_computes_y_in_training_only(batch):
    seen = []

    def spy(x, gamma, beta):
        seen.append(x.shape)
        return F.batch_norm(x, None, None, gamma, beta, training=True)

    original = mlp(2, 8)
    model = normalised_by(original, spy)
    twin = mlp(2, 8)
    assert torch.equal(model(batch[0]), twin(batch[0])) and len(seen) == 2
    assert torch.equal(model[1].running_var, twin[1].running_var)
    assert torch.equal(model.eval()(batch[0]), twin.eval()(batch[0])) and len(seen) == 2
    assert type(original[1]) is torch.nn.BatchNorm1d


def test_right_second_derivatives_give_the_gradient_of_pytorchs_layer(batch):
    model = mlp(2, 16)
    mine = gradient_of_penalty(normalised_by(model, batch_norm), *batch)
    torch.testing.assert_close(mine, gradient_of_penalty(model, *batch), rtol=1e-3, atol=1e-4)


def test_a_function_that_cannot_be_differentiated_twice_says_so(batch):
    class Once(BatchNorm):
        backward = staticmethod(once_differentiable(BatchNorm.backward))

    model = normalised_by(mlp(2, 16), lambda *tensors: Once.apply(*tensors, None, None, 1e-5))
    with pytest.raises(RuntimeError, match="differentiate twice"):
        gradient_of_penalty(model, *batch)


def test_training_lowers_the_loss_and_needs_the_penalty():
    run = train_with_penalty(mlp(1, 16), 0.0, epochs=2)
    assert len(run.losses) == 2 * 22 and run.losses[-1] < run.losses[0] and run.accuracy > 0.7
    strong = train_with_penalty(mlp(1, 16), 1.0, epochs=2)
    assert strong.losses != run.losses
