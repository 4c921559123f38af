"""Releases answer cells as `autograder.regions` says: with stubs in Python or in CUDA C++."""

from __future__ import annotations

from nbformat import NotebookNode
from nbgrader import preprocessors
from nbgrader.utils import is_solution

from autograder.regions import has_region, stub


class ClearSolutions(preprocessors.ClearSolutions):
    """nbgrader's step of this name; its stub is always Python's."""

    def _replace_solution_region(self, cell: NotebookNode, language: str) -> bool:
        if cell.cell_type == "markdown":
            return is_solution(cell)  # a write-up, released as it stands
        if not has_region(cell.source):
            return False
        cell.source = stub(cell.source)
        return True
