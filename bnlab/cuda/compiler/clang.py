"""clang in CUDA mode, from the ziglang package: where there is no NVRTC (macOS).

What NVRTC knows without a header, clang finds in ours (`headers/clang`). The whole of the compiler's
file system is `headers/overlay.json`, the source comes through a pipe and the PTX goes back through
one: no path in a source leads to a file of the disk.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nvrtc import Refused  # this process has no packages

OVERLAY = Path(__file__).parent / "headers" / "overlay.json"

_FLAGS = (
    *("-triple", "nvptx64-nvidia-cuda", "-aux-triple", "x86_64-unknown-linux-gnu"),
    *("-x", "cuda", "-fcuda-is-device", "-O2", "-S", "-o", "-"),
    *("-target-feature", "+ptx84", "-fno-jump-tables", "-ferror-limit", "50"),
    *("-mllvm", "-disable-vector-combine"),  # it moves the load of a float4 to the lines of its use
    # As NVRTC, keep what C++ lets a compiler leave out: endless loops and null pointers.
    *("-fno-finite-loops", "-fno-delete-null-pointer-checks"),
    *("-debug-info-kind=line-directives-only", "-dwarf-version=2", "-fno-dwarf-directory-asm"),
    *("-fdebug-compilation-dir=/", "-main-file-name", "kernel.cu"),
    *("-nostdsysteminc", "-nobuiltininc", "-ivfsoverlay", str(OVERLAY)),
    *("-internal-isystem", "/include", "-include", "lab/shim.h"),
)
# NVRTC's options -> ours, where {} is the value; () where nothing that the lab shows depends on it.
_OPTIONS = {
    "D": ("-D{}",),
    "define-macro": ("-D{}",),
    "U": ("-U{}",),
    "undefine-macro": ("-U{}",),
    "std": ("-std={}",),
    "gpu-architecture": ("-target-cpu", "{}"),
    "arch": ("-target-cpu", "{}"),
    "use_fast_math": ("-fdenormal-fp-math-f32=preserve-sign",),
    "ftz": ("-fdenormal-fp-math-f32={}",),
    "fmad": ("-ffp-contract={}",),
    **dict.fromkeys(("I", "include-path", "lineinfo", "generate-line-info"), ()),
    **dict.fromkeys(("maxrregcount", "prec-div", "prec-sqrt", "device-int128", "w"), ()),
}
_VALUES = {
    ("ftz", "true"): "preserve-sign",
    ("ftz", "false"): "ieee",
    ("fmad", "true"): "fast",
    ("fmad", "false"): "off",
}
# A variable that holds a kernel's address makes clang compile it, and tells its lowered name.
_KEEP = "__attribute__((used)) __device__ void* const __lab_name_{} = (void*)&{};"
_KEPT = re.compile(r"^\.\w+ \.align 8 \.u64 _ZL\d+__lab_name_(\d+) = (\w+);\n", re.M)
_DECLARED = re.compile(r"^\.(?:visible|weak) \.entry \w+\n\([^()]*\)\n;\n", re.M)


class Clang:
    """One clang program.

    Args:
        program: path of zig.

    Raises:
        OSError: it does not run.
    """

    def __init__(self, program: str):
        self.program = program
        version = self._run("--version").stdout
        found = re.search(r"clang version (\d+)", version)
        if not found:
            raise OSError(f"{program} is no clang: {version[:200]!r}")
        self.version = found[1]

    def name(self) -> str:
        """ "clang 22", say."""
        return f"clang {self.version}"

    def compile(
        self, code: str, options: Sequence[str], names: Sequence[str]
    ) -> tuple[str, str, dict[str, str]]:
        """As `nvrtc.Nvrtc.compile`, with NVRTC's options."""
        flags = ["-ffp-contract=fast", *(flag for each in options for flag in _flags(each))]
        lines = ['#line 1 "kernel.cu"', code]
        if names:
            lines += ['#line 1 "__nv_name_map"', *map(_KEEP.format, range(len(names)), names)]
        done = self._run("-cc1", *_FLAGS, *flags, "-", source="\n".join(lines))
        if done.returncode:
            # A negative number is a signal, a large one Windows' or a shell's word for it.
            raise Refused(done.stderr.strip() or f"clang stopped with status {done.returncode}")
        lowered = {names[int(number)]: kernel for number, kernel in _KEPT.findall(done.stdout)}
        return _DECLARED.sub("", _KEPT.sub("", done.stdout)), done.stderr.strip(), lowered

    def _run(self, *arguments: str, source: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, "clang", *arguments],
            input=source,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )


def _flags(option: str) -> list[str]:
    """clang's flags for one of NVRTC's options.

    Raises:
        Refused: there are none.
    """
    short = re.fullmatch(r"-([DUI]) ?(.*)", option)
    name, _, value = (short.expand(r"\1=\2") if short else option.lstrip("-")).partition("=")
    if name not in _OPTIONS:
        raise Refused(f"the option {option} has no counterpart in clang")
    value = _VALUES.get((name, value), value).replace("compute_", "sm_")
    return [flag.format(value) for flag in _OPTIONS[name]]
