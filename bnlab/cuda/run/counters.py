"""How many instructions ran, how many lanes took part, and where warps split."""

from __future__ import annotations

import numpy as np


class Counters:
    """Counters per instruction of a kernel.

    Attributes:
        branches, splits: per branch, how often a warp met it and how often it split.
    """

    def __init__(self, length: int):
        # Differences along the program: a basic block adds at its start, subtracts at its end.
        self._warps, self._lanes = [0] * (length + 1), [0] * (length + 1)
        self.branches, self.splits = [0] * length, [0] * length

    def ran(self, start: int, end: int, warps: int, lanes: int) -> None:
        """A group of so many warps and lanes ran the instructions from start up to end."""
        self._warps[start] += warps
        self._warps[end] -= warps
        self._lanes[start] += lanes
        self._lanes[end] -= lanes

    @property
    def warps(self) -> np.ndarray:
        """How often a warp executed each instruction."""
        return np.cumsum(self._warps)[:-1]

    @property
    def lanes(self) -> np.ndarray:
        """How often a lane did."""
        return np.cumsum(self._lanes)[:-1]
