"""Where NVRTC is missing, clang and our headers stand in: same values, same lines, same reports."""

import math

import numpy as np
import pytest
from features import FEATURES

from bnlab import cuda
from bnlab.cuda import compiler
from bnlab.cuda.compiler import find
from bnlab.cuda.errors import CompileError

pytestmark = pytest.mark.skipif(not find.clang(), reason="needs ziglang")


@pytest.fixture(autouse=True)
def with_clang(monkeypatch):
    monkeypatch.setenv(find.CHOICE, "clang")


def kernel(body, parameters="float* x"):
    return f'extern "C" __global__ void k({parameters}) {{ {body} }}'


def failure(code, *rest) -> CompileError:
    with pytest.raises(CompileError) as caught:
        compiler.compile_program(code, *rest)
    return caught.value


def test_its_name():
    assert compiler.compiler_name().startswith("clang ")
    assert compiler.compile_program(kernel("x[0] = 1;")).compiler == compiler.compiler_name()
    assert compiler.resources(kernel("x[0] = 1;")) == {}


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_feature(feature):
    arguments = feature.copies()
    report = cuda.examine(
        feature.code,
        feature.kernel,
        feature.grid,
        feature.block,
        tuple(arguments.values()),
        shared_mem=feature.shared_mem,
        options=feature.options,
    )
    assert report.error is None, report.error
    assert all(d <= feature.tolerance for d in feature.difference(arguments).values())
    assert report.printed == (feature.printed or ())
    assert bool(report.races) == feature.races


# Functions that clang gets from headers/clang/doubles.h: name, NumPy's or Python's, arguments.
SPREAD = np.concatenate([-np.logspace(-12, 2.7, 60), [-0.0, 0.0], np.logspace(-12, 2.7, 60)])
SMALL = SPREAD[abs(SPREAD) <= 26]
UNIT = np.linspace(-0.999, 0.999, 101)
POSITIVE = np.logspace(-300, 300, 121)
FUNCTIONS = {
    "exp": (np.exp, SPREAD),
    "exp2": (np.exp2, SPREAD),
    "expm1": (np.expm1, SPREAD),
    "log": (np.log, np.concatenate([POSITIVE, 1 + UNIT / 10, [5e-324, 1e-310]])),
    "log2": (np.log2, POSITIVE),
    "log10": (np.log10, POSITIVE),
    "log1p": (np.log1p, np.concatenate([UNIT, POSITIVE])),
    "sin": (np.sin, SPREAD),
    "cos": (np.cos, SPREAD),
    "tan": (np.tan, SPREAD),
    "asin": (np.arcsin, UNIT),
    "acos": (np.arccos, UNIT),
    "atan": (np.arctan, SPREAD),
    "sinh": (np.sinh, SMALL),
    "cosh": (np.cosh, SMALL),
    "tanh": (np.tanh, SPREAD),
    "asinh": (np.arcsinh, SPREAD),
    "acosh": (np.arccosh, 1 + POSITIVE[40:81]),
    "atanh": (np.arctanh, UNIT),
    "cbrt": (np.cbrt, SPREAD),
    "rsqrt": (lambda x: 1 / np.sqrt(x), POSITIVE),
    "rint": (np.rint, SPREAD * 2.5),
    "round": (lambda x: np.trunc(x + np.copysign(0.5, x)), SMALL * 2.5),
    "erf": (np.vectorize(math.erf), SPREAD),
    "erfc": (np.vectorize(math.erfc), SMALL),
    "lgamma": (np.vectorize(math.lgamma), abs(SPREAD[SPREAD != 0])),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_double_functions_are_accurate(name):
    reference, x = FUNCTIONS[name]
    got = np.zeros_like(x)
    code = kernel(f"y[threadIdx.x] = {name}(x[threadIdx.x]);", "const double* x, double* y")
    cuda.RawKernel(code, "k")((1,), (x.size,), (x, got))
    want = reference(x)
    # lgamma crosses zero at 1 and 2, where no relative error is small.
    np.testing.assert_allclose(got, want, rtol=2e-13, atol=1e-13 if name == "lgamma" else 1e-300)


PAIRS = {"pow": np.power, "fmod": np.fmod, "hypot": np.hypot, "atan2": np.arctan2}


@pytest.mark.parametrize("name", [*PAIRS, "remainder"])
def test_double_functions_of_two_are_accurate(name):
    rng = np.random.default_rng(3)
    sizes = 10.0 ** rng.uniform(-6, 6, (2, 512))
    x, y = sizes * rng.choice([-1, 1], (2, 512))
    if name == "pow":
        x, y = abs(x), np.clip(y, -40, 40)
    reference = PAIRS.get(name, np.vectorize(math.remainder))
    got = np.zeros_like(x)
    parameters = "const double* x, const double* y, double* z"
    code = kernel(f"int i = threadIdx.x; z[i] = {name}(x[i], y[i]);", parameters)
    cuda.RawKernel(code, "k")((1,), (x.size,), (x, y, got))
    exact = name in ("fmod", "remainder")
    np.testing.assert_allclose(got, reference(x, y), rtol=0 if exact else 2e-13)


@pytest.mark.parametrize(
    ("name", "x", "want"),
    [
        ("exp", [np.inf, -np.inf, 1e4, -1e4], [np.inf, 0, np.inf, 0]),
        ("log", [0, np.inf, -1, np.nan], [-np.inf, np.inf, np.nan, np.nan]),
        ("log1p", [-1, np.inf, -2, np.nan], [-np.inf, np.inf, np.nan, np.nan]),
        ("expm1", [np.inf, -np.inf, np.nan], [np.inf, -1, np.nan]),
        ("tanh", [np.inf, -np.inf, np.nan], [1, -1, np.nan]),
        ("erf", [np.inf, -np.inf, np.nan], [1, -1, np.nan]),
        ("cbrt", [np.inf, -8, np.nan], [np.inf, -2, np.nan]),
        ("expf", [np.inf, -np.inf, 100, -110, np.nan], [np.inf, 0, np.inf, 0, np.nan]),
        ("logf", [0, np.inf, -1, np.nan], [-np.inf, np.inf, np.nan, np.nan]),
    ],
)
def test_functions_at_their_ends(name, x, want):
    kind = "float" if name.endswith("f") and name != "erf" else "double"
    x = np.array(x, "f4" if kind == "float" else "f8")
    got = np.zeros_like(x)
    code = kernel(f"y[threadIdx.x] = {name}(x[threadIdx.x]);", f"const {kind}* x, {kind}* y")
    cuda.RawKernel(code, "k")((1,), (x.size,), (x, got))
    np.testing.assert_allclose(got, want, rtol=1e-15)


def test_vectors_move_whole():
    body = "float4 v = x[threadIdx.x]; v.y = 2 * v.x; v.w = 0; x[threadIdx.x + 32] = v;"
    code = kernel(body.replace("; ", ";\n"), "float4* x")
    report = cuda.examine(code, "k", (1,), (32,), (np.ones(256, "f4"),))
    assert report.error is None
    accesses = [(line.number, a.kind, a.requests, a.sectors) for line, a in report.accesses]
    assert accesses == [(1, "load", 1, 16), (4, "store", 1, 16)]


def test_vectors_start_as_lists_as_zeros_and_as_constants():
    code = """
__constant__ float4 ramp[2] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
struct Pair { int2 a; float4 b; };
extern "C" __global__ void k(float4* y, Pair given) {
  float4 some = {1, 2}, none = {}, all = float4();
  y[0] = ramp[threadIdx.x + 1];
  y[1] = some;
  y[2] = {none.x + all.w, given.b.y, (float)given.a.y, make_float4(0, 0, 9, 0).z};
}
"""
    fields = [("a", "i4", 2), ("gap", "i4", 2), ("b", "f4", 4)]
    pair = np.array([((5, 6), (0, 0), (1, 2, 3, 4))], fields)[0]
    y = np.full((3, 4), -1, "f4")
    cuda.RawKernel(code, "k")((1,), (1,), (y, pair))
    np.testing.assert_array_equal(y, [[5, 6, 7, 8], [1, 2, 0, 0], [0, 2, 6, 9]])


def test_name_expressions_are_lowered():
    code = "template <int B> __global__ void fill(float* x) { x[threadIdx.x] = B; }"
    program = compiler.compile_program(code, (), ("fill<256>", "fill<32>"))
    assert dict(program.names) == {
        "fill<256>": "_Z4fillILi256EEvPf",
        "fill<32>": "_Z4fillILi32EEvPf",
    }
    assert "__lab_name" not in program.ptx
    x = np.zeros(32, "f4")
    module = cuda.RawModule(code=code, name_expressions=("fill<32>",))
    module.get_function("fill<32>")((1,), (32,), (x,))
    assert (x == 32).all()


def test_instructions_of_our_headers_have_the_line_that_calls():
    ptx = compiler.compile_program(
        "\n" + kernel("\nx[0] = erff(x[1]) + __shfl_sync(~0u, x[2], 3);")
    ).ptx
    lines = {line.split()[2] for line in ptx.splitlines() if line.strip().startswith(".loc")}
    assert lines <= {"0", "2", "3"}
    assert "headers" not in ptx


def test_options_are_translated():
    code = kernel("x[0] = x[1] * x[2] + VALUE;")
    assert "fma.rn.f32" in compiler.compile_program(code, ("-DVALUE=x[3]",)).ptx
    apart = compiler.compile_program(code, ("--define-macro=VALUE=x[3]", "--fmad=false")).ptx
    assert "fma" not in apart
    flushed = compiler.compile_program(code, ("-DVALUE=x[3]", "-ftz=true", "-lineinfo")).ptx
    assert "fma.rn.ftz.f32" in flushed
    chosen = compiler.compile_program(code, ("-DVALUE=1", "-arch=compute_90", "-std=c++20")).ptx
    assert ".target sm_90" in chosen
    assert (
        str(failure(code, ("--nonsense",))) == "the option --nonsense has no counterpart in clang"
    )


# What learners get wrong, as clang says it.
MISTAKES = {
    "a misspelt function": (
        "__global__ void k(float* x) {\n  __syncthread();\n}",
        "line 2: use of undeclared identifier '__syncthread'; did you mean '__syncthreads'?\n"
        "    __syncthread();",
    ),
    "a missing semicolon": (
        "__global__ void k(float* x) {\n  int i = threadIdx.x\n  x[i] = 0;\n}",
        "line 2: expected ';' at end of declaration\n    int i = threadIdx.x",
    ),
    "a function of the host's library": (
        "__global__ void k(float* x) {\n  x[0] = rand();\n}",
        "line 2: use of undeclared identifier 'rand'\n    x[0] = rand();",
    ),
    "a function without __device__": (
        "float twice(float v) { return 2 * v; }\n"
        "__global__ void k(float* x) { x[0] = twice(x[1]); }",
        "line 2: no matching function for call to 'twice'\n"
        "    __global__ void k(float* x) { x[0] = twice(x[1]); }",
    ),
    "two mistakes": (
        "__global__ void k(float* x) {\n  x[0] = a;\n  x[1] = b;\n}",
        "line 2: use of undeclared identifier 'a' (the first of 2 errors, in lines 2 and 3)\n"
        "    x[0] = a;",
    ),
    "a kernel that returns": (
        "__global__ float k(float* x) {\n  return x[0];\n}",
        "line 1: kernel function type 'float (float *)' must have void return type\n"
        "    __global__ float k(float* x) {",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_message_of_a_mistake(name):
    code, message = MISTAKES[name]
    assert str(failure(code)) == message


@pytest.mark.parametrize("names", [(), ("k",)])
def test_a_missing_brace_is_told_by_its_partner(names):
    code = "__global__ void k(float* x) {\n  x[0] = 1;\n"
    message, quote = str(failure(code, (), names)).split("\n")
    assert message.startswith("line 1: expected '}' at the end of the source, to match this '{'")
    assert quote == "    __global__ void k(float* x) {"


def test_a_wrong_name_expression_is_named():
    assert str(failure(kernel(""), (), ("k<3>",))).startswith('name expression "k<3>": ')


def test_a_compilation_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(compiler, "SECONDS", 1.0)
    tens = "".join(f"#define X{i + 1} {f'X{i} ' * 10}\n" for i in range(9))
    bomb = "#define X0 x[0] += 1; x[1] *= x[0];\n" + tens + kernel("X9")
    with pytest.raises(CompileError, match=r"more than 1 s and was stopped|needed too much memory"):
        compiler.compile_program(bomb)
    assert ".entry k(" in compiler.compile_program(kernel("x[0] = 7;")).ptx
