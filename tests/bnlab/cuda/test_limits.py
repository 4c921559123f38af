"""Hostile kernels stop soon, with a clear word, in little memory."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from bnlab import cuda

LIMITS = cuda.Limits(steps=2_000, seconds=2, memory=64 << 20, printed=50)


def peak_memory() -> int:
    """The most bytes that this process has held, where the system tells."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def kernel(*lines: str, before: str = "") -> str:
    inside = "\n".join(f"    {line}" for line in lines)
    return f'{before}extern "C" __global__ void k(float* y)\n{{\n{inside}\n}}\n'


def calls_of_calls(depth: int) -> str:
    """Each function calls the one before twice: 2 to the power of the depth when inlined."""
    text = "__device__ __noinline__ float f0(float v) { return v * v; }\n"
    for n in range(1, depth):
        text += f"__device__ __noinline__ float f{n}(float v) {{ return f{n - 1}(v) + f{n - 1}(-v); }}\n"
    return text


HUGE = "float a[{0}]; for (int i = 0; i < {0}; i++) a[i * 7 % {0}] = i; y[0] = a[(int)y[0]];"
# A kernel, its launch, the error, and words of the message.
HOSTILE = {
    "endless loop": (
        kernel("for (;;) y[threadIdx.x] += 1;"),
        {},
        "stopped after 2,000 instructions: an endless loop?",
    ),
    "endless loop without memory": (
        kernel("unsigned i = y[0];", "while (i != 1) i = i * 2 + 2;", "y[0] = i;"),
        {},
        "an endless loop?",
    ),
    "endless wait": (
        kernel("while (atomicAdd(y, 0.f) == 0) { }"),
        {},
        "an endless loop?",
    ),
    "endless wait, one warp at a time": (
        kernel("while (atomicAdd(y, 0.f) == 0) { }"),
        {"schedule": "warps", "block": (128,)},
        "an endless loop?",
    ),
    "endless barriers": (kernel("for (;;) __syncthreads();"), {}, "an endless loop?"),
    "endless sleep": (kernel("for (;;) __nanosleep(1000000000);"), {}, "an endless loop?"),
    "endless printf": (
        kernel('for (int i = 0;; i++) printf("%d\\n", i);'),
        {},
        "printed more than 50 times",
    ),
    "printf of millions": (
        kernel('printf("%d\\n", threadIdx.x);'),
        {"grid": (4096,), "block": (1024,)},
        "printed more than 50 times",
    ),
    "printf of a gigabyte": (
        kernel('printf("%1000000000d", 1);'),
        {},
        "printf of more than 1000 characters",
    ),
    "huge local array": (
        kernel(HUGE.format(120_000)),
        {"block": (1024,)},
        "one block needs",
    ),
    "local array over a GPU's limit": (
        kernel(HUGE.format(100_000_000)),
        {},
        "each thread needs 400,000,000 bytes for its own arrays; it has 524,288",
    ),
    "huge device array": (
        kernel("y[threadIdx.x] = big[threadIdx.x];", before="__device__ float big[1000000000];\n"),
        {},
        "own arrays need more memory than the lab gives",
    ),
    "huge shared array": (
        kernel("__shared__ float s[100000000];", "s[threadIdx.x] = y[0];", "y[1] = s[2];"),
        {},
        "400,000,000 bytes of __shared__ arrays; a block has 49,152",
    ),
    "giant grid": (
        kernel("y[threadIdx.x] = 1;"),
        {"grid": (2**31 - 1,)},
        "threads are too many for the lab",
    ),
    "giant grid in three dimensions": (
        kernel("y[threadIdx.x] = 1;"),
        {"grid": (65535, 65535, 65535)},
        "threads are too many for the lab",
    ),
    "functions that call functions": (
        kernel("y[threadIdx.x] = f29(y[threadIdx.x]);", before=calls_of_calls(30)),
        {},
        "more than 100,000 instructions",
    ),
    "a long straight line": (
        kernel("float v = y[0], w = y[1];", *2500 * ["v=v*v+w;"], "y[0] = v;"),
        {},
        "stopped after 2,000 instructions",
    ),
    "huge source": (kernel("y[0] = 1;" + " " * 1_000_000), {}, "the source has 1000"),
}


@pytest.mark.parametrize(("code", "launch", "says"), HOSTILE.values(), ids=HOSTILE)
def test_stops_soon_and_says_why(code, launch, says):
    arguments = (np.zeros(1024, "f4"),)
    launch = {"grid": (1,), "block": (32,)} | launch
    start, before = time.monotonic(), peak_memory()
    try:
        error = cuda.examine(code, "k", args=arguments, limits=LIMITS, **launch).error
    except cuda.CudaError as raised:
        error = raised
    assert isinstance(error, cuda.LimitReached | cuda.LaunchError | cuda.CompileError)
    assert says in str(error)
    # Twenty seconds leave room for a busy machine; the limits ask for two, compiling for ten.
    assert time.monotonic() - start < 20
    assert peak_memory() - before < 2 * LIMITS.memory


LOST = """\
extern "C" __global__ void k(float* y, unsigned long long where)
{
    %s
}
"""


@pytest.mark.parametrize(
    "access", ["y[0] = *(float*)where;", "*(float*)where = 1;", "atomicAdd((int*)where, 1);"]
)
def test_a_lost_pointer_is_a_fault_and_no_crash(access):
    """Any 64-bit number as an address: in words, never a Python error."""
    rng = np.random.default_rng(0)
    lost = [0, 1, 2**40 - 4, 2**41, 2**56, 2**57, 3 * 2**56 + 5000, 2**63, 2**64 - 4]
    lost += [int(a) for a in rng.integers(0, 2**64, 50, dtype=np.uint64)]
    for address in lost:
        arguments = (np.zeros(4, "f4"), np.uint64(address))
        report = cuda.examine(LOST % access, "k", (1,), (1,), arguments, limits=LIMITS)
        assert isinstance(report.error, cuda.CudaError) and report.error.line == 3, hex(address)


def test_a_lost_text_is_a_fault_and_no_crash():
    code = kernel('printf("%s", (const char*)0x7000);')
    error = cuda.examine(code, "k", (1,), (1,), (np.zeros(4, "f4"),)).error
    assert isinstance(error, cuda.OutOfBounds) and error.line == 3


def test_limits_can_be_raised_for_a_kernel_that_needs_more():
    code = kernel("for (int i = 0; i < 30000; i++) y[threadIdx.x] += 1;")
    y = np.zeros(32, "f4")
    stopped = cuda.examine(code, "k", (1,), (32,), (y,), limits=cuda.Limits(steps=10_000))
    assert isinstance(stopped.error, cuda.LimitReached)
    y[:] = 0
    assert cuda.examine(code, "k", (1,), (32,), (y,)).ok
    assert (y == 30000).all()


def test_blocks_that_do_not_fit_wait_for_others():
    """A grid of 300 blocks, of which some 16 fit the limit: the result is the same."""
    code = kernel("y[blockIdx.x] = blockIdx.x + gridDim.x;")
    y = np.zeros(300, "f4")
    report = cuda.examine(code, "k", (300,), (64,), (y,), limits=cuda.Limits(lanes=1024))
    assert not report.error
    np.testing.assert_array_equal(y, np.arange(300) + 300)
