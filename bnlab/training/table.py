"""A table of results, for a notebook, a terminal and a file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the rows."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.header)
        body = "".join(
            f'<tr><th scope="row">{escape(first)}</th>'
            + "".join(f"<td>{_small_range(cell)}</td>" for cell in cells)
            + "</tr>"
            for first, *cells in self.rows
        )
        return f'<table class="table dataframe"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'

    def save(self, path: str | Path) -> None:
        """Writes a CSV file."""
        with open(path, "w", newline="", encoding="utf8") as file:
            csv.writer(file).writerows([self.header, *self.rows])


def _small_range(cell: str) -> str:
    """The part in brackets in small print, so that five columns fit a phone."""
    value, bracket, rest = escape(cell).partition(" (")
    return f"{value} <small>({rest}</small>" if bracket else value


def spread_of(values: Sequence[float]) -> str:
    """Median and range of some accuracies: "0.964 (0.956–0.972)"; one alone: "0.964"."""
    low, median, high = np.min(values), np.median(values), np.max(values)
    return f"{median:.3f} ({low:.3f}–{high:.3f})" if len(values) > 1 else f"{median:.3f}"
