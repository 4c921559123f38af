"""The kernels behind the operator: in the CUDA lab everywhere, and on a card where there is one."""

import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bnlab import cuda
from bnlab.cuda import raw
from bnlab.cuda.backend import gpu
from bnlab.norms import launch
from bnlab.norms.operator import batch_norm, batch_norm_backward_op, batch_norm_op

SHAPES = [(6, 3), (3, 2, 5, 7), (2, 1, 40), (1, 4, 3, 3, 2), (300, 2)]
on_a_card = pytest.mark.skipif(
    not torch.cuda.is_available() or gpu() is None, reason="needs a GPU and CuPy"
)


def inputs(shape, device="cpu", offset=0.0):
    torch.manual_seed(0)
    x, dy = torch.randn(2, *shape)
    gamma, beta = torch.randn(2, shape[1])
    return [t.to(device) for t in (x + offset, gamma, beta, dy)]


def assert_equal_to_pytorch(x, gamma, beta, dy, eps=1e-5, rtol=2e-5):
    """Forward and backward of `launch` against float64; errors relative to each output's size."""
    wide = [t.double().requires_grad_() for t in (x, gamma, beta)]
    want = F.batch_norm(wide[0], None, None, *wide[1:], training=True, eps=eps)
    axes = (0, *range(2, x.ndim))
    exact = [want, x.double().mean(axes), x.double().var(axes, correction=0)]
    exact += torch.autograd.grad(want, wide, dy.double())
    got = launch.forward(x, gamma, beta, eps)
    got += launch.backward(dy, x, gamma, *got[1:], eps)
    sums = dy.abs().double().sum(axes).max()  # dgamma and dbeta cancel by chance
    sizes = [None] * 4 + [sums, sums]
    for a, b, size in zip(got, exact, sizes, strict=True):
        assert a.dtype == torch.float32 and a.is_contiguous() and a.device == x.device
        size = b.abs().max() if size is None else size
        assert (a - b).abs().max() <= rtol * size


@pytest.mark.parametrize("shape", SHAPES)
def test_right_in_the_lab_without_a_race(shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error", cuda.RaceWarning)
        assert_equal_to_pytorch(*inputs(shape))


def test_a_large_mean_costs_no_digits():
    x, gamma, beta, dy = inputs((16, 2, 3, 3), offset=1000.0)
    assert_equal_to_pytorch(x, gamma, beta, dy, rtol=1e-3)
    _, _, var = launch.forward(x, gamma, beta, 1e-5)
    torch.testing.assert_close(
        var, x.double().var((0, 2, 3), correction=0).float(), rtol=1e-4, atol=0
    )


@pytest.mark.parametrize("schedule", ["lockstep", "warps"])
def test_every_byte_of_the_outputs_is_written(schedule):
    x, gamma, beta, _ = inputs((3, 2, 5, 7))
    out = [torch.full_like(t, torch.nan) for t in (x, gamma, gamma)]
    arrays = [t.numpy() for t in (x, gamma, beta, *out)]
    numbers = [np.int32(n) for n in (3, 2, 35)] + [np.float32(1e-5)]
    code, arguments = launch.SOURCE.read_text(), (*arrays, *numbers)
    report = cuda.examine(code, "bn_forward", (2,), (launch.BLOCK,), arguments, schedule=schedule)
    assert report.ok and all(torch.isfinite(t).all() for t in out)


def test_another_layout_is_copied():
    x, gamma, beta, dy = inputs((3, 4, 5, 2))
    last = x.contiguous(memory_format=torch.channels_last)
    assert_equal_to_pytorch(last, gamma, beta, dy[..., :1].expand_as(dy))


def test_what_the_kernels_cannot_do():
    x, gamma, beta, _ = inputs((3, 2))
    assert launch.fits(x, gamma, beta)
    assert not launch.fits(x.double(), gamma) and not launch.fits(x, gamma.bfloat16())
    assert not launch.fits(torch.empty(launch.MOST, 1, device="meta"), gamma)


class CuPyOfTheLab:
    """As much of CuPy as a launch uses, with the lab behind it."""

    RawModule, from_dlpack = raw.RawModule, staticmethod(np.from_dlpack)

    def __init__(self):
        self.entered, self.cuda = [], self

    def Device(self, index):
        return self._enter("device", index)

    def ExternalStream(self, pointer, device_id):
        return self._enter("stream", pointer, device_id)

    @contextmanager
    def _enter(self, *what):
        self.entered.append(what)
        yield


def test_cupy_gets_pytorchs_device_stream_and_memory(monkeypatch):
    """All of the path to a card that can run without one."""
    cupy, device = CuPyOfTheLab(), torch.device("cuda", 1)
    monkeypatch.setattr(launch, "gpu", lambda: cupy)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda d: SimpleNamespace(cuda_stream=77))
    x = torch.ones(3)
    with launch._arrays(device) as array:
        array(x)[...] += 1
    assert cupy.entered == [("device", 1), ("stream", 77, 1)]
    assert x.tolist() == [2, 2, 2]
    launch._kernel.cache_clear()
    assert isinstance(launch._kernel("bn_forward", device), raw.RawKernel)
    launch._kernel.cache_clear()


@on_a_card
@pytest.mark.parametrize("shape", [*SHAPES, (64, 32, 28, 28)])
def test_right_on_a_card(shape):
    assert_equal_to_pytorch(*inputs(shape, "cuda"))


@on_a_card
def test_the_operator_launches_the_kernel_on_a_card(monkeypatch):
    x, gamma, beta, dy = inputs((4, 3, 5, 5), "cuda")
    launched, real = [], launch._launch
    monkeypatch.setattr(launch, "_launch", lambda *a: (launched.append(a[0]), real(*a)))
    leaves = [t.requires_grad_() for t in (x, gamma, beta)]
    y = batch_norm(*leaves)
    torch.autograd.grad(y, leaves, dy)
    assert launched == ["bn_forward", "bn_backward"]
    batch_norm_op(x.double(), gamma.double(), beta.double(), 1e-5)  # no kernel: PyTorch's functions
    assert len(launched) == 2


@on_a_card
def test_registrations_are_right_on_a_card():
    x, gamma, beta, dy = inputs((4, 3, 5, 5), "cuda")
    torch.library.opcheck(batch_norm_op, (x.requires_grad_(), gamma, beta, 1e-5))
    _, mean, var = batch_norm_op(x.detach(), gamma, beta, 1e-5)
    torch.library.opcheck(batch_norm_backward_op, (dy, x.detach(), gamma, mean, var, 1e-5))


@on_a_card
def test_the_kernel_runs_in_pytorchs_stream():
    x, gamma, beta, _ = inputs((64, 32, 28, 28), "cuda")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        moved = x
        for _ in range(50):  # work that is still queued at the launch
            moved = moved + 1
        _, mean, _ = launch.forward(moved, gamma, beta, 1e-5)
    stream.synchronize()
    torch.testing.assert_close(mean, (x + 50).mean((0, 2, 3)), rtol=1e-4, atol=1e-4)
