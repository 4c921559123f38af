"""A source reads no file: by the rule, and, where the rule is passed by, by the locked process."""

import sys
import time

import pytest

from bnlab.cuda import compiler
from bnlab.cuda.compiler import find, includes, process
from bnlab.cuda.errors import CompileError

MARKER = "MARKER_4711"
KERNEL = '\nextern "C" __global__ void k(float* x) { x[0] = 1; }\n'
INSTALLED = [name for name in ("nvrtc", "clang") if getattr(find, name)()]

# FILE is a readable file on the disk; NEAR is its path from the root, without the first slash.
ATTACKS = {
    "an absolute path": '#include "FILE"',
    "in angle brackets": "#include <FILE>",
    "a relative path": '#include "NEAR"',
    "out of the headers' folder": '#include "../../../../../../../../NEAR"',
    "beside an allowed header": '#include "cooperative_groups/../../../NEAR"',
    "a path with dots": '#include "./FILE"',
    "include_next": '#include_next "FILE"',
    "import": '#import "FILE"',
    "embed": 'const char text[] = {\n#embed "FILE"\n};\nconst int n = text;',
    "clang's include_macros": '#__include_macros "FILE"',
    "a splice in the word": '#inc\\\nlude "FILE"',
    "a splice after the hash": '#\\\ninclude "FILE"',
    "a splice with white space": '#inc\\ \t\nlude "FILE"',
    "a splice of a trigraph": '#inc??/\nlude "FILE"',
    "two splices in a row": '#inc\\\\\n\nlude "FILE"',
    "a splice in the path": '#include "FI\\\nLE"',
    "a comment inside": '#/* a */include "FILE"',
    "a comment over lines": '# /*\n\n*/ include /* b\n */ "FILE"',
    "a comment with an include": '# /* include <cuda_fp16.h> */ include "FILE"',
    "behind a comment": '/* a */ #include "FILE"',
    "a digraph": '%:include "FILE"',
    "a trigraph": '??=include "FILE"',
    "a carriage return": '// a\r#include "FILE"',
    "a form feed": '#\finclude "FILE"',
    "a vertical tab": '\v#\vinclude\v"FILE"',
    "a macro": '#define NAME "FILE"\n#include NAME',
    "a macro with an argument": "#define NAME(x) <x>\n#include NAME(FILE)",
    "a macro for an allowed header": "#define cuda_fp16 FILE\n#define NAME <cuda_fp16.h>\n#include NAME",
    "a pasted path": "#define STRING(x) #x\n#include STRING(FILE)",
    "after an allowed header": '#include <math.h> "FILE"\n#include "FILE"',
    "an allowed name in a comment": '#include "FILE" // <math.h>',
    "in a raw string": '#if 0\nR"(\n#endif\n#include "FILE"\n#if 0\n)"\n#endif',
    "after half a raw string": 'const char* s = R"/*(";\n#include "FILE"\n//)/*";',
    "after a quote in skipped text": '#if 0\nit\'s /*\n#endif\n#include "FILE"\n/*/ */',
    "after a number with a quote": "int n = 1'0; // '\n#include \"FILE\"",
    "a string that looks like a comment": 'const char* s = "/*";\n#include "FILE"\nconst char* t = "*/";',
    "_Pragma": '_Pragma("include_alias(\\"math.h\\", \\"FILE\\")")\n#include "math.h"',
    "a pragma that renames": '#pragma include_alias("math.h", "FILE")\n#include "math.h"',
    "asking whether it is there": '#if __has_include("FILE")\n#error THERE\n#endif',
    "asking to embed": '#if __has_embed("FILE")\n#error THERE\n#endif',
    "asking with a pasted word": "#define P(a, b) a##b\n"
    '#if P(__has_, include)("FILE")\n#error THERE\n#endif',
    "inline assembly": 'asm(".incbin \\"FILE\\"");\n#include "FILE"',
    "a null character": '#\0include "FILE"',
    "a byte order mark": '\ufeff#include "FILE"',
    "a space that is not ASCII": '#\u00a0include "FILE"',
    "a universal character name": '#i\\u006eclude "FILE"\n#include "FILE"',
}

# What the rule need not refuse, because no file is read: the compiler's own process sees to it.
UNSEEN = {
    "a comment that the rule takes to go on": '// \\\\\n\n#include "FILE"',
    "a word pasted from halves": "#define P(a, b) a##b\n"
    '#if P(__has_inc, lude)("FILE")\n#error THERE\n#endif',
    "a dependency": '#pragma GCC dependency "FILE"',
    "an assembler's file": 'asm(".incbin \\"FILE\\"");',
    "an assembler's file in a kernel": "__global__ void a() { "
    'asm volatile(".incbin \\"FILE\\";\\n.file 7 \\"FILE\\""); }',
    "a directive for the assembler": '__global__ void a() { asm("\\043inclu" "de \\"FILE\\"\\n"); }',
}


@pytest.fixture(params=INSTALLED)
def installed(request, monkeypatch):
    monkeypatch.setenv(find.CHOICE, request.param)
    return request.param


@pytest.fixture
def secret(tmp_path):
    """A file whose text no compiler can parse in silence."""
    file = tmp_path / "secret.h"
    file.write_text(f"{MARKER} {MARKER}(;\n")
    return file


def planted(attack, secret):
    return attack.replace("FILE", str(secret)).replace("NEAR", str(secret)[1:]) + KERNEL


@pytest.mark.parametrize("name", ATTACKS)
def test_the_rule_refuses(name, installed, secret):
    code = planted(ATTACKS[name], secret)
    with pytest.raises(CompileError) as caught:
        compiler.compile_program(code)
    message = str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))
    assert MARKER not in message
    assert "THERE" not in message
    assert "not possible" in message or "can only stand" in message or "control char" in message
    assert caught.value.line >= 1


@pytest.mark.parametrize("name", UNSEEN)
def test_what_the_rule_lets_pass_reads_nothing(name, installed, secret):
    try:
        program = compiler.compile_program(planted(UNSEEN[name], secret))
    except CompileError as error:
        assert MARKER not in str(error) + "".join(getattr(error, "__notes__", ()))
        assert "THERE" not in str(error)
    else:
        assert MARKER not in program.ptx + program.log


@pytest.mark.parametrize("name", [*ATTACKS, *UNSEEN])
def test_the_process_opens_no_file(name, installed, secret):
    """The same attacks, sent past the rule."""
    if installed == "nvrtc" and sys.platform == "win32":
        pytest.skip("only the rule protects on Windows")
    worker = process.worker(find.setups()[0])
    code = planted({**ATTACKS, **UNSEEN}[name], secret)
    options = ("--gpu-architecture=compute_80", "--std=c++17")
    reply = str(worker.ask({"code": code, "options": options, "names": ()}, 10))
    assert "ptx" in reply or "refused" in reply
    assert MARKER not in reply
    assert "error THERE" not in reply


@pytest.mark.skipif(not find.nvrtc() or sys.platform == "win32", reason="needs NVRTC on Unix")
def test_neither_does_the_assembler(secret, monkeypatch):
    monkeypatch.setenv(find.CHOICE, "nvrtc")
    for attack in UNSEEN.values():
        try:
            compiler.resources(planted(attack, secret))
        except CompileError as error:
            assert MARKER not in str(error)


@pytest.mark.parametrize("header", sorted(includes.ALLOWED))
def test_every_header_of_the_list_compiles(header, installed):
    worker = process.worker(find.setups()[0])
    if header not in worker.hello["headers"]:
        assert installed == "clang"
        with pytest.raises(CompileError, match=f"<{header}> is not there for this compiler"):
            compiler.compile_program(f"#include <{header}>{KERNEL}")
        return
    for line in (f"#include <{header}>", f'  #  include "{header}"  // why'):
        assert ".entry k(" in compiler.compile_program(line + KERNEL).ptx


def test_headers_of_habit_give_what_they_should(installed):
    code = """
#include <cuda_runtime.h>
#include <cassert>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstdio>
extern "C" __global__ void k(float* x, int32_t n) {
  assert(n > 0);
  static_assert(sizeof(uint8_t) == 1 && sizeof(int64_t) == 8 && UINT32_MAX == UINT_MAX, "");
  float most = -INFINITY;
  for (size_t i = 0; i < n; ++i) most = fmaxf(most, x[i] == FLT_MAX ? NAN : x[i] * (float)M_PI);
  printf("%f", x[0] = most);
}
"""
    program = compiler.compile_program(code)
    assert program.log == ""
    assert "__assertfail" in program.ptx
    assert "vprintf" in program.ptx


def test_a_comment_may_mention_an_include(installed):
    code = '// #include "mine.h"\n/* #include <x>\n   import this */' + KERNEL
    assert ".entry k(" in compiler.compile_program(code).ptx


def test_the_refusal_reads_well(installed):
    with pytest.raises(CompileError) as caught:
        compiler.compile_program("\n#include <iostream>" + KERNEL)
    start, end = str(caught.value).split(" A kernel can include ")
    assert start == "line 2: #include of 'iostream' is not possible here."
    assert "<cuda_fp16.h>" in end
    assert end.endswith(
        "; printf, assert and the math functions need no header.\n    #include <iostream>"
    )


@pytest.mark.parametrize("line", ['#line 7 "other.cu"', "# 7", "%:line 7", "#/* */line 7"])
def test_lines_are_not_renumbered(line, installed):
    with pytest.raises(CompileError, match="line 2: #line is not possible here"):
        compiler.compile_program("\n" + line + KERNEL)


def test_sources_have_a_limit(installed):
    short = KERNEL + "/" * (includes.SOURCE_LIMIT - len(KERNEL))
    assert ".entry k(" in compiler.compile_program(short).ptx
    with pytest.raises(CompileError, match="the source has 65537 bytes; the lab compiles up to"):
        compiler.compile_program(short + "/")


def test_characters_that_are_no_text_are_refused(installed):
    with pytest.raises(CompileError, match="not valid Unicode"):
        compiler.compile_program(KERNEL + "// \ud800")


@pytest.mark.parametrize(
    "piece", ['R"(', 'R"a(', "/*", "#/*", "'", '"', "\\\n", "??/\n", "#", "1'"]
)
def test_the_scan_is_linear(piece):
    code = piece * (includes.SOURCE_LIMIT // len(piece))
    start = time.perf_counter()
    includes.checked(code)
    assert time.perf_counter() - start < 2  # a quadratic scan takes minutes
