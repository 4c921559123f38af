"""`examine` beside a GPU: CuPy's arrays come in as copies, are written back, and views are named.

A stand-in has the part of `cupy.ndarray` that the lab uses: `get` copies to the CPU, in C order.
"""

import numpy as np
import pytest

from bnlab import cuda

CODE = """
extern "C" __global__ void twice(const float* x, float* y) {
    int i = threadIdx.x;
    y[i] = 2 * x[i];
}
"""


class OnTheGpu:
    def __init__(self, array):
        self._array, self.device = array, "GPU 0"
        self.flags, self.strides = array.flags, array.strides

    def get(self):
        return self._array.copy(order="C")

    def set(self, array):
        self._array[...] = array


def test_the_result_is_written_back():
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((2, 3), np.float32)
    report = cuda.examine(CODE, "twice", (1,), (6,), (OnTheGpu(x), OnTheGpu(y)))
    assert report.ok and (y == 2 * x).all()


def test_a_view_is_refused_although_its_copy_is_contiguous():
    x, y = np.zeros((3, 2), np.float32).T, np.zeros((2, 3), np.float32)
    with pytest.raises(cuda.LaunchError, match=r"argument 0 is not contiguous \(strides \(4, 8\)"):
        cuda.examine(CODE, "twice", (1,), (6,), (OnTheGpu(x), OnTheGpu(y)))
