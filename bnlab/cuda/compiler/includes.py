"""What a source may include: a list of headers, nothing from the disk.

Kernels that are graded come from strangers, and a compiler quotes what it cannot parse: a source
that includes a file can read it. The rule does not guess how a compiler splits a text into tokens.
It compiles what it has scanned: continued lines are joined and comments are blanked in the text
that goes to the compiler. In that text the word `include` may only stand in the plain form
`#include <header>`, with a header of the list; strings and skipped `#if` blocks are no exception.
The compiler's process is locked in as well (see `worker`), so the rule is there for its sentence.
"""

from __future__ import annotations

import re
from collections.abc import Set

from bnlab.cuda.compiler.headers import ALLOWED, TOOLKIT
from bnlab.cuda.errors import CompileError

SOURCE_LIMIT = 64 * 1024  # bytes

# Strings and raw strings are matched so that "//" inside them is no comment; an unclosed one ends
# with its line or the text, which also keeps the scan linear.
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?:u8|[uUL])?R"(?P<end>[^()\\\s]{0,16})\(.*?(?:\)(?P=end)"|\Z)
    |"(?:\\.|[^"\\\n])*"?
    |[0-9](?:'?\w)*|\w+
    |'(?:\\.|[^'\\\n])*'?
    |.""",
    re.S | re.X,
)
_HASH = r"(?:\#|%:|\?\?=)"
_WORD = re.compile(r"\w*include\w*|" + _HASH + r"\s*(?:import|embed)\b|\b__has_embed\b")
_PLAIN = re.compile(r"[ \t]*\#[ \t]*include[ \t]*(?:<([^<>\"\n]*)>|\"([^<>\"\n]*)\")")
_LINE = re.compile(r"^[^\S\n]*" + _HASH + r"[^\S\n]*(?:line\b|[0-9])", re.M)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def checked(code: str, available: Set[str] = ALLOWED) -> str:
    """The text to compile for a source: the same lines, without comments, and reading no file.

    Args:
        available: the headers that this compiler has.

    Raises:
        CompileError: the source is too long, holds control characters, asks for a file that is
            not on the list, or renumbers its lines.
    """
    code = re.sub(r"\r\n?", "\n", code).translate({0x0B: " ", 0x0C: " "})
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        raise CompileError("the source holds characters that are not valid Unicode") from None
    if size > SOURCE_LIMIT:
        raise CompileError(
            f"the source has {size} bytes; the lab compiles up to {SOURCE_LIMIT}: leave out "
            "what this kernel does not use"
        )
    if found := _CONTROL.search(code):
        raise _refused(code, code, found.start(), f"control character {found[0]!r} in the source")

    text = _TOKEN.sub(_blank_comment, _joined(code))
    for found in _WORD.finditer(text):
        start = text.rfind("\n", 0, found.start()) + 1
        plain = _PLAIN.match(text, start)
        header = plain and (plain[1] or plain[2])
        if not plain or not plain.start() <= found.start() < plain.end() or header not in available:
            raise _refused(code, text, found.start(), _sentence(found[0], header, available))
    if found := _LINE.search(text):
        why = "#line is not possible here: reports and messages count the lines as they stand"
        raise _refused(code, text, found.end() - 1, why)
    return text


def _joined(code: str) -> str:
    """Continued lines as one, and the breaks after it, so that later lines keep their numbers."""
    whole: list[str] = []
    current, owed = "", 0
    for line in code.split("\n"):
        current += line
        # White space after the backslash: compilers differ on whether the line goes on.
        bare = current.rstrip()
        mark = next((mark for mark in ("\\", "??/") if bare.endswith(mark)), "")
        if mark:
            current, owed = bare.removesuffix(mark), owed + 1
        else:
            whole += [current, *[""] * owed]
            current, owed = "", 0
    return "\n".join([*whole, current.rstrip("\\?/")] if owed else whole)


def _blank_comment(token: re.Match) -> str:
    if token["comment"] is None:
        return token[0]
    return re.sub(r"[^\n]", " ", token[0])


def _sentence(word: str, header: str | None, available: Set[str]) -> str:
    names = ", ".join(f"<{name}>" for name in TOOLKIT if name in available and "/" not in name)
    can = f"A kernel can include {names}; printf, assert and the math functions need no header."
    if header in TOOLKIT:
        return f"<{header}> is not there for this compiler. {can}"
    if header is not None:
        return f"#include of {header!r} is not possible here. {can}"
    if word == "include":
        return f"'include' can only stand as #include <header>, with the name spelled out. {can}"
    return f"{word!r} is not possible here. {can}"


def _refused(code: str, text: str, position: int, sentence: str) -> CompileError:
    line = text.count("\n", 0, position) + 1
    return CompileError(sentence, line=line, quote=code.split("\n")[line - 1].strip())
