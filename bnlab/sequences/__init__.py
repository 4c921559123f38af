"""Sentences of variable length, and a small transformer that reads them.

A sentence lists the dark pixels of a digit, line by line. Two tasks: which digit is it, and
which pixel comes next. Data goes one way: `sentences` → `norms` → `reader` → `loop`.
"""

import torch

from bnlab.sequences.loop import digit_accuracy, fit, loss_per_word, remeasured
from bnlab.sequences.norms import NORMS, token_norm
from bnlab.sequences.reader import Reader
from bnlab.sequences.sentences import PADDING, VOCABULARY, pad, text

# As in `bnlab.training`: batches this small keep two threads busier waiting than working.
torch.set_num_threads(1)

__all__ = [
    "NORMS",
    "PADDING",
    "VOCABULARY",
    "Reader",
    "digit_accuracy",
    "fit",
    "loss_per_word",
    "pad",
    "remeasured",
    "text",
    "token_norm",
]
