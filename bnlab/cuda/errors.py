"""What can go wrong with a kernel, and how it is said."""

from __future__ import annotations


class CudaError(Exception):
    """A kernel, or its launch, is wrong.

    Attributes:
        line: line of the source, from 1; 0 where there is none.
        quote: that line's text, stripped.
        kind: what happened, without names and numbers ("out of bounds: load of global memory"):
            two kernels with the same slip have the same kind.
    """

    def __init__(self, message: str, *, line: int = 0, quote: str = "", kind: str = ""):
        super().__init__(message)
        self.line, self.quote, self.kind = line, quote, kind or type(self).__name__

    def __str__(self) -> str:
        message = super().__str__()
        if not self.line:
            return message
        return f"line {self.line}: {message}" + (f"\n    {self.quote}" if self.quote else "")

    @property
    def sentence(self) -> str:
        """The message without the line and its text."""
        return super().__str__()


class CompilerMissing(CudaError):
    """No compiler is installed; the message says what to install."""


class CompileError(CudaError):
    """The source does not compile; the message is the compiler's own."""


class LaunchError(CudaError):
    """The launch does not fit the kernel: name, arguments, grid, block or shared memory."""


class OutOfBounds(CudaError):
    """An access outside an array."""


class Misaligned(CudaError):
    """A vector access at an address that is no multiple of its size."""


class BarrierDivergence(CudaError):
    """Threads wait at a barrier, or in a warp function, for others that never come."""


class Undefined(CudaError):
    """Something that CUDA leaves undefined, such as a shuffle from a lane that takes no part."""


class LimitReached(CudaError):
    """Too many instructions, too long, or too much memory: an endless loop?"""


class Unsupported(CudaError):
    """The lab does not know this instruction; it stops rather than guess."""


class RaceWarning(UserWarning):
    """A launch had a race; its result depends on which thread came first."""
