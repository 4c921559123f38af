"""The training lab: small networks, trained the same way in every chapter, on real data.

In the order that a comparison passes them:

- `data`: the digits, or CIFAR-10 with one setting (`cifar10` reads its published files);
- `models`: networks whose normaliser, placement and initialisation are arguments;
- `loop`: one training run, seeded, with checkpoints;
- `sweep`: every arm with every setting and every seed, and the results as a table.
"""

import torch

from bnlab.training.data import Data, load, tensors
from bnlab.training.loop import Run, accuracy, train
from bnlab.training.models import (
    cnn,
    he_init,
    linear_layers,
    mlp,
    norm_layer,
    residual_cnn,
    residual_mlp,
    scale_hidden,
)
from bnlab.training.sweep import Sweep, accuracy_map, sweep

# Batches of 64 keep two threads busier waiting than working.
torch.set_num_threads(1)

__all__ = [
    "Data",
    "Run",
    "Sweep",
    "accuracy",
    "accuracy_map",
    "cnn",
    "he_init",
    "linear_layers",
    "load",
    "mlp",
    "norm_layer",
    "residual_cnn",
    "residual_mlp",
    "scale_hidden",
    "sweep",
    "tensors",
    "train",
]
