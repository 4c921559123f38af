"""The NumPy stand-ins for kernels compute what PyTorch computes, in the dtype they were given."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bnlab.norms.numpy_kernels import bn_backward, bn_forward


@pytest.mark.parametrize("shape", [(5, 3), (2, 1, 4), (3, 4, 2, 5)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_values_and_gradients(shape, dtype, tolerance):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, *shape)).astype(dtype)
    gamma, beta = rng.normal(size=(2, shape[1])).astype(dtype)
    leaves = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (x, gamma, beta)]
    want = F.batch_norm(leaves[0], None, None, *leaves[1:], training=True, eps=1e-3)
    exact = [want.detach(), *torch.autograd.grad(want, leaves, torch.tensor(dy).double())]
    y, mean, inv_std = bn_forward(x, gamma, beta, 1e-3)
    got = [y, *bn_backward(dy, x, gamma, mean, inv_std)]
    for array, right in zip(got, exact, strict=True):
        assert array.dtype == dtype and array.shape == tuple(right.shape)
        assert np.abs(array - right.numpy()).max() <= tolerance * max(
            1, np.abs(right.numpy()).max()
        )
    assert mean.dtype == inv_std.dtype == dtype
