"""Which compilers are installed, and where."""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import cache
from pathlib import Path

from bnlab.cuda.errors import CompilerMissing

CHOICE = "BNLAB_CUDA_COMPILER"
PACKAGES = {  # as pinned in pyproject.toml
    "clang": "ziglang==0.17.0",
    "nvrtc": "nvidia-cuda-nvrtc-cu12==12.4.127 nvidia-cuda-runtime-cu12==12.4.127",
}

# In the folder `nvidia` of site-packages: the pinned package, then those of other CUDA versions;
# and where the headers that belong to it are.
_NVRTC = (
    ("cuda_nvrtc", "lib/libnvrtc.so.*", ("cuda_runtime/include",)),
    ("cuda_nvrtc", "bin/nvrtc64_*.dll", ("cuda_runtime/include",)),
    ("cu13", "lib/libnvrtc.so.*", ("cu13/include", "cu13/include/cccl")),
    ("cu13", "bin/x86_64/nvrtc64_*.dll", ("cu13/include", "cu13/include/cccl")),
)


def setups() -> list[dict]:
    """What could compile here, best first: for each the first request to a worker.

    The environment variable BNLAB_CUDA_COMPILER, "nvrtc" or "clang", leaves only that one.

    Raises:
        CompilerMissing: nothing is installed.
    """
    return _setups(os.environ.get(CHOICE, ""))


@cache  # of what was found: after an error, a compiler that was installed since is found
def _setups(wanted: str) -> list[dict]:
    if wanted not in ("", "nvrtc", "clang"):
        raise CompilerMissing(f'{CHOICE} is {wanted!r}; it can be "nvrtc" or "clang"')
    found = (nvrtc() if wanted != "clang" else []) + (clang() if wanted != "nvrtc" else [])
    if not found:
        raise missing()
    return found


def missing(why: str = "none is installed") -> CompilerMissing:
    """The error for a machine where nothing compiles.

    Args:
        why: what went wrong with the compiler that is there.
    """
    wanted = os.environ.get(CHOICE) or ("clang" if sys.platform == "darwin" else "nvrtc")
    return CompilerMissing(
        f"The CUDA lab has no compiler for kernels ({why}); "
        f"install it with: python -m pip install {PACKAGES[wanted]}"
    )


def nvrtc() -> list[dict]:
    """A setup for each NVRTC that is installed."""
    return [
        {
            "compiler": "nvrtc",
            "program": str(library),
            "folders": [str(root / folder) for folder in folders],
        }
        for root in _package("nvidia")
        for name, pattern, folders in _NVRTC
        for library in sorted((root / name).glob(pattern))
        if "builtins" not in library.name and ".alt" not in library.name
    ]


def clang() -> list[dict]:
    """A setup for the clang in ziglang, if it is installed."""
    program = "zig.exe" if sys.platform == "win32" else "zig"
    return [
        {"compiler": "clang", "program": str(root / program)}
        for root in _package("ziglang")
        if (root / program).is_file()
    ]


def _package(name: str) -> list[Path]:
    """The folders of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
