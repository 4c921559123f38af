"""What compiles, what the compiler's errors look like, and what it says when it is missing."""

import pytest

from bnlab.cuda import compiler
from bnlab.cuda.compiler import find
from bnlab.cuda.errors import CompileError, CompilerMissing

pytestmark = pytest.mark.skipif(not find.nvrtc(), reason="needs NVRTC")


@pytest.fixture(autouse=True)
def with_nvrtc(monkeypatch):
    monkeypatch.setenv(find.CHOICE, "nvrtc")


SCALE = """
extern "C" __global__ void scale(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = 2.0f * x[i];
}
"""
TEMPLATE = "template <int B> __global__ void fill(float* x) { x[threadIdx.x] = B; }"
BODY = 'extern "C" __global__ void k(float* x) {{ {} }}'


def failure(code, *rest) -> CompileError:
    with pytest.raises(CompileError) as caught:
        compiler.compile_program(code, *rest)
    return caught.value


def test_ptx_names_the_kernel_and_its_lines():
    program = compiler.compile_program(SCALE)
    assert ".entry scale(" in program.ptx
    assert "\t.loc\t1 4" in program.ptx
    assert program.compiler == compiler.compiler_name()
    assert program.log == ""


def test_a_second_compilation_is_the_first():
    assert compiler.compile_program(SCALE) is compiler.compile_program(SCALE)
    assert compiler.compile_program(SCALE, ("-DN=2",)) is not compiler.compile_program(SCALE)


def test_name_expressions_are_lowered():
    names = compiler.compile_program(TEMPLATE, (), ("fill<256>", "fill<32>")).names
    assert dict(names) == {"fill<256>": "_Z4fillILi256EEvPf", "fill<32>": "_Z4fillILi32EEvPf"}


def test_options_reach_the_compiler():
    code = BODY.format("x[0] = VALUE;")
    assert "1084227584" in compiler.compile_program(code, ("-DVALUE=5.0f",)).ptx  # bits of 5.0
    assert 'identifier "VALUE" is undefined' in str(failure(code))


def test_a_chosen_target_and_standard_replace_the_defaults():
    code = BODY.format("x[0] = __cplusplus;")
    ptx = compiler.compile_program(code, ("-arch=compute_90", "-std=c++14")).ptx
    assert ".target sm_90" in ptx
    assert ".target sm_80" in compiler.compile_program(code).ptx


def test_an_unknown_option_is_named():
    assert "unrecognized option --nonsense" in str(failure(SCALE, ("--nonsense",)))


def test_warnings_are_kept():
    code = BODY.format("float unused = x[0];")
    assert '"unused" was declared but never referenced' in compiler.compile_program(code).log


def test_resources_of_each_kernel():
    code = TEMPLATE + BODY.format("__shared__ float s[64]; s[threadIdx.x] = x[0]; x[0] = s[1];")
    found = compiler.resources(code, (), ("fill<8>",))
    assert set(found) == {"k", "_Z4fillILi8EEvPf"}
    assert found["k"].shared_bytes == 256
    assert found["_Z4fillILi8EEvPf"].shared_bytes == 0
    assert all(0 < kernel.registers < 32 and kernel.spill_bytes == 0 for kernel in found.values())


def test_spilled_registers_are_seen():
    sums = "".join(f"a[{i}] += x[i * {i + 1}] * a[{(i * 7) % 64}];" for i in range(64))
    loop = f"float a[64]; for (int i = 0; i < 99; i++) {{ {sums} }} for (float v : a) x[0] += v;"
    tight = "--maxrregcount=24"
    assert compiler.resources(BODY.format(loop), (tight,))["k"].spill_bytes > 0


# What learners get wrong, and what they read then: the line, the sentence, their own text.
MISTAKES = {
    "a misspelt function": (
        "__global__ void k(float* x) {\n  __syncthread();\n}",
        'line 2: identifier "__syncthread" is undefined\n    __syncthread();',
    ),
    "a missing semicolon": (
        "__global__ void k(float* x) {\n  int i = threadIdx.x\n  x[i] = 0;\n}",
        'line 3: expected a ";"\n    x[i] = 0;',
    ),
    "an undeclared name": (
        "__global__ void k(float* x) {\n  x[0] = scale * x[1];\n}",
        'line 2: identifier "scale" is undefined\n    x[0] = scale * x[1];',
    ),
    "a function of the host's library": (
        "__global__ void k(float* x) {\n  x[0] = rand();\n}",
        'line 2: identifier "rand" is undefined\n    x[0] = rand();',
    ),
    "a function without __device__": (
        "float twice(float v) { return 2 * v; }\n"
        "__global__ void k(float* x) { x[0] = twice(x[1]); }",
        "line 1: A function without execution space annotations (__host__/__device__/__global__) "
        "is considered a host function, and host functions are not allowed in JIT mode. "
        "Write __device__ in front of it.\n    float twice(float v) { return 2 * v; }",
    ),
    "a wrong argument": (
        "__global__ void k(float* x) {\n  atomicAdd(x[0], 1.0f);\n}",
        'line 2: no instance of overloaded function "atomicAdd" matches the argument list; '
        "argument types are: (float, float)\n    atomicAdd(x[0], 1.0f);",
    ),
    "a missing brace": (
        "__global__ void k(float* x) {\n  x[0] = 1;\n",
        'line 1: expected a "}" at the end of the source, to match this "{"\n'
        "    __global__ void k(float* x) {",
    ),
    "a kernel that returns": (
        "__global__ float k(float* x) {\n  return x[0];\n}",
        "line 1: a __global__ function must have a void return type\n"
        "    __global__ float k(float* x) {",
    ),
    "two mistakes": (
        "__global__ void k(float* x) {\n  x[0] = a;\n  x[1] = b;\n}",
        'line 2: identifier "a" is undefined (the first of 2 errors, in lines 2 and 3)\n'
        "    x[0] = a;",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_message_of_a_mistake(name):
    code, message = MISTAKES[name]
    error = failure(code)
    assert str(error) == message
    assert error.kind == "CompileError"
    assert error.quote == code.split("\n")[error.line - 1].strip()


def test_further_errors_are_in_the_notes():
    error = failure(MISTAKES["two mistakes"][0])
    assert 'kernel.cu(3): error: identifier "b" is undefined' in "".join(error.__notes__)
    assert not hasattr(failure(MISTAKES["an undeclared name"][0]), "__notes__")


def test_a_wrong_name_expression_is_named():
    assert str(failure(SCALE, (), ("scale<3>",))).startswith('name expression "scale < 3 >": ')


def test_an_error_raised_twice_is_two_errors():
    code = MISTAKES["two mistakes"][0]
    first, second = failure(code), failure(code)
    assert first is not second
    assert (str(first), first.__notes__) == (str(second), second.__notes__)


def test_long_errors_are_cut():
    parameters = ", ".join(f"const float* argument_{i}" for i in range(200))
    error = failure(f"__device__ int f({parameters});\n" + BODY.format("f(x, 1);"))
    assert len(str(error)) < 1000


def test_comments_and_continued_lines_leave_lines_where_they_are():
    code = '#define TWO \\\n  2.0f\n/* a comment\n   "over lines */\n' + BODY.format("x[0] = TWO")
    error = failure(code)
    assert error.line == 5
    assert error.quote == BODY.format("x[0] = TWO")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_ending_counts_the_same(ending):
    assert failure(ending.join(["", "", BODY.format("y = 1;"), ""])).line == 3


def test_nothing_installed_says_what_to_install(monkeypatch):
    monkeypatch.delenv(find.CHOICE)
    monkeypatch.setattr(find, "_package", lambda name: [])
    monkeypatch.setattr(find, "_setups", find._setups.__wrapped__)
    monkeypatch.setattr(find.sys, "platform", "linux")
    with pytest.raises(CompilerMissing) as caught:
        compiler.compile_program(SCALE)
    assert str(caught.value) == (
        "The CUDA lab has no compiler for kernels (none is installed); install it with: "
        "python -m pip install nvidia-cuda-nvrtc-cu12==12.4.127 nvidia-cuda-runtime-cu12==12.4.127"
    )
    monkeypatch.setattr(find.sys, "platform", "darwin")
    with pytest.raises(CompilerMissing, match=r"pip install ziglang==0\.17\.0$"):
        compiler.compiler_name()


def test_a_library_that_does_not_load_is_no_mystery(monkeypatch, tmp_path):
    broken = tmp_path / "libnvrtc.so.12"
    broken.write_bytes(b"not a library")
    setup = {"compiler": "nvrtc", "program": str(broken), "folders": []}
    monkeypatch.setattr(find, "setups", lambda: [setup])
    with pytest.raises(CompilerMissing, match=r"libnvrtc\.so\.12.*pip install"):
        compiler.compiler_name()


def test_the_choice_is_checked(monkeypatch):
    monkeypatch.setenv(find.CHOICE, "gcc")
    with pytest.raises(CompilerMissing, match='is \'gcc\'; it can be "nvrtc" or "clang"'):
        compiler.compiler_name()
