"""Sentences of variable length from real data: the dark pixels of a digit, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.digits import digits

PADDING, START, END = 0, 65, 66  # 1 … 64 are the pixels
VOCABULARY = 67
INK = 0.75  # from this grey value on a pixel is a word of the sentence


class Text(NamedTuple):
    """Sentences (a list of int64 tensors, 5 to 24 words each) and their digits."""

    train: list[torch.Tensor]  # 1437
    train_digits: torch.Tensor  # (1437,) int64
    test: list[torch.Tensor]  # 360
    test_digits: torch.Tensor  # (360,) int64


def text(framed: bool = False) -> Text:
    """The digits as sentences.

    Args:
        framed: put START before and END after each sentence, as a language model needs.
    """
    data = digits()

    def sentence(row: np.ndarray) -> torch.Tensor:
        words = np.flatnonzero(row >= INK) + 1
        return torch.from_numpy(np.r_[START, words, END] if framed else words)

    return Text(
        [sentence(row) for row in data.x_train],
        torch.from_numpy(data.y_train),
        [sentence(row) for row in data.x_test],
        torch.from_numpy(data.y_test),
    )


def pad(sentences: Sequence[torch.Tensor], length: int = 0) -> torch.Tensor:
    """(N, T) int64: T is `length`, or that of the longest sentence; the rest is PADDING.

    Raises:
        ValueError: a sentence is longer than `length`.
    """
    tokens = nn.utils.rnn.pad_sequence(sentences, batch_first=True, padding_value=PADDING)
    if length and tokens.shape[1] > length:
        raise ValueError(f"A sentence has {tokens.shape[1]} words, more than length = {length}.")
    return F.pad(tokens, (0, max(length - tokens.shape[1], 0)), value=PADDING)
