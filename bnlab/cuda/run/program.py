"""A kernel ready to run: its PTX, inlined and decoded for one launch."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from bnlab.cuda.compiler import Program as Compiled
from bnlab.cuda.compiler import compile_program
from bnlab.cuda.errors import CudaError, LaunchError
from bnlab.cuda.isa import Context, decode
from bnlab.cuda.ptx import WIDTH, Body, Module, parse
from bnlab.cuda.ptx.inlining import inline
from bnlab.cuda.run.order import ranks

_MEMORY = ("ld", "ldu", "st", "atom", "red")
_ENDS = ("bra", "brx", "bar", "barrier", "ret", "exit")


@lru_cache(maxsize=64)
def _parsed(ptx: str) -> Module:
    return parse(ptx)


class Source:
    """A source that is compiled and parsed.

    Args:
        code: CUDA C++.
        options, name_expressions: as for `cupy.RawModule`.

    Raises:
        CompileError, CompilerMissing
    """

    def __init__(self, code: str, options: tuple[str, ...], name_expressions: tuple[str, ...]):
        self.code = code
        self.compiled: Compiled = compile_program(code, options, name_expressions)
        try:
            self.module = _parsed(self.compiled.ptx)
        except CudaError as error:
            error.quote = self.quote(error.line)
            raise

    def kernel(self, name: str) -> Body:
        """A kernel without calls.

        Raises:
            LaunchError: there is none of this name; the message lists those there are.
            Unsupported: it calls what cannot be inlined.
        """
        lowered = self.compiled.names.get(name, name)
        if lowered not in self.module.kernels:
            known = ", ".join(sorted(self.module.kernels)) or "none"
            mangled = any(k.startswith("_Z") for k in self.module.kernels)
            advice = (
                ' Write extern "C" __global__ before it, or name it in name_expressions.'
                if mangled
                else ""
            )
            if "template" in self.code and not self.module.kernels:
                advice = " Of a template, only the instances in name_expressions are compiled."
            raise LaunchError(
                f"there is no kernel {name!r} in this source; it has {known}.{advice}"
            )
        try:
            return inline(self.module.kernels[lowered], self.module)
        except CudaError as error:
            error.quote = self.quote(error.line)
            raise

    def quote(self, line: int) -> str:
        """A line of the source, stripped; "" if there is no such line."""
        lines = self.code.split("\n")
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""


class Program:
    """A kernel decoded for one launch.

    Attributes:
        code: its instructions; `functions`: what executes each of them.
        leaders: program counters where a basic block starts.
        rank: of each program counter, in the order in which groups of lanes run.
        granule: bytes of the smallest access: what the race detector judges by.
        fenced: whether it uses `__threadfence`.
        volatile: program counters of volatile and acquiring loads.
    """

    def __init__(self, kernel: Body, context: Context, source: Source):
        self.code, self._source = kernel.code, source
        try:
            self.functions: list[Callable] = [
                decode(context, instruction, pc) for pc, instruction in enumerate(kernel.code)
            ]
        except CudaError as error:
            error.quote = self.quote(error.line)
            raise
        self.leaders = {0} | set(kernel.labels.values())
        self.leaders |= {pc + 1 for pc, i in enumerate(kernel.code) if i.name in _ENDS}
        self.rank = ranks(self.code, self.leaders)
        widths = [WIDTH[i.parts[-1]] for i in kernel.code if i.name in _MEMORY]
        self.granule = min([4, *widths])
        self.fenced = any(i.name in ("membar", "fence") for i in kernel.code)
        self.volatile = {
            pc
            for pc, i in enumerate(kernel.code)
            if {"volatile", "relaxed", "acquire"} & set(i.parts)
        }

    def quote(self, line: int) -> str:
        return self._source.quote(line)
