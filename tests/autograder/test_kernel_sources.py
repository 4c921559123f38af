"""Any source gets a verdict: what is no kernel, does not compile, never ends or means harm."""

import pytest

from autograder import check
from autograder.kernels import LONGEST_SOURCE, edited
from autograder.source import written_exercises
from autograder.specs.ex3_1.answers import RIGHT
from autograder.specs.ex3_2.answers import BROKEN
from bnlab.cuda import CompilerMissing

BODY = RIGHT[RIGHT.index("    int total") : RIGHT.rindex("}")]
EMPTY = edited(RIGHT, (BODY, ""))


def body(text, before=""):
    return before + edited(RIGHT, (BODY, text + "\n"))


NO_SOURCE = {
    "None": (None, "`eval_source` is None, not a text."),
    "a number": (3, "`eval_source` is int, not a text."),
    "bytes": (RIGHT.encode(), "`eval_source` is bytes, not a text."),
    "a function": (lambda x: x, 'Assign the kernel\'s source to it, eval_source = r"""…"""'),
    "nothing": ("", "`eval_source` is empty."),
    "spaces": (" \n", "`eval_source` is empty."),
    "no kernel": ("int x;", "has no kernel `bn_eval`. Keep the signature"),
    "a kernel in a comment": ("// bn_eval(x)", "has no kernel `bn_eval`."),
    "too long": (RIGHT + "//" + LONGEST_SOURCE * "x", "40,000 are the most"),
    "NUL": (RIGHT + "\0", "characters that no compiler reads"),
    "half a surrogate pair": (RIGHT + "// \ud800", "characters that no compiler reads"),
    "empty": (EMPTY, "Not written yet: `eval_source` is still what was given."),
    "the stub": (body("    // WRITE YOUR CODE HERE"), "Not written yet"),
    "a comment only": (body("    /* int i = \n 0; */ // y[i] = 0;"), "Not written yet"),
}
REFUSED = {
    "a typing error": (
        edited(RIGHT, ("sqrtf", "sqrft")),
        'It does not compile: identifier "sqrft" is undefined.',
        "line 11: float inv_std = 1.0f / sqrft(var[c] + eps);",
    ),
    "a file of the machine": ('#include "/etc/passwd"\n' + RIGHT, "'/etc/passwd' is not", "line 1"),
    "a file by a macro": ('#define X "/etc/passwd"\n#include X\n' + RIGHT, "spelled out", "line 2"),
    "templates without end": (
        body("y[0] = T<0>::f();", "template <int A> struct T { static __device__ int f() "
             "{ return T<2 * A>::f() + T<2 * A + 1>::f(); } };\n"),
        "It does not compile",
        "",
    ),
    "a host function": (RIGHT + "int main() { return 0; }", "Write __device__", "line 15"),
    'no extern "C"': (edited(RIGHT, ('extern "C" ', "")), 'Write extern "C" __global__', ""),
    "no kernel of that name": (edited(RIGHT, ("__global__", "__device__")), "there is no kernel", ""),
    "an argument less": (edited(RIGHT, (", float eps", ""), (" + eps", "")), "takes 9 arg", ""),
    "eps as int": (edited(RIGHT, ("float eps", "int eps")), "(`eps`) is float32", ""),
    "recursion": (
        body("y[0] = f(N);", "__device__ int f(int n) { return n < 1 ? 1 : f(n - 1) + f(n / 2); }"),
        "recursion is not supported",
        "line 1",
    ),
}  # fmt: skip
STOPPED = {
    "an endless loop": (body("while (true) y[0] += 1.0f;"), "an endless loop?", "line 7"),
    "silent": (body("volatile int k = 0; while (k == 0) { }"), "an endless loop?", "line 7"),
    "a long loop": (
        body("float s = x[0]; for (int k = 0; k < 100000000; ++k) s = sinf(s); y[0] = s;"),
        "an endless loop?",
        "line 7",
    ),
    "a flood of text": (
        body('for (int k = 0; k < 1000000; ++k) printf("%d", k);'), "printed more than", ""
    ),
    "large arrays": (
        body("big[threadIdx.x] = 1; y[0] = big[N];", "__device__ float big[1 << 28];\n"),
        "more memory",
        "",
    ),
    "large arrays of a thread": (
        body("float big[1 << 26]; for (int k = 0; k < N; ++k) big[k * C] = x[k]; y[0] = big[HW];"),
        "bytes for its own arrays",
        "",
    ),
    "large shared arrays": (
        body("__shared__ float s[1 << 26]; s[threadIdx.x] = 1; y[0] = s[N];"),
        "bytes of __shared__ arrays",
        "",
    ),
    "a trap": (body("__trap();"), "executes a trap", "line 7"),
    "no array": (body("*(volatile float*)8 = 1.0f;"), "in no array", "line 7"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SOURCE)
def test_what_is_no_source_is_said(name):
    answer, says = NO_SOURCE[name]
    verdict = check("3.1", answer)
    assert verdict.passed == 0 and verdict.mistakes == () and says in str(verdict)


@pytest.mark.parametrize("name", [*REFUSED, *STOPPED])
def test_a_source_that_cannot_run_or_never_ends(name):
    source, says, line = (REFUSED | STOPPED)[name]
    verdict = check("3.1", source)
    text = str(verdict)
    assert verdict.passed == 0 and verdict.mistakes == ()
    assert says in text and (not line or f"Where:    {line}" in text)
    assert "Traceback" not in text and "root:" not in text


def test_without_a_compiler_there_is_no_verdict(monkeypatch):
    """A verdict would say that the answer is wrong, and cost a class its marks."""

    def missing(code):
        raise CompilerMissing("install it")

    monkeypatch.setattr("autograder.kernels.compile_program", missing)
    with pytest.raises(CompilerMissing, match="install it"):
        check("3.1", RIGHT)


def test_the_stubs_are_not_written_yet():
    for id in ("3.1", "3.2"):
        scope = {}
        exec(written_exercises()[id].stub, scope)
        (source,) = (value for name, value in scope.items() if name.endswith("_source"))
        verdict = check(id, source)
        assert verdict.passed == 0 and "Not written yet" in str(verdict)


def test_a_kernel_to_repair_is_not_written_until_its_code_changes():
    assert "Not written yet" in str(check("3.2", "// looked at\n" + BROKEN.replace("    ", "\t")))
    first = check("3.2", edited(BROKEN, ("sum += x[", "if (i < m) sum += x[")))
    assert first.mistakes == ("the race is left",)
