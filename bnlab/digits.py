"""The data of the course: scikit-learn's 8 × 8 handwritten digits."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

TEST_IMAGES = 360


class Digits(NamedTuple):
    """Images as rows of 64 grey values in 0…1 (float32), labels 0…9 (int64)."""

    x_train: np.ndarray  # (1437, 64)
    y_train: np.ndarray  # (1437,)
    x_test: np.ndarray  # (360, 64)
    y_test: np.ndarray  # (360,)


@cache
def _split() -> Digits:
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    parts = train_test_split(x, y, test_size=TEST_IMAGES, stratify=y, random_state=0)
    x_train, x_test, y_train, y_test = parts
    return Digits(x_train, y_train, x_test, y_test)


def digits() -> Digits:
    """The digits, always split the same way: 1437 to train, 360 to test, stratified.

    Returns fresh copies, so that a cell may change them.

    Source: E. Alpaydin & C. Kaynak, "Optical Recognition of Handwritten
    Digits", UCI Machine Learning Repository, 1998, as shipped with scikit-learn.
    """
    return Digits(*(part.copy() for part in _split()))
