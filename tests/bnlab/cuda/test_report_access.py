"""A report finds the access of a line, and says what to name where there are several."""

import numpy as np
import pytest

from bnlab import cuda

CODE = """extern "C" __global__ void k(const float* x, float* y) {
    y[threadIdx.x] += 1.0f;
    y[threadIdx.x] *= x[threadIdx.x];
}"""


@pytest.fixture(scope="module")
def report():
    x, y = np.ones(32, np.float32), np.ones(32, np.float32)
    # volatile keeps both lines' accesses apart
    code = CODE.replace("float* y", "volatile float* y")
    return cuda.examine(code, "k", (1,), (32,), (x, y))


def test_an_array_that_is_read_and_written_needs_no_name(report):
    assert report.access(2).array == "y" and report.access(2).kind == "load"


def test_several_arrays_need_a_name(report):
    with pytest.raises(LookupError, match="several arrays; name one of x, y"):
        report.access(3)
    assert report.access(3, "x").kind == "load"


def test_a_line_without_access_lists_the_lines_that_have_one(report):
    with pytest.raises(LookupError, match=r"Line 4 has no such access. Lines with one: 2 \(y\)"):
        report.access(4)
