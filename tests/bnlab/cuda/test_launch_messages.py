"""A launch that does not fit its kernel: the message says which argument, and what to write."""

import numpy as np
import pytest

from bnlab import cuda

SCALE = """\
extern "C" __global__ void scale(const float* x, float* y, int n, float a)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i];
}
"""
SHARED = """\
extern "C" __global__ void scale(const float* x, float* y, int n, float a)
{
    __shared__ float s[13000];
    s[threadIdx.x] = a * x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = s[63 - threadIdx.x];
}
"""
TEMPLATE = SCALE.replace('extern "C" ', "template <int B> ")
I4, F4 = np.int32, np.float32


def good(**changed) -> tuple:
    """The arguments of a launch that works, some of them changed."""
    arguments = {"x": np.ones(64, "f4"), "y": np.zeros(64, "f4"), "n": I4(64), "a": F4(2)}
    return tuple((arguments | changed).values())


def launched(code=SCALE, name="scale", grid=(1,), block=(64,), args=None, **options):
    return cuda.examine(code, name, grid, block, good() if args is None else args, **options)


def guarded(*shape: int) -> np.ndarray:
    array = np.zeros(shape, "f4")
    array.setflags(write=False)
    return array


WRONG = {
    "too few arguments": (
        {"args": good()[:3]},
        ["scale takes 4 arguments (x, y, n, a), but 3 were given"],
    ),
    "too many arguments": ({"args": (*good(), F4(1))}, ["takes 4 arguments", "5 were given"]),
    "double array": (
        {"args": good(x=np.ones(64))},
        ["argument 0", "`x`", "float64", "`float* x`", ".astype(np.float32)"],
    ),
    "int array": ({"args": good(x=np.arange(64))}, ["`x`", "int64", ".astype(np.float32)"]),
    "column of an array": (
        {"args": good(x=np.ones((64, 2), "f4")[:, 0])},
        ["`x`", "not contiguous", "strides (8,)", "np.ascontiguousarray"],
    ),
    "column-major array": (
        {"args": good(x=np.asfortranarray(np.ones((8, 8), "f4")))},
        ["not contiguous", "np.ascontiguousarray"],
    ),
    "bytes in another order": (
        {"args": good(x=np.ones(64, "f4").byteswap().view(np.dtype("f4").newbyteorder()))},
        ["`x`", "bytes in another order", ".astype("],
    ),
    "read-only output": ({"args": good(y=guarded(64))}, ["writes to `y`", "read-only", "a copy"]),
    "overlapping arrays": (
        {"args": (lambda x: good(x=x[:60], y=x[4:]))(np.ones(64, "f4"))},
        ["`y`", "overlaps with `x`", "pass a copy"],
    ),
    "Python float": (
        {"args": good(a=2.0)},
        ["argument 3", "`a`", "float 2.0 (8 bytes)", "reads 4 bytes", "np.float32(...)"],
    ),
    "Python int for a float": ({"args": good(a=2)}, ["`a`", "np.float32(...)"]),
    "long integer": ({"args": good(n=np.int64(64))}, ["`n`", "(8 bytes)", "np.int32(...)"]),
    "float for an int": ({"args": good(n=F4(64))}, ["`n`", "integer", "np.int32(...)"]),
    "integer that does not fit": ({"args": good(n=2**40)}, ["`n`", "does not fit"]),
    "number for an array": ({"args": good(y=3)}, ["argument 1", "`y`", "takes an array there"]),
    "array for a number": ({"args": good(n=np.array([64], "i4"))}, ["`n`", "takes a number there"]),
    "list for an array": ({"args": good(x=[1.0, 2.0])}, ["`x`", "takes an array there"]),
    "text": ({"args": good(n="64")}, ["`n`", "np.int32"]),
    "kernel of another name": (
        {"name": "scales"},
        ["no kernel 'scales' in this source", "it has scale"],
    ),
    'without extern "C"': (
        {"code": SCALE.replace('extern "C" ', "")},
        ["no kernel 'scale'", 'Write extern "C" __global__'],
    ),
    "template without its arguments": (
        {"code": TEMPLATE},
        ["no kernel 'scale'", "name_expressions"],
    ),
    "grid of 0": ({"grid": (0,)}, ["the grid is (0, 1, 1)", "from 1 to"]),
    "negative grid": ({"grid": (-1,)}, ["the grid is (-1, 1, 1)", "from 1 to"]),
    "grid that is no tuple": ({"grid": 1}, ["the grid is 1", "a tuple", "(1,)"]),
    "grid of a fraction": ({"grid": (1.5,)}, ["the grid is (1.5,)", "whole numbers"]),
    "grid too high": ({"grid": (1, 70000)}, ["the grid is (1, 70000, 1)", "65535"]),
    "four numbers": ({"block": (1, 1, 1, 1)}, ["the block is (1, 1, 1, 1)", "1 to 3"]),
    "block over 1024": ({"block": (2048,)}, ["the block is (2048, 1, 1)", "1024"]),
    "block of 32 x 64": ({"block": (32, 64)}, ["has 2048 threads; at most 1024", "more blocks"]),
    "static shared memory over 48 KiB": (
        {"code": SHARED},
        ["52,000 bytes of __shared__", "49,152", "extern __shared__"],
    ),
    "dynamic shared memory over any GPU's": ({"shared_mem": 300_000}, ["300,000", "232,448"]),
    "negative shared memory": ({"shared_mem": -4}, ["shared_mem is -4"]),
    "unknown schedule": ({"schedule": "random"}, ["'random'", "lockstep, warps"]),
}


@pytest.mark.parametrize(("launch", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_and_what_to_do(launch, says):
    with pytest.raises(cuda.LaunchError) as stopped:
        launched(**launch)
    for words in says:
        assert words in str(stopped.value)


def test_the_same_launch_without_a_mistake():
    arguments = good()
    assert launched(args=arguments).ok
    np.testing.assert_array_equal(arguments[1], 2)


def test_python_integers_are_taken_as_cupy_takes_them():
    arguments = good(n=64)
    assert launched(args=arguments).ok and (arguments[1] == 2).all()


def test_a_read_only_input_is_fine():
    assert launched(args=good(x=guarded(64))).ok


def test_one_array_given_twice_is_one_array():
    x = np.ones(64, "f4")
    assert launched(args=good(x=x, y=x)).ok
    assert (x == 2).all()


COMPILE = {
    "a typing slip": ("threadIdx.x", "threadidx.x", 3, '"threadidx" is undefined'),
    "a missing semicolon": ("a * x[i];", "a * x[i]", 5, 'expected a ";"'),
    "a function of the host": ("a * x[i]", "a * rand()", 4, '"rand" is undefined'),
    "a write to const": ("y[i] = a", "x[i] = a", 4, "must be a modifiable lvalue"),
}


@pytest.mark.parametrize(("right", "wrong", "line", "says"), COMPILE.values(), ids=COMPILE)
@pytest.mark.skipif("NVRTC" not in cuda.backend(), reason="the words are NVRTC's")
def test_compile_errors_have_their_line(right, wrong, line, says):
    with pytest.raises(cuda.CompileError) as stopped:
        launched(code=SCALE.replace(right, wrong))
    assert stopped.value.line == line
    assert says in str(stopped.value)
    assert stopped.value.quote == SCALE.replace(right, wrong).splitlines()[line - 1].strip()


def test_raw_kernels_raise_and_warn():
    """The launch as in CuPy raises what `examine` reports, and warns of races."""
    if cuda.backend() == "cupy":
        pytest.skip("the GPU runs this launch, and checks nothing")
    with pytest.raises(cuda.OutOfBounds, match="line 4"):
        cuda.RawKernel(SCALE, "scale")((2,), (64,), good(n=I4(128)))
    racing = SCALE.replace("y[i] = a", "y[0] = a + i")
    with pytest.warns(cuda.RaceWarning, match="line 4: .*y\\[0\\]"):
        cuda.RawKernel(racing, "scale")((1,), (64,), good())
