"""PyTorch's own normalisers and gradients are refused by every road, and nothing else is."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from autograder.forbidden import AUTOGRAD, NORMALISERS, refusing
from autograder.spec import AnswerError

X = torch.arange(24.0).reshape(2, 4, 3)
SAY = "Write it yourself."


def swallowed():
    try:
        F.layer_norm(X, (3,))
    except Exception:
        return X
    return None


ROADS = {
    "batch norm": lambda: F.batch_norm(X, None, None, training=True),
    "layer norm": lambda: F.layer_norm(X, (3,)),
    "group norm": lambda: torch.group_norm(X, 2),
    "instance norm": lambda: nn.InstanceNorm1d(4)(X),
    "RMS norm": lambda: nn.RMSNorm(3)(X),
    "a module": lambda: nn.BatchNorm1d(4)(X),
    "an operator": lambda: torch.ops.aten.native_layer_norm(X, (3,), None, None, 1e-5),
    "an operator for the compiler": lambda: torch.ops.aten._native_batch_norm_legit_functional(
        X, None, None, torch.zeros(4), torch.ones(4), True, 0.1, 1e-5
    ),
    "its eval mode": lambda: torch.ops.aten._batch_norm_no_update(
        X, None, None, torch.zeros(4), torch.ones(4), 0.1, 1e-5
    ),
    "an operator's gradient": lambda: torch.ops.aten.native_layer_norm_backward(
        X, X, (3,), X[..., :1], X[..., :1], None, None, [True, False, False]
    ),
    "error swallowed": swallowed,
}


@pytest.mark.parametrize("road", ROADS)
def test_every_road_to_a_normaliser_is_closed(road):
    says = r"PyTorch's own `.*norm(_backward|_legit_functional|_no_update)?`\. Write it"
    with pytest.raises(AnswerError, match=says) as raised, refusing(NORMALISERS, SAY):
        ROADS[road]()
    assert (raised.value.kind, raised.value.slip) == ("Forbidden", SAY)


def squares(x):
    return (x**2).sum()


@pytest.mark.parametrize(
    "gradient",
    [
        lambda x: torch.autograd.grad(squares(x), x),
        lambda x: squares(x).backward(),
        lambda x: torch.func.grad(squares)(x),
        lambda x: torch.func.vjp(squares, x)[1](torch.ones(())),
        lambda x: torch.autograd.functional.jacobian(squares, x),
    ],
)
def test_every_road_to_autograd_is_closed(gradient):
    with pytest.raises(AnswerError), refusing(AUTOGRAD, SAY):
        gradient(X.clone().requires_grad_())


def test_own_functions_of_the_same_name_pass():
    def layer_norm(x):
        var, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
        return (x - mean) / (var + 1e-5).sqrt()

    with refusing(NORMALISERS | AUTOGRAD, SAY):
        y = layer_norm(X)
    torch.testing.assert_close(y, F.layer_norm(X, (3,)))


def test_other_errors_pass_through():
    with pytest.raises(ZeroDivisionError), refusing(NORMALISERS, SAY):
        1 / 0  # noqa: B018
