"""Cells of two made-up exercises, as an instructor released them."""

from nbformat.v4 import new_code_cell, new_notebook

from autograder.classroom.repair import Known

KNOWN = {
    "ex2-1-answer": Known("ex2-1-answer", "forward = 0", "sum a", None),
    "ex2-1-check": Known("ex2-1-check", 'check("2.1", forward)', "sum b", 4.0),
    "ex2-2-answer": Known("ex2-2-answer", "backward = 0", "sum c", None),
    "ex2-2-check": Known("ex2-2-check", 'check("2.2", backward)', "sum d", 6.0),
}


def notebook(*names):
    cells = [
        new_code_cell(
            KNOWN[n].source if n in KNOWN else n, metadata=KNOWN[n].metadata if n in KNOWN else {}
        )
        for n in names
    ]
    return new_notebook(cells=cells)


def names(made):
    return [c.metadata.get("nbgrader", {}).get("grade_id", c.source) for c in made.cells]
