"""The CUDA lab: CuPy's raw kernels with a GPU, the same source checked in NumPy without one.

    from bnlab import cuda

    kernel = cuda.RawKernel(code, "scale")  # CuPy's, where there is a GPU
    kernel((4,), (256,), (x, y, np.int32(x.size)))

    report = cuda.examine(code, "scale", (4,), (256,), (x, y, np.int32(x.size)))

The path of a launch: `compiler` turns the source into PTX, `ptx` parses it, `isa` turns each
instruction into a NumPy function, `run` executes them with a lane of an array for every thread,
`memory` checks and counts the accesses, `report` says what happened, and `views` shows it.
"""

from __future__ import annotations

import numpy as np

from bnlab.cuda.backend import asnumpy, backend, gpu
from bnlab.cuda.errors import (
    BarrierDivergence,
    CompileError,
    CompilerMissing,
    CudaError,
    LaunchError,
    LimitReached,
    Misaligned,
    OutOfBounds,
    RaceWarning,
    Undefined,
    Unsupported,
)
from bnlab.cuda.examine import examine
from bnlab.cuda.limits import Limits
from bnlab.cuda.report import Report

__all__ = [
    "BarrierDivergence",
    "CompileError",
    "CompilerMissing",
    "CudaError",
    "LaunchError",
    "LimitReached",
    "Limits",
    "Misaligned",
    "OutOfBounds",
    "RaceWarning",
    "RawKernel",
    "RawModule",
    "Report",
    "Undefined",
    "Unsupported",
    "asnumpy",
    "backend",
    "examine",
    "xp",
]


def __getattr__(name: str):
    """`RawKernel`, `RawModule` and `xp` are CuPy's where there is a GPU, looked up at first use."""
    if name == "xp":
        return gpu() or np
    if name in ("RawKernel", "RawModule"):
        if gpu():
            return getattr(gpu(), name)
        from bnlab.cuda import raw

        return getattr(raw, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
