"""What happens to cells on the way is put right: deleted, copied, edited, stripped."""

import nbformat
from cells import KNOWN, names, notebook
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from autograder.classroom.repair import repair


def test_a_whole_notebook_needs_no_repair():
    made = notebook("a helper", *KNOWN)
    before = names(made)
    assert repair(made, KNOWN) == [] and names(made) == before


def test_a_deleted_check_comes_back_before_the_next_exercise():
    made = notebook("ex2-1-answer", "a helper", "ex2-2-answer", "ex2-2-check")
    notes = repair(made, KNOWN)
    assert names(made) == ["ex2-1-answer", "a helper", "ex2-1-check", "ex2-2-answer", "ex2-2-check"]
    assert notes == [["2.1", "check cell was deleted and put back"]]


def test_everything_deleted_is_put_back_in_order():
    made = new_notebook(cells=[new_code_cell("all gone")])
    repair(made, KNOWN)
    assert names(made) == ["all gone", "ex2-1-check", "ex2-2-check"]
    nbformat.validate(made)


def test_of_copied_cells_the_last_counts():
    made = notebook("ex2-1-answer", "ex2-1-check", "ex2-1-answer", "ex2-1-check", *list(KNOWN)[2:])
    repair(made, KNOWN)
    assert len(made.cells) == 6 and len({cell.id for cell in made.cells}) == 6
    marked = [bool(cell.metadata.get("nbgrader")) for cell in made.cells]
    assert marked == [False, False, True, True, True, True]


def test_metadata_of_a_submission_has_no_say():
    made = notebook(*KNOWN)
    made.cells[1].metadata.nbgrader.points = 400
    made.cells[1].metadata.tags = ["skip-execution"]
    made.cells[3].metadata.nbgrader = NotebookNode(
        schema_version=1, grade=True, grade_id="ex2-2-check"
    )
    made.cells.append(
        new_code_cell("40", metadata={"nbgrader": {"grade": True, "grade_id": "more"}})
    )
    repair(made, KNOWN)
    for cell, known in zip(made.cells, KNOWN.values(), strict=False):
        assert cell.metadata == known.metadata
    assert "nbgrader" not in made.cells[-1].metadata


def test_an_edited_check_is_noticed():
    made = notebook(*KNOWN)
    made.cells[1].source = "4.0"
    made.cells[3].source += "\n\n"
    assert repair(made, KNOWN) == [["2.1", "check cell was edited, the original was run"]]


def test_cells_without_metadata_are_recognised():
    made = notebook("ex2-1-answer", 'check( "2.1", forward)', "ex2-2-answer", "ex2-2-check")
    made.cells[3].metadata, made.cells[3].id = NotebookNode(), "ex2-2-check"
    repair(made, KNOWN)
    assert names(made) == list(KNOWN)
