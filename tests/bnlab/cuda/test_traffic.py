"""Counters against numbers worked out by hand: sectors, banks, passes over arrays, lanes."""

import numpy as np
import pytest
from recipes import RECIPES, Batch

from bnlab import cuda

i4 = np.int32
LOAD = """\
extern "C" __global__ void k(const float* x, float* y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v = x[%s];
    y[i] = v;
}
"""
# Index of the load -> sectors of 32 bytes that a warp's request touches, and the fewest that
# could hold the bytes it wants. Four warps; x begins at a multiple of 32.
PATTERNS = {
    "i": (4, 4),  # 32 lanes · 4 bytes
    "i + 1": (5, 4),  # shifted by one element: a fifth sector
    "i ^ 1": (4, 4),  # neighbours swapped within a sector
    "n - 1 - i": (4, 4),  # backwards
    "2 * i": (8, 4),
    "3 * i": (12, 4),
    "8 * i": (32, 4),  # a sector for each lane
    "32 * i": (32, 4),
    "i / 32": (1, 1),  # one element for the whole warp
    "i / 8": (1, 1),  # four elements of one sector
    "i / 4 * 8": (8, 1),  # eight elements, eight sectors apart
    "i % 2 * 512": (2, 1),
}


@pytest.mark.parametrize(("index", "sectors"), PATTERNS.items(), ids=PATTERNS)
def test_sectors_of_a_load(index, sectors):
    x, y = np.ones(32 * 128, "f4"), np.zeros(128, "f4")
    report = cuda.examine(LOAD % index, "k", (2,), (64,), (x, y, i4(4096)))
    load = report.access(4, "x")
    assert (load.kind, load.space, load.requests, load.threads) == ("load", "global", 4, 128)
    assert (load.sectors_per_request, load.ideal) == sectors
    store = report.access(5, "y")
    assert (store.kind, store.sectors, store.ideal_sectors) == ("store", 16, 16)
    assert report.moved_bytes == 32 * (4 * sectors[0] + 16)
    assert report.ideal_bytes == 32 * (4 * sectors[1] + 16)


def test_vector_loads_need_more_sectors_a_request_and_fewer_requests():
    code = RECIPES["float4_apply.cu"].code
    batch = Batch((2, 4, 4, 8))  # 256 values: two warps of float4
    (report,), _ = RECIPES["float4_apply.cu"].run(batch, threads=32)
    line = code.splitlines().index("        float4 v = x[i];") + 1
    load = report.access(line, "x")
    assert (load.requests, load.sectors_per_request, load.ideal) == (2, 16, 16)
    assert load.bytes == 1024


def test_a_ragged_warp_needs_fewer_sectors():
    x, y = np.ones(4096, "f4"), np.zeros(40, "f4")
    report = cuda.examine(LOAD % "i", "k", (1,), (40,), (x, y, i4(4096)))
    load = report.access(4, "x")
    assert (load.requests, load.threads, load.sectors, load.ideal_sectors) == (2, 40, 5, 5)


def test_arrays_are_counted_as_read_as_often_as_they_are():
    """The fused forward reads x three times and writes y once."""
    batch = Batch((4, 8, 8, 8))
    (report,), _ = RECIPES["fused_forward.cu"].run(batch)
    x, y = report.arrays["x"], report.arrays["y"]
    assert (x.read_times, x.write_times) == (3.0, 0.0)
    assert (y.read_times, y.write_times) == (0.0, 1.0)
    assert x.size == x.touched == batch.x.nbytes
    assert (x.read, y.written) == (3 * batch.x.nbytes, batch.x.nbytes)
    # Besides x and y: gamma, beta, mean and inv_std of 8 channels, a sector each.
    assert report.touched_bytes == 2 * batch.x.nbytes + 4 * 32


def test_touched_is_the_part_of_an_array_that_was_used():
    x, y = np.ones(4096, "f4"), np.zeros(64, "f4")
    report = cuda.examine(LOAD % "i / 32 * 100", "k", (1,), (64,), (x, y, i4(4096)))
    assert report.arrays["x"].touched == 2 * 32  # x[0] and x[100]
    assert report.arrays["x"].size == 16384
    assert report.touched_bytes == 2 * 32 + 256


def test_a_strided_kernel_moves_eight_times_what_it_touches():
    """A thread for each channel, NCHW: 32 sectors a request; the ideal is four."""
    batch = Batch((2, 64, 8, 8))
    (report,), _ = RECIPES["naive_moments.cu"].run(batch, threads=64)
    line = RECIPES["naive_moments.cu"].code.splitlines()
    load = report.access(1 + next(n for n, text in enumerate(line) if "float v = x" in text), "x")
    assert (load.requests, load.sectors_per_request, load.ideal) == (2 * 128, 32, 4)
    # mean and var: 64 floats each, written once by two warps.
    assert report.moved_bytes == 8 * batch.x.nbytes + 2 * 256
    assert report.touched_bytes == batch.x.nbytes + 2 * 256


def test_atomics_are_counted_as_atomics():
    code = """\
extern "C" __global__ void k(float* total)
{
    atomicAdd(total + threadIdx.x % 2, 1.f);
}
"""
    total = np.zeros(2, "f4")
    report = cuda.examine(code, "k", (1,), (64,), (total,))
    access = report.access(3)
    assert (access.kind, access.array, access.requests, access.threads) == (
        "atomic",
        "total",
        2,
        64,
    )
    assert access.sectors_per_request == 1
    assert list(total) == [32, 32]


TRANSPOSE = """\
extern "C" __global__ void k(const float* x, float* y)
{
    __shared__ float s[32][%d];
    int a = threadIdx.x, b = threadIdx.y;
    s[b][a] = x[b * 32 + a];
    __syncthreads();
    y[b * 32 + a] = s[a][b];
}
"""


@pytest.mark.parametrize(("width", "conflict"), [(32, 32), (33, 1), (34, 2), (36, 4), (40, 8)])
def test_bank_conflicts_of_a_transpose(width, conflict):
    """Reading a column of a row-major tile: rows `width` words apart share a bank as often as
    32 and the width share a factor."""
    x, y = np.arange(1024, dtype="f4").reshape(32, 32), np.zeros((32, 32), "f4")
    report = cuda.examine(TRANSPOSE % width, "k", (1,), (32, 32), (x, y))
    np.testing.assert_array_equal(y, x.T)
    load, store = report.access(7, "s"), report.access(5, "s")
    assert (load.space, load.kind, load.requests) == ("shared", "load", 32)
    assert (load.passes, load.ideal_passes, load.bank_conflict) == (32 * conflict, 32, conflict)
    assert (store.passes, store.bank_conflict) == (32, 1)
    assert report.bank_passes == 32 * conflict + 32
    assert report.shared_bytes == 4 * 32 * width


BANKS = """\
extern "C" __global__ void k(TYPE* y)
{
    __shared__ TYPE s[256];
    int t = threadIdx.x;
    for (int j = t; j < 256; j += 32) s[j] = TYPE();
    __syncthreads();
    y[t] = s[INDEX];
}
"""


@pytest.mark.parametrize(
    ("type_name", "index", "passes", "ideal"),
    [
        ("float", "0", 1, 1),  # one word for all: a broadcast
        ("float", "t / 2", 1, 1),
        ("float", "2 * t", 2, 1),
        ("float", "31 - t", 1, 1),
        ("float", "8 * t", 8, 1),
        ("float2", "t", 2, 2),  # 256 bytes: two turns of 128
        ("float2", "2 * t", 4, 2),
        ("float4", "t", 4, 4),
    ],
)
def test_banks_by_type_and_index(type_name, index, passes, ideal):
    code = BANKS.replace("TYPE", type_name).replace("INDEX", index)
    report = cuda.examine(code, "k", (1,), (32,), (np.zeros(128, "f4"),))
    load = next(a for a in report.lines[7].accesses if a.kind == "load")
    assert (load.requests, load.passes, load.ideal_passes) == (1, passes, ideal)


BRANCH = """\
extern "C" __global__ void k(const int* a, float* y)
{
    int t = threadIdx.x;
    float v = 1.f;
    if (%s)
        for (int j = 0; j < a[0]; j++) v = v * 1.5f + j;
    y[t] = v;
}
"""


@pytest.mark.parametrize(
    ("condition", "splits"),
    [("t % 2", 4), ("t < 64", 0), ("t < 48", 1), ("t % 32 < 8", 4), ("a[0] > 3", 0)],
)
def test_warps_that_split_at_a_branch(condition, splits):
    """Four warps; the loop behind the branch runs ten times for those who take it."""
    code = BRANCH % condition
    report = cuda.examine(code, "k", (1,), (128,), (np.array([10], "i4"), np.zeros(128, "f4")))
    assert report.lines[5].splits == splits
    assert report.lines[5].branches == 4
    assert report.lines[6].splits == 0, "those in the loop leave it together"


def test_lane_use():
    """A loop that a quarter of each warp's lanes takes is a quarter used; the rest is full."""
    arguments = (np.array([1000], "i4"), np.zeros(128, "f4"))
    report = cuda.examine(BRANCH % "t % 4 == 0", "k", (1,), (128,), arguments)
    assert report.lines[6].lane_use == pytest.approx(0.25, abs=0.01)
    assert report.lines[7].lane_use == 1.0
    assert report.lane_use == pytest.approx(0.25, abs=0.02)
    full = cuda.examine(BRANCH % "a[0] > 0", "k", (1,), (128,), arguments)
    assert full.lane_use == 1.0
    assert full.instructions == pytest.approx(report.instructions, rel=0.02)


def test_a_half_filled_warp_counts_as_half():
    arguments = (np.array([10], "i4"), np.zeros(16, "f4"))
    report = cuda.examine(BRANCH % "t >= 0", "k", (1,), (16,), arguments)
    assert report.lane_use == 0.5


def test_registers_and_shared_memory_of_the_assembler():
    reports, _ = RECIPES["tree_moments.cu"].run(Batch((2, 3, 4, 4)))
    resources = reports[0].resources
    if resources is None:
        pytest.skip("the compiler cannot tell")
    assert resources.shared_bytes == 2048 == reports[0].shared_bytes
    assert 8 <= resources.registers <= 64 and resources.spill_bytes == 0


def test_a_request_remembers_who_touched_what():
    x, y = np.ones(4096, "f4"), np.zeros(128, "f4")
    report = cuda.examine(LOAD % "2 * i", "k", (1,), (128,), (x, y, i4(4096)))
    sample = report.access(4, "x").sample
    assert (sample.array, sample.itemsize, sample.width) == ("x", 4, 4)
    assert sample.lanes == tuple(range(32))
    assert sample.offsets == tuple(8 * lane for lane in range(32))
