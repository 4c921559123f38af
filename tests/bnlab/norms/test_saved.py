"""Bytes that autograd keeps: memory that is shared counts once, and what is kept anyway not at all."""

import torch

from bnlab.norms.saved import saving


def test_shared_memory_counts_once():
    x = torch.ones(4, 8, requires_grad=True)
    with saving() as saved:
        y = x.exp()  # keeps y
        y.square().sum()  # keeps y again
    assert saved.shapes == [(4, 8), (4, 8)] and saved.bytes() == y.nbytes
    assert saved.bytes(y) == 0


def test_a_view_keeps_all_of_its_memory():
    x = torch.ones(100, requires_grad=True)
    with saving() as saved:
        (x * 2)[:3].square()
    assert saved.shapes == [(3,)] and saved.bytes() == 400


def test_nothing_is_recorded_outside_and_gradients_are_right():
    x = torch.tensor([2.0], requires_grad=True)
    with saving() as saved:
        y = x**3
    x.exp()
    assert saved.shapes == [(1,)]
    y.backward()
    assert x.grad.item() == 12
