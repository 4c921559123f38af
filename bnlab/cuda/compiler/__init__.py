"""From CUDA C++ to PTX, the assembly language of NVIDIA's GPUs.

The path of a source: `includes` scans it, `find` knows which compilers are installed, `process`
keeps one of them running in a process of its own, `worker` with `nvrtc` or `clang`, and `messages`
turns the compiler's log into an error with its line.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from bnlab.cuda.compiler import find, includes, messages, process
from bnlab.cuda.errors import CompileError
from bnlab.cuda.report import Resources

SECONDS = 10.0  # for one compilation

_ALWAYS = ("--gpu-architecture=compute_80", "--std=c++17", "-lineinfo")
_RESOURCES = re.compile(
    r"Compiling entry function '(?P<name>\w+)'"
    r".*?(?P<spill>\d+) bytes spill stores"
    r".*?Used (?P<registers>\d+) registers(?P<rest>[^\n]*)",
    re.S,
)


@dataclass(frozen=True)
class Program:
    """A compiled source.

    Attributes:
        ptx: its PTX.
        names: every name expression and its lowered name.
        compiler: "NVRTC 12.4" or "clang 22".
        log: warnings of the compiler.
    """

    ptx: str
    names: Mapping[str, str]
    compiler: str
    log: str


def compile_program(
    code: str, options: tuple[str, ...] = (), name_expressions: tuple[str, ...] = ()
) -> Program:
    """Compiles CUDA C++ to PTX with line numbers; what was compiled before is remembered.

    Args:
        code: the source; it may come from a stranger.
        options: NVRTC's options, such as "-DBLOCK=256"; trusted.
        name_expressions: instances of templates, such as "scale<256>"; trusted.

    Raises:
        CompileError: the source does not compile, takes too long, or is refused (`includes`).
        CompilerMissing: no compiler is installed.
    """
    return _program(code, tuple(options), tuple(name_expressions))


def resources(
    code: str, options: tuple[str, ...] = (), name_expressions: tuple[str, ...] = ()
) -> dict[str, Resources]:
    """Registers, shared memory and spills of each kernel on compute capability 8.0.

    Args and errors are those of `compile_program`; another `--gpu-architecture` can be given.

    Returns:
        Lowered name of a kernel -> what it needs; empty with clang, which has no assembler.
    """
    if not compiler_name().startswith("NVRTC"):
        return {}
    options = ("--ptxas-options=-v", *options)
    if not _given("--gpu-architecture", options):
        options = ("--gpu-architecture=sm_80", *options)
    log = _program(code, options, tuple(name_expressions)).log
    return {
        found["name"]: Resources(
            registers=int(found["registers"]),
            shared_bytes=int((re.search(r"(\d+) bytes smem", found["rest"]) or (0, 0))[1]),
            spill_bytes=int(found["spill"]),
        )
        for found in _RESOURCES.finditer(log)
    }


def compiler_name() -> str:
    """Which compiler is used: "NVRTC 12.4", say.

    Raises:
        CompilerMissing: no compiler is installed; the sentence says what to install.
    """
    return _worker().hello["name"]


def _worker() -> process.Worker:
    """The running worker of the best compiler that works here."""
    why = ""
    for setup in find.setups():
        try:
            worker = process.worker(setup)
        except process.Stopped:
            why = f"{setup['program']} crashes"
            continue
        if "name" in worker.hello:
            return worker
        why = next(iter(worker.hello.values()))
    raise find.missing(why)


def _program(code: str, options: tuple[str, ...], names: tuple[str, ...]) -> Program:
    outcome = _outcome(compiler_name(), code, options, names)
    if isinstance(outcome, Program):
        return outcome
    # A new one each time: an error that was raised keeps the frames it went through alive.
    error = CompileError(outcome.sentence, line=outcome.line, quote=outcome.quote)
    for note in getattr(outcome, "__notes__", ()):
        error.add_note(note)
    raise error


@lru_cache(maxsize=128)
def _outcome(
    compiler: str, code: str, options: tuple[str, ...], names: tuple[str, ...]
) -> Program | CompileError:
    """What compiling gives. Errors are remembered too: a grader meets the same one many times."""
    try:
        text = includes.checked(code, frozenset(_worker().hello["headers"]))
    except CompileError as refused:
        return refused.with_traceback(None)
    always = [o for o in _ALWAYS if not _given(o, options)]
    request = {"code": text, "options": [*always, *options], "names": names}
    try:
        reply = _reply(request)
    except process.Stopped as stopped:
        return CompileError(
            f"compiling took more than {SECONDS:g} s and was stopped: does a template, constexpr "
            "or macro never end?"
            if stopped.timed_out
            else "the compiler gave up on this source (it crashed, or needed too much memory): "
            "is something nested very deeply, or very large?"
        )
    if "refused" in reply:
        return messages.compile_error(code, reply["refused"])
    if "slip" in reply:
        raise RuntimeError(reply["slip"])
    return Program(reply["ptx"], MappingProxyType(reply["names"]), compiler, reply["log"])


def _reply(request: dict) -> dict:
    while True:
        with contextlib.suppress(process.Gone):
            return _worker().ask(request, SECONDS)


def _given(option: str, options: tuple[str, ...]) -> bool:
    """Whether the caller chose this option's value; NVRTC takes each only once."""
    name = option.strip("-").split("=")[0]
    short = {"gpu-architecture": "arch"}.get(name, name)
    return any(o.strip("-").split("=")[0] in (name, short) for o in options)
