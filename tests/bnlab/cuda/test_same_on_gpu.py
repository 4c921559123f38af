"""The lab gives what a GPU gives: every feature and every kernel, where there is a GPU."""

import json

import both
import numpy as np
import pytest
import record_gpu

from bnlab.cuda import raw
from bnlab.cuda.backend import gpu
from bnlab.cuda.compiler import compiler_name

CASES = list(both.cases())


class LabAsCupy:
    """Stands in for CuPy: the lab's own RawModule and NumPy's arrays."""

    RawModule = raw.RawModule
    asarray = staticmethod(np.asarray)
    asnumpy = staticmethod(np.asarray)


@pytest.mark.skipif(gpu() is None, reason="needs CuPy and a GPU")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_gpu_agrees(case):
    assert both.difference(both.on_a_gpu(case, gpu()), both.in_the_lab(case)) <= (case.tolerance)


def test_every_feature_and_every_kernel_is_compared():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("feature: ") for name in names) == len(both.FEATURES) >= 72
    for recipe in [*both.BOOK, *both.RECIPES.values(), *both.UNSEEN.values()]:
        assert any(name.startswith(f"{recipe}: ") for name in names), recipe
    # A launch that only prints has no array to compare.
    assert sum(not case.checked for case in CASES) <= 2


def few(step: int = 12) -> list[both.Case]:
    return CASES[::step]


@pytest.mark.filterwarnings("ignore::bnlab.cuda.errors.RaceWarning")  # the spin lock
def test_the_comparison_compares():
    """With the lab in CuPy's place there is nothing to find."""
    for case in few():
        assert both.difference(both.on_a_gpu(case, LabAsCupy), both.in_the_lab(case)) == 0


def test_the_comparison_finds_a_difference():
    case = next(case for case in CASES if case.name.startswith("fused_forward"))
    lab = both.in_the_lab(case)
    assert both.difference({**lab, "y": lab["y"] + np.float32(0.01)}, lab) > case.tolerance
    assert both.difference({**lab, "y": lab["y"] * np.nan}, lab) == np.inf
    whole = {"n": np.array([1, 2])}
    assert both.difference({"n": np.array([1, 3])}, whole) == np.inf


@pytest.mark.filterwarnings("ignore::bnlab.cuda.errors.RaceWarning")
def test_the_record_says_what_was_compared(tmp_path):
    path = tmp_path / "record.json"
    broken = both.Case("broken", "not CUDA", few()[0].launches, 0.0, ())
    record_gpu.write(path, [*few(40), broken], LabAsCupy, {"card": "none"})
    record = json.loads(path.read_text())
    assert record["card"] == "none" and record["lab"] == f"lab ({compiler_name()})"
    *good, bad = record["cases"]
    assert all(case["agrees"] and case["largest difference"] == 0 for case in good)
    assert bad["name"] == "broken" and not bad["agrees"] and "CompileError" in bad["error"]
    assert record["agree"] == len(good) and record["compared"] == len(good) + 1
