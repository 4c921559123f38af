"""A small experiment: rows, columns, and a number per seed in each field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnlab.training.table import Table


def in_two_digits(values: np.ndarray) -> str:
    """Median and range, "0.96 (0.95–0.97)": the third digit of one run on 360 images is chance."""
    low, median, high = np.min(values), np.median(values), np.max(values)
    return f"{median:.2f} ({low:.2f}–{high:.2f})"


@dataclass(frozen=True)
class Grid:
    """What was measured.

    Args:
        rows, columns: their names.
        values: per row and column, a number per seed, (S,).
    """

    rows: tuple[Any, ...]
    columns: tuple[Any, ...]
    values: Mapping[tuple[Any, Any], np.ndarray]

    def __getitem__(self, field: tuple[Any, Any]) -> float:
        """The median over the seeds of one field: `grid[row, column]`."""
        return float(np.median(self.values[field]))

    def table(self, corner: str = "", write: Callable[[np.ndarray], str] = in_two_digits) -> Table:
        """Median and range of each field.

        Args:
            corner: what the rows are.
            write: the numbers of one field as a text.
        """
        lines = [
            [str(r), *(write(self.values[r, column]) for column in self.columns)] for r in self.rows
        ]
        return Table([corner, *map(str, self.columns)], lines)


def grid(
    measure: Callable[[Any, Any, int], float],
    rows: Iterable[Any],
    columns: Iterable[Any],
    seeds: Iterable[int] = range(3),
) -> Grid:
    """Calls `measure(row, column, seed)` for all of them.

    Raises:
        ValueError: no rows, columns or seeds.
    """
    rows, columns, seeds = tuple(rows), tuple(columns), tuple(seeds)
    if not rows or not columns or not seeds:
        raise ValueError("There is nothing to run: rows, columns and seeds must not be empty.")
    fields = [(row, column) for row in rows for column in columns]
    values = {(r, c): np.array([measure(r, c, seed) for seed in seeds]) for r, c in fields}
    return Grid(rows, columns, values)
