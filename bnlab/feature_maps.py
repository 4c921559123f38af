"""Feature maps of the digits: what a first convolution with three fixed filters would give."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Brightness, left–right edge, top–bottom edge; 2 × 3, so that the maps are not square.
FILTERS = np.array(
    [
        [[1, 1, 1], [1, 1, 1]],
        [[-1, 0, 1], [-1, 0, 1]],
        [[-1, -1, -1], [1, 1, 1]],
    ],
    dtype=np.float32,
) / np.array([6, 2, 3], dtype=np.float32).reshape(3, 1, 1)


def feature_maps(images: np.ndarray) -> np.ndarray:
    """Filters 8 × 8 images without padding.

    Args:
        images: (N, 64), rows of grey values as in `digits()`.

    Returns:
        (N, 3, 7, 6) in the dtype of `images`: brightness, left–right edge,
        top–bottom edge. Contiguous, channels second.
    """
    windows = sliding_window_view(images.reshape(-1, 8, 8), (2, 3), axis=(1, 2))
    maps = np.einsum("nhwij,cij->nchw", windows, FILTERS.astype(images.dtype))
    return np.ascontiguousarray(maps)
