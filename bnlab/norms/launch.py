"""Launches the CUDA kernels of batch norm on PyTorch's tensors.

Tensors on a GPU go through CuPy, on PyTorch's own memory and in its current stream. Tensors on
the CPU go through the CUDA lab, which checks the same source and takes seconds for what takes a
GPU microseconds: for tests, and for looking at a launch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bnlab.cuda import raw
from bnlab.cuda.backend import gpu

SOURCE = Path(__file__).parent / "kernels" / "batch_norm.cu"
BLOCK = 256
MOST = 2**31  # values of x; the kernels count in int


def fits(x: Tensor, *others: Tensor) -> bool:
    """Whether there is a kernel for x: all float32, x not too large, and CuPy for a GPU."""
    single = all(t.dtype == torch.float32 for t in (x, *others))
    return single and 0 < x.numel() < MOST and (not x.is_cuda or gpu() is not None)


def forward(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Batch norm with the statistics of x.

    Args:
        x: (N, C, *spatial), for which `fits` holds. Another layout than row-major is copied.
        gamma, beta: (C,), float32, on the same device.

    Returns:
        y, row-major, like x; mean and biased var, (C,).
    """
    x = x.contiguous()
    y, mean, var = torch.empty_like(x), torch.empty_like(gamma), torch.empty_like(gamma)
    _launch("bn_forward", x, (x, gamma, beta, y, mean, var), eps)
    return y, mean, var


def backward(
    dy: Tensor, x: Tensor, gamma: Tensor, mean: Tensor, var: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """dx, row-major, like x; dgamma and dbeta, (C,); arguments as in and from `forward`."""
    x, dy = x.contiguous(), dy.contiguous()
    dx, dgamma, dbeta = torch.empty_like(x), torch.empty_like(gamma), torch.empty_like(gamma)
    _launch("bn_backward", x, (dy, x, gamma, mean, var, dx, dgamma, dbeta), eps)
    return dx, dgamma, dbeta


def _launch(name: str, x: Tensor, tensors: tuple[Tensor, ...], eps: float) -> None:
    n, c = x.shape[:2]
    with _arrays(x.device) as array:
        arguments = [array(t.detach().contiguous()) for t in tensors]
        arguments += [np.int32(n), np.int32(c), np.int32(x.numel() // (n * c)), np.float32(eps)]
        _kernel(name, x.device)((c,), (BLOCK,), tuple(arguments))


@contextmanager
def _arrays(device: torch.device) -> Iterator:
    """Gives the function that makes a tensor of `device` an array on the same memory."""
    if device.type == "cpu":
        yield Tensor.numpy
        return
    cuda, stream = gpu().cuda, torch.cuda.current_stream(device)
    with cuda.Device(device.index), cuda.ExternalStream(stream.cuda_stream, device.index):
        yield gpu().from_dlpack


@cache
def _kernel(name: str, device: torch.device):
    modules = gpu() if device.type == "cuda" else raw
    return modules.RawModule(code=SOURCE.read_text()).get_function(name)
