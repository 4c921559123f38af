"""From a compiler's log to an error with a line."""

from __future__ import annotations

import re
from itertools import takewhile

from bnlab.cuda.errors import CompileError

# NVRTC: kernel.cu(7): error: ...    clang: kernel.cu:7:5: error: ...
# Both check name expressions after the source, in a file of their own.
_ERROR = re.compile(
    r"^(?:kernel\.cu(?:\((?P<nvrtc>\d+)\)|:(?P<clang>\d+):\d+)|At end of source"
    r"|(?P<name>__nv_name_map)(?:\(\d+\)|:\d+:\d+)): (?:catastrophic |fatal )?error: ",
    re.M,
)
# A brace that is missing has no line of its own, but its partner has, in a note.
_PARTNER = re.compile(
    r"^kernel\.cu(?:\((\d+)\)|:(\d+):\d+): note[^:]*: (to match this ['\"].['\"])", re.M
)
_NAME = re.compile(r'(?:Input name expression was: "|\(void\*\)&)([^"\n]*)(?:"|;$)', re.M)
# NVRTC recommends an option here; a learner wants a function for the GPU, or none.
_OPTION = re.compile(r"Consider using -default-device flag .*")
SENTENCE_LIMIT = 600  # characters; the error of a template can fill pages
LOG_LIMIT = 4000


def compile_error(code: str, log: str) -> CompileError:
    """The first error of a compiler's log, which reads

        line 5: identifier "__syncthread" is undefined
            __syncthread();

    Where there are more, the sentence names their lines (most follow from the first), and the log
    is a note of the exception, which a traceback shows below it.

    Args:
        code: the source.
        log: what the compiler wrote.
    """
    found = list(_ERROR.finditer(log))
    if not found:
        return CompileError(_short(log, LOG_LIMIT))
    partner = _PARTNER.search(log)
    if partner:  # what else is said of the end of the source follows from the brace
        found.sort(key=lambda error: not log.startswith("expected", error.end()))
    first, lines = found[0], re.split(r"\r\n?|\n", code.rstrip())
    numbers = [int(each["nvrtc"] or each["clang"] or 0) for each in found]
    line, sentence = numbers[0], _short(_text(log[first.end() :]), SENTENCE_LIMIT)
    if partner and not 0 < line < len(lines):
        line = numbers[0] = int(partner[1] or partner[2])
        sentence += f" at the end of the source, {partner[3]}"
    elif first["name"]:
        name = _NAME.search(log)
        return CompileError(f'name expression "{name[1].strip() if name else ""}": {sentence}')
    if len(found) > 1:
        sentence += f" (the first of {len(found)} errors, in {_lines(numbers)})"
    quote = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    error = CompileError(sentence, line=line, quote=quote)
    if len(found) > 1:
        error.add_note(_short(log, LOG_LIMIT))
    return error


def _text(log: str) -> str:
    """The words of the error at the start: all before the echo of the source and its caret."""
    first, *rest = log.split("\n")
    rest = list(takewhile(lambda line: line.startswith(" "), rest))
    caret = next((i for i, line in enumerate(rest) if line.strip(" ~") == "^"), 0)
    words = "; ".join([first, *(line.strip() for line in rest[: max(caret - 1, 0)])])
    return _OPTION.sub("Write __device__ in front of it.", words)


def _lines(numbers: list[int]) -> str:
    names = [str(number) for number in sorted({n for n in numbers if n})]
    if len(names) == 1:
        return f"line {names[0]}"
    if len(names) > 6:
        names = [*names[:5], f"{len(names) - 5} more"]
    return f"lines {', '.join(names[:-1])} and {names[-1]}"


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit].rstrip() + " ..."
