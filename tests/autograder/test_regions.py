"""What learners get in place of a solution, in Python and in CUDA C++."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.classroom.clearing import ClearSolutions
from autograder.regions import RegionError, has_region, secrets, solution, stub

PYTHON = """def f(x):
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION"""
CUDA = '''source = r"""
    // ### BEGIN SOLUTION
    y[i] = x[i];
    __syncthreads();
    // ### END SOLUTION
    __syncthreads();
"""'''
REPAIR = '''source = r"""
    // ### BEGIN SOLUTION
    if (i < n)
        y[i] = x[i];
    // ### GIVEN
    //| if (true)
    //|     y[i] = x[i];
    //|
    // ### END SOLUTION
    // ### BEGIN SOLUTION
    __syncthreads();
    // ### GIVEN
    // ### END SOLUTION
"""'''


def test_a_stub_speaks_the_language_of_its_region():
    assert stub(PYTHON) == "def f(x):\n    raise NotImplementedError"
    assert stub(CUDA) == 'source = r"""\n    // WRITE YOUR CODE HERE\n    __syncthreads();\n"""'


def test_what_is_given_takes_the_place_of_the_solution():
    assert stub(REPAIR) == 'source = r"""\n    if (true)\n        y[i] = x[i];\n\n"""'
    assert solution(REPAIR) == (
        'source = r"""\n    if (i < n)\n        y[i] = x[i];\n    __syncthreads();\n"""'
    )


def test_a_solution_has_no_marks():
    assert solution(PYTHON) == "def f(x):\n    return x"
    assert "###" not in solution(CUDA) and "y[i] = x[i];" in solution(CUDA)


def test_what_learners_see_anyway_is_no_secret():
    assert secrets(PYTHON) == ["return x"]
    assert secrets(CUDA) == ["y[i] = x[i];"], "the barrier stands outside the region too"
    assert secrets(REPAIR) == ["if (i < n)", "__syncthreads();"]


@pytest.mark.parametrize(
    "text, says",
    [
        ("### BEGIN SOLUTION\nx", "has no ### END SOLUTION"),
        ("x\n### END SOLUTION", "END SOLUTION is out of place"),
        ("### GIVEN\n### BEGIN SOLUTION\n### END SOLUTION", "GIVEN is out of place"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "BEGIN SOLUTION is out of"),
        ("// ### BEGIN SOLUTION\n// ### GIVEN\ny = x;\n// ### END SOLUTION", "starts with //|"),
    ],
)
def test_a_region_out_of_form_is_refused(text, says):
    with pytest.raises(RegionError, match=says.replace("|", r"\|")):
        has_region(text)


def test_nbgraders_step_writes_the_same_stub():
    step = ClearSolutions()
    for text in (PYTHON, CUDA, REPAIR):
        cell = new_code_cell(text)
        assert step._replace_solution_region(cell, "python")
        assert cell.source == stub(text)
    for cell in (new_code_cell("x = 1"), new_markdown_cell(PYTHON)):
        before = cell.source
        assert not step._replace_solution_region(cell, "python")
        assert cell.source == before
