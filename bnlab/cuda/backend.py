"""Which of the two runs a launch: CuPy on a GPU, or the lab."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np

from bnlab.cuda.compiler import compiler_name

FORCE_LAB = "BNLAB_CUDA_BACKEND"  # set to "lab" to use the lab beside a GPU


@cache
def gpu():
    """CuPy, if it is installed and finds a GPU; else None."""
    if os.environ.get(FORCE_LAB, "") == "lab":
        return None
    try:
        import cupy

        return cupy if cupy.cuda.runtime.getDeviceCount() > 0 else None
    except Exception:  # not installed, no driver, or a broken one: all mean the lab
        return None


def backend() -> str:
    """What `RawKernel` runs on: "cupy", or "lab (NVRTC 12.4)".

    Raises:
        CompilerMissing: there is no GPU and no compiler; the message says what to install.
    """
    return "cupy" if gpu() else f"lab ({compiler_name()})"


def asnumpy(array: Any) -> np.ndarray:
    """A copy-free NumPy array of a NumPy array; a copy to the CPU of a CuPy array."""
    return gpu().asnumpy(array) if gpu() else np.asarray(array)
