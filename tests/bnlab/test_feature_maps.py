"""The feature maps equal PyTorch's convolution with the same filters."""

import numpy as np
import torch

from bnlab.digits import digits
from bnlab.feature_maps import FILTERS, feature_maps


def test_feature_maps_are_a_convolution():
    images = digits().x_test[:5]
    kernel = torch.from_numpy(FILTERS)[:, None]
    want = torch.nn.functional.conv2d(torch.from_numpy(images).reshape(-1, 1, 8, 8), kernel)
    got = feature_maps(images)
    assert got.shape == (5, 3, 7, 6) and got.dtype == np.float32 and got.flags.c_contiguous
    np.testing.assert_allclose(got, want.numpy(), atol=1e-6)


def test_a_flat_image_has_no_edges():
    maps = feature_maps(np.full((2, 64), 0.5))
    np.testing.assert_allclose(maps[:, 0], 0.5)
    np.testing.assert_array_equal(maps[:, 1:], 0)
