"""What the trials of popular claims are run with.

- `grid`: every arm in every situation with every seed, as a table;
- `loop`: training with any optimiser and with batches that are tampered with;
- `networks`: networks with one thing changed;
- `measures`: what is read off a network;
- `shifts`: images from elsewhere;
- `chance`: what a difference between two accuracies is worth.
"""

from bnlab.trials.grid import Grid, grid

__all__ = ["Grid", "grid"]
