"""Counters of a launch that a fault stopped: what ran up to there counts."""

import numpy as np

from bnlab import cuda


def test_the_line_of_a_fault_counts_as_run_and_later_ones_do_not():
    code = """extern "C" __global__ void k(const float* x, float* y) {
        float v = x[threadIdx.x];
        y[threadIdx.x] = v;
    }"""
    x, y = np.zeros(31, np.float32), np.zeros(64, np.float32)
    report = cuda.examine(code, "k", (1,), (64,), (x, y))
    assert report.error.line == 2
    assert report.lines[2].instructions > 0 and report.lane_use == 1
    assert not any(a.kind == "store" for _, a in report.accesses)
