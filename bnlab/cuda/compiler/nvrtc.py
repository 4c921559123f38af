"""NVRTC, NVIDIA's runtime compiler, through ctypes: CUDA C++ to PTX without a driver or a GPU.

Standard library only and no import of bnlab: the compiler's process loads this file alone.
Source: NVIDIA, "NVRTC" (CUDA Toolkit documentation), the C interface in nvrtc.h.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path


class Refused(Exception):
    """NVRTC does not compile the source; the text is its log."""


class Nvrtc:
    """One loaded NVRTC library.

    Args:
        library: path of libnvrtc.so.* or nvrtc64_*.dll.
        headers: what `#include` finds, name to text; nothing else is needed on disk.
    """

    def __init__(self, library: str | Path, headers: Mapping[str, str]):
        library = Path(library)
        # The loader does not look beside libnvrtc for the built-in functions, so they come first.
        for beside in sorted(library.parent.glob("*nvrtc-builtins*")):
            if ".alt" not in beside.name:
                ctypes.CDLL(str(beside), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(library))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
        self.names = _strings(headers)
        self.texts = _strings(headers.values())

    def name(self) -> str:
        """ "NVRTC 12.4", say."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._check(self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        return f"NVRTC {major.value}.{minor.value}"

    def compile(
        self, code: str, options: Sequence[str], names: Sequence[str]
    ) -> tuple[str, str, dict[str, str]]:
        """Compiles a source.

        Args:
            code: CUDA C++; messages call it kernel.cu.
            options: NVRTC's options.
            names: name expressions, such as "scale<256>".

        Returns:
            The PTX, the log, and the lowered name of each name expression.

        Raises:
            Refused: the source, a name or an option is wrong.
        """
        call = self.library
        program = ctypes.c_void_p()
        self._check(
            call.nvrtcCreateProgram(
                ctypes.byref(program),
                code.encode(),
                b"kernel.cu",
                len(self.names),
                self.texts,
                self.names,
            )
        )
        try:
            for name in names:
                self._check(call.nvrtcAddNameExpression(program, name.encode()))
            status = call.nvrtcCompileProgram(program, len(options), _strings(options))
            log = self._text(program, "ProgramLog").strip()
            if status:
                raise Refused(log or self._reason(status))
            lowered = {}
            for name in names:
                found = ctypes.c_char_p()
                self._check(call.nvrtcGetLoweredName(program, name.encode(), ctypes.byref(found)))
                lowered[name] = (found.value or b"").decode()
            return self._text(program, "PTX"), log, lowered
        finally:
            call.nvrtcDestroyProgram(ctypes.byref(program))

    def _text(self, program: ctypes.c_void_p, what: str) -> str:
        size = ctypes.c_size_t()
        self._check(getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        self._check(getattr(self.library, f"nvrtcGet{what}")(program, buffer))
        return buffer.value.decode(errors="replace")

    def _check(self, status: int) -> None:
        if status:
            raise Refused(self._reason(status))

    def _reason(self, status: int) -> str:
        return self.library.nvrtcGetErrorString(status).decode()


def _strings(texts: Sequence[str]) -> ctypes.Array:
    encoded = [text.encode() for text in texts]
    return (ctypes.c_char_p * len(encoded))(*encoded)
