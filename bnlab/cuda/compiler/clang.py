"""clang in CUDA mode, from the ziglang package: where there is no NVRTC (macOS)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nvrtc import Refused  # in the compiler's process, which has no packages


class Clang:
    """One clang program."""

    def __init__(self, program: str, headers: Mapping[str, str]):
        raise OSError("clang is not supported yet")

    def name(self) -> str:
        """ "clang 22", say."""
        return "clang"

    def compile(self, code: str, options: Sequence[str], names: Sequence[str]):
        """As `nvrtc.Nvrtc.compile`."""
        raise Refused("")
