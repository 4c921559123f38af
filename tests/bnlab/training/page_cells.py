"""Runs the code of a page, hidden cells included, with some words exchanged."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
CELL = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```$", re.S | re.M)


def cells(page: str) -> list[str]:
    """The code of each cell, without the lines of options above it."""
    text = (ROOT / page).read_text(encoding="utf8")
    found = [re.sub(r"^:.*\n", "", cell, flags=re.M) for cell in CELL.findall(text)]
    assert found, f"no cells found in {page}"
    return found


def run(page: str, **exchanged: tuple[str, str]) -> dict:
    """Runs the page in one namespace, which is returned.

    Args:
        exchanged: (old, new) pieces of code; each must be there exactly once.
    """
    code = cells(page)
    for old, new in exchanged.values():
        assert sum(cell.count(old) for cell in code) == 1, f"{old!r} is not there exactly once"
        code = [cell.replace(old, new) for cell in code]
    namespace = {"__name__": "page"}
    for number, cell in enumerate(code, 1):
        exec(compile(cell, f"{page}, cell {number}", "exec"), namespace)
    return namespace
