"""A kernel with a slip: the report says what is wrong, in which line, and quotes it."""

from __future__ import annotations

import numpy as np
import pytest
from recipes import RECIPES, Batch, fused_forward

from bnlab import cuda

BATCH = Batch((3, 5, 7, 7))


def examined(code: str, *, grid=(1,), block=(64,), args=None, **options) -> cuda.Report:
    y = np.arange(64, dtype="f4")
    return cuda.examine(code, "k", grid, block, (y,) if args is None else args, **options)


def body(*lines: str) -> str:
    """A kernel of one float array y; its first line is line 3."""
    inside = "\n".join(f"    {line}" for line in lines)
    return f'extern "C" __global__ void k(float* y)\n{{\n{inside}\n}}\n'


def with_slip(file: str, right: str, wrong: str, threads: int = 0, **options) -> cuda.Report:
    """A kernel with one place changed."""
    code = RECIPES[file].code
    assert code.count(right) >= 1, right
    code = code.replace(right, wrong, 1)
    return RECIPES[file].run(BATCH, threads, code=code, **options)[0][0]


def line_with(report: cuda.Report, text: str) -> int:
    """The line that holds a text, which is there once."""
    [line] = [n for n, words in enumerate(report.source.splitlines(), 1) if text in words]
    return line


def points_at(report: cuda.Report, finding: cuda.CudaError | cuda.Race, text: str) -> None:
    assert finding.line == line_with(report, text)
    assert text in finding.quote


def test_a_missing_barrier():
    report = with_slip("tree_moments.cu", "square[t] = b;\n    __syncthreads();", "square[t] = b;")
    assert report.error is None and not report.ok
    race = report.races[0]
    points_at(report, race, "sum[t] += sum[t + h];")
    assert race.first_line == line_with(report, "sum[t] = a;")
    assert (race.kind, race.space, race.array) == ("read after write", "shared", "sum")
    assert race.sentence == (
        "block (0,0,0) thread (0,0,0) reads sum[128], which block (0,0,0) thread (128,0,0) wrote "
        f"in line {race.first_line}; no barrier lies between"
    )


def test_off_by_one():
    report = with_slip("tree_moments.cu", "i < N * S", "i <= N * S")
    assert isinstance(report.error, cuda.OutOfBounds)
    points_at(report, report.error, "float d = x[")
    assert "thread (147,0,0) reads x[735], 1 past the last of its 735 elements" in str(report.error)
    assert report.error.kind == "out of bounds: a load of global memory"


def test_before_the_first():
    report = examined(body("y[(int)threadIdx.x - 1] = 1.f;"))
    assert "writes y[-1], 1 before the first of its 64 elements" in str(report.error)
    assert report.error.line == 3


def test_an_uninitialised_read():
    report = with_slip("tree_moments.cu", "    square[t] = b;\n", "")
    points_at(report, report.races[0], "square[t] += square[t + h];")
    assert report.races[0].kind == "uninitialised read"
    assert "reads square[" in report.races[0].sentence
    assert "shared memory that no thread has written" in report.races[0].sentence


def test_a_shuffle_mask_whose_lanes_do_not_come():
    report = with_slip(
        "welford_moments.cu", "    w = over_warp(w);", "    if (lane < 16) w = over_warp(w);"
    )
    assert isinstance(report.error, cuda.BarrierDivergence)
    points_at(report, report.error, "__shfl_down_sync(0xffffffff, w.mean, d)")
    assert "waits for lanes of its mask that never come here" in str(report.error)


def test_a_shuffle_mask_that_leaves_its_own_lane_out():
    report = examined(body("int t = threadIdx.x;", "y[t] = __shfl_xor_sync(0x0000ffff, y[t], 1);"))
    assert isinstance(report.error, cuda.Undefined) and report.error.line == 4
    assert "thread (16,0,0) calls a warp function with the mask 0x0000ffff" in str(report.error)


def test_a_shuffle_from_a_lane_that_is_not_there():
    """The last warp of a block of 48 has 16 lanes; on a GPU the value is anybody's guess."""
    report = examined(
        body("int t = threadIdx.x;", "y[t] = __shfl_down_sync(0xffffffff, y[t], 1);"), block=(48,)
    )
    assert isinstance(report.error, cuda.Undefined) and report.error.line == 4
    assert "thread (47,0,0) reads a value from lane 16, which takes no part" in str(report.error)


def test_an_uncoalesced_access():
    report = RECIPES["naive_moments.cu"].run(Batch((2, 64, 8, 8)), threads=64)[0][0]
    line = line_with(report, "float v = x[")
    access = report.access(line, "x")
    assert (access.sectors_per_request, access.ideal) == (32, 4)
    assert f"{line}" in str(report) and "32" in str(report)


def test_a_misaligned_vector():
    code = body(
        "float4 v = *(float4*)(y + 1 + 4 * threadIdx.x);", "y[threadIdx.x] = v.x + v.y + v.z + v.w;"
    )
    report = examined(code, block=(8,))
    assert isinstance(report.error, cuda.Misaligned) and report.error.line == 3
    assert "accesses 16 bytes at an address that is no multiple of 16" in str(report.error)


def test_one_past_a_shared_array_into_the_next():
    report = with_slip("tree_moments.cu", "if (t + h < n)", "if (t + h <= n)")
    assert isinstance(report.error, cuda.OutOfBounds)
    points_at(report, report.error, "sum[t] += sum[t + h];")
    assert "reads sum[256] (in floats); sum has 1024 bytes, 256 floats" in str(report.error)


def test_dynamic_shared_memory_forgotten_or_too_small():
    [launch] = fused_forward(BATCH, 256)
    code, arguments = RECIPES["fused_forward.cu"].code, tuple(launch.arguments.values())
    for given, says in (
        (0, "shared memory, but the launch gave none (shared_mem=)"),
        (512, "writes s[128] (in floats); s has 512 bytes, 128 floats (shared_mem= of the launch)"),
    ):
        report = cuda.examine(
            code, "fused_forward", launch.grid, launch.block, arguments, shared_mem=given
        )
        assert isinstance(report.error, cuda.OutOfBounds)
        points_at(report, report.error, "s[t] = v;")
        assert says in str(report.error)


def test_a_barrier_in_a_branch_that_only_some_take():
    right = "if (t < h) s[t] += s[t + h];\n        __syncthreads();"
    wrong = "if (t < h) { s[t] += s[t + h];\n        __syncthreads(); }"
    report = with_slip("fused_forward.cu", right, wrong)
    assert isinstance(report.error, cuda.BarrierDivergence)
    says = str(report.error)
    assert "not all threads of block (0,0,0) reach the same __syncthreads()" in says
    assert "128 threads (0 to 127) at line 10; 128 threads (128 to 255) at line 20" in says
    assert report.error.quote.startswith("__syncthreads();")


def test_a_return_before_a_barrier_is_a_note():
    code = body(
        "__shared__ float s[32];",
        "int t = threadIdx.x;",
        "if (t >= 32) return;",
        "s[t] = y[t];",
        "__syncthreads();",
        "y[t] = s[31 - t];",
    )
    report = examined(code)
    assert report.ok and report.error is None and report.races == ()
    [note] = report.notes
    assert (note.line, note.quote) == (7, "__syncthreads();")
    assert "32 of the 64 threads of a block had returned before this __syncthreads()" in note.text


def test_a_missing_syncwarp_at_the_end_of_a_tree():
    code = body(
        "__shared__ volatile float s[64];",
        "int t = threadIdx.x;",
        "s[t] = y[t];",
        "__syncthreads();",
        "if (t < 32) {",
        "    s[t] += s[t + 32];",
        "    s[t] += s[t + 16];",
        "}",
        "__syncthreads();",
        "y[t] = s[0];",
    )
    [race] = examined(code).races
    assert (race.line, race.first_line, race.array, race.index) == (9, 8, "s", 16)


def test_writes_of_one_element_by_many():
    [race] = examined(body("y[0] = threadIdx.x;")).races
    assert (race.line, race.kind, race.same_value) == (3, "simultaneous writes", False)
    assert "write different values to y[0] at once" in race.sentence
    same = examined(body("y[0] = 7.f;"))
    assert same.ok and same.races[0].same_value, "forgiven, and still told"


def test_a_race_between_blocks():
    report = examined(body("y[threadIdx.x] += 1.f;"), grid=(2,))
    race = report.races[0]
    assert race.across_blocks and race.line == 3 and not report.ok
    assert "they are in different blocks" in race.sentence


def test_an_endless_loop():
    report = with_slip("tree_moments.cu", "        n = h;\n", "", limits=cuda.Limits(steps=2000))
    assert isinstance(report.error, cuda.LimitReached)
    assert "stopped after 2,000 instructions: an endless loop?" in str(report.error)
    assert 18 <= report.error.line <= 23, "within the loop"


def test_a_failed_assert():
    report = examined("#include <assert.h>\n" + body("assert(threadIdx.x < 60);"))
    assert "assert(threadIdx.x < 60) failed in block (0,0,0) thread (60,0,0)" in str(report.error)
    assert report.error.line == 4


def test_outside_an_array_of_the_kernel_itself():
    report = examined("__device__ float table[4];\n" + body("table[threadIdx.x] = y[threadIdx.x];"))
    assert "writes table[4], 1 past the last of its 4 elements" in str(report.error)


def test_outside_a_threads_own_array():
    code = body(
        "float a[4] = {1, 2, 3, 4};", "int j = y[63];", "a[j] = 5;", "y[0] = a[j / 32] + a[j & 3];"
    )
    report = examined(code)
    assert isinstance(report.error, cuda.OutOfBounds) and report.error.line in (5, 6)
    assert "outside the bounds of its own (local) array" in str(report.error)


def test_a_null_pointer():
    code = body("float* p = (float*)(size_t)(0 * y[63]);", "p[threadIdx.x] = 1.f;")
    report = examined(code)
    assert isinstance(report.error, cuda.OutOfBounds) and report.error.line == 4
    assert "writes the address 0x0, which is in no array" in str(report.error)


def test_a_null_pointer_that_the_compiler_sees():
    """It leaves out what comes after: without a word from the lab, the kernel would seem fine."""
    report = examined(body("float* p = threadIdx.x == 70 ? y : nullptr;", "p[0] = y[0];"))
    assert isinstance(report.error, cuda.OutOfBounds | cuda.Undefined)
    assert "thread (0,0,0)" in str(report.error)


def test_a_kernel_without_slips_is_said_to_be_fine():
    report = RECIPES["tree_moments.cu"].run(BATCH)[0][0]
    assert report.ok and report.error is None and report.races == () and report.notes == ()


@pytest.mark.parametrize("schedule", ["lockstep", "warps"])
def test_the_arrays_hold_what_was_written_before_the_fault(schedule):
    y = np.zeros(64, "f4")
    code = body("y[threadIdx.x] = 1.f;", "__syncthreads();", "y[threadIdx.x + 1] = 2.f;")
    report = examined(code, args=(y,), schedule=schedule)
    assert isinstance(report.error, cuda.OutOfBounds)
    assert (y[0], y[40]) != (0, 0)
