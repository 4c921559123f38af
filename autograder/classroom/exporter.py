"""Reads a submission for nbgrader: refuses without a seed, survives any file."""

from __future__ import annotations

import json
import os
import warnings

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook
from nbgrader.converters.base import NbGraderException

from autograder.front import MissingSeed, secret_seed

LARGEST_BYTES = 20_000_000


class NoSeed(NbGraderException):
    """nbgrader ends with its own exit status, and nothing has been graded."""


class Unreadable(ValueError):
    """The file is no notebook; the message says why, for the instructor."""


class Submission(NotebookExporter):
    """Autograde's exporter. nbgrader makes it before it touches any submission.

    Raises:
        NoSeed: there is no secret seed. Marks of zero would be the alternative.
    """

    def __init__(self, **options):
        super().__init__(**options)
        try:
            secret_seed()
        except MissingSeed as missing:
            self.log.error("Nothing was graded. %s", missing)
            raise NoSeed(str(missing)) from None

    def from_file(self, file_stream, resources=None, **options):
        """Converts a file; one that is no notebook becomes a page that says so."""
        try:
            notebook = read(file_stream)
        except Unreadable as reason:
            resources["unreadable"] = str(reason)
            page = new_markdown_cell(f"**This file could not be graded: {reason}.**")
            notebook = new_notebook(cells=[page])
        return self.from_notebook_node(notebook, resources, **options)


def read(file_stream) -> NotebookNode:
    """The notebook in a text stream, as nbformat 4 with sound cells.

    Raises:
        Unreadable: it is empty, too large, no JSON or no notebook.
    """
    if os.fstat(file_stream.fileno()).st_size > LARGEST_BYTES:
        raise Unreadable(f"it is larger than {LARGEST_BYTES // 1_000_000} MB")
    try:
        text = file_stream.read().lstrip("\ufeff")
    except UnicodeDecodeError:
        raise Unreadable("it is not a text file") from None
    if not text.strip():
        raise Unreadable("the file is empty")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("it is not a notebook (no JSON), or only half of one") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about ids of cells, which `repair` gives anew
            return _sound(nbformat.reads(json.dumps(content), as_version=4))
    except Exception:  # nbformat raises a dozen kinds for what is JSON but no notebook
        raise Unreadable("it is JSON, but not a notebook") from None


def _sound(notebook: NotebookNode) -> NotebookNode:
    """Gives every cell the fields that the later steps rely on; drops old outputs."""
    if not isinstance(notebook.cells, list):
        raise Unreadable("it has no cells")
    for cell in notebook.cells:
        cell.source = str(cell.source)
        if cell.cell_type not in ("code", "markdown", "raw"):
            cell.cell_type = "raw"
        if not isinstance(cell.get("metadata"), dict):
            cell.metadata = NotebookNode()
        if cell.cell_type == "code":
            cell.setdefault("outputs", [])
            cell.setdefault("execution_count", None)
    if not isinstance(notebook.get("metadata"), dict):
        notebook.metadata = NotebookNode()
    return notebook
