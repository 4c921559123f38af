"""From CUDA C++ to PTX, the assembly language of NVIDIA's GPUs."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bnlab.cuda.compiler.nvrtc import Nvrtc, Refused
from bnlab.cuda.errors import CompileError


@dataclass(frozen=True)
class Program:
    """A compiled source.

    Attributes:
        ptx: its PTX.
        names: lowered name of every name expression.
        compiler: "NVRTC 12.4" or "clang 22".
        log: warnings.
    """

    ptx: str
    names: Mapping[str, str]
    compiler: str
    log: str


@lru_cache(maxsize=1)
def _nvrtc() -> Nvrtc:
    folder = Path(sysconfig.get_paths()["purelib"]) / "nvidia"
    return Nvrtc(next((folder / "cuda_nvrtc" / "lib").glob("libnvrtc.so.*")), {})


def compiler_name() -> str:
    return f"NVRTC {_nvrtc().version()}"


@lru_cache(maxsize=64)
def compile_program(
    code: str, options: tuple[str, ...] = (), name_expressions: tuple[str, ...] = ()
) -> Program:
    headers = Path(sysconfig.get_paths()["purelib"]) / "nvidia" / "cuda_runtime" / "include"
    options = (
        "--gpu-architecture=compute_80",
        "-lineinfo",
        "--std=c++17",
        f"-I{headers}",
        *options,
    )
    try:
        ptx, log, names = _nvrtc().compile(code, options, name_expressions)
    except Refused as error:
        raise CompileError(str(error)) from None
    return Program(ptx, names, compiler_name(), log)
