"""A progress bar for long work."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tqdm import tqdm


class _Stdout:
    """Standard output as it is now. nbgrader takes anything on stderr for a failure."""

    def write(self, text: str) -> None:
        print(text, end="", flush=True)

    def flush(self) -> None:
        pass


def bar(items: Iterable | None, what: str, show: bool, total: int | None = None) -> tqdm:
    """A bar on standard output over `items`, or over `total` calls of its `update`.

    Args:
        show: False, or TQDM_DISABLE=1 in the environment: no bar.
    """
    hidden = not show or os.environ.get("TQDM_DISABLE") == "1"
    return tqdm(items, what, total, disable=hidden, file=_Stdout(), dynamic_ncols=True)
