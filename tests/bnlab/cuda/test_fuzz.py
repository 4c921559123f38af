"""Random programs: the lab agrees with g++, with NumPy's half precision and with plain Python."""

import random
import shutil

import numpy as np
import pytest
from fuzz import Random, disagreements
from warp_model import WarpProgram

from bnlab import cuda

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="compares with g++, which is not installed"
)


@needs_compiler
def test_ten_thousand_values_agree_with_a_compiler(tmp_path):
    compare(range(5), 10_000, tmp_path)


@needs_compiler
@pytest.mark.slow
def test_two_hundred_thousand_values_agree_with_a_compiler(tmp_path):
    compare(range(100, 190), 200_000, tmp_path)


def compare(seeds: range, at_least: int, folder) -> None:
    results = [disagreements(Random(seed), folder) for seed in seeds]
    assert [wrong for _, some in results for wrong in some] == []
    assert sum(compared for compared, _ in results) >= at_least


HALF = {
    "__hadd2({}, {})": lambda a, b: a + b,
    "__hsub2({}, {})": lambda a, b: a - b,
    "__hmul2({}, {})": lambda a, b: a * b,
    "__hfma2({}, {}, {})": lambda a, b, c: a * b + c,
    "__hneg2({})": lambda a: -a,
    "__habs2({})": abs,
    "__hmax2({}, {})": np.fmax,
    "__hmin2({}, {})": np.fmin,
}


def half_program(rng: random.Random, length: int) -> tuple[str, list[np.ndarray]]:
    """A chain of operations on pairs, and every value of it in NumPy, rounded once each."""
    draws = np.random.default_rng(rng.randint(0, 10**6))
    values = [draws.standard_normal(256).astype("f2") * 2 for _ in range(2)]
    lines = []
    for k in range(2, length):
        text, function = rng.choice(list(HALF.items()))
        chosen = [rng.randrange(len(values)) for _ in range(text.count("{}"))]
        with np.errstate(over="ignore", invalid="ignore"):
            exact = function(*(values[j].astype("f8") for j in chosen))
            values.append(exact.astype("f2"))
        lines.append(f"    __half2 v{k} = {text.format(*(f'v{j}' for j in chosen))};")
        lines.append(f"    y[{k} * n + i] = v{k};")
    code = (
        "#include <cuda_fp16.h>\n\n"
        'extern "C" __global__ void k(const __half2* a, const __half2* b, __half2* y)\n{\n'
        "    int i = threadIdx.x, n = blockDim.x;\n    __half2 v0 = a[i], v1 = b[i];\n"
        + "\n".join(lines)
        + "\n}\n"
    )
    return code, values


@pytest.mark.parametrize("seed", range(3))
def test_packed_half_precision_agrees_with_numpy(seed):
    code, values = half_program(random.Random(seed), 40)
    y = np.zeros((40, 256), "f2")
    report = cuda.examine(
        code, "k", (1,), (128,), (values[0], values[1], y), options=("--fmad=false",)
    )
    assert report.ok, report.error
    for k, want in enumerate(values[2:], start=2):
        np.testing.assert_array_equal(y[k], want, err_msg=f"v{k}")


@pytest.mark.parametrize("seed", range(6))
def test_warp_functions_agree_with_plain_python(seed):
    check_warps(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_warp_functions_agree_with_plain_python_many_times(seed):
    check_warps(seed)


def check_warps(seed: int) -> None:
    program = WarpProgram(seed)
    for schedule in ("lockstep", "warps"):
        y = np.zeros((program.length, program.threads), "u4")
        report = cuda.examine(
            program.code, "k", (1,), (program.threads,), (program.x, y), schedule=schedule
        )
        assert report.ok, report.error
        np.testing.assert_array_equal(y, program.expected(), err_msg=program.code)
