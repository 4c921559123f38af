"""Runs every feature and every kernel on this machine's GPU and in the lab, and records both.

    python tests/bnlab/cuda/record_gpu.py record.json

The record names the card, the driver, CUDA and CuPy, and for each case the largest difference.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import both

from bnlab.cuda.backend import gpu
from bnlab.cuda.compiler import compiler_name


def versions(cupy: Any) -> dict[str, Any]:
    """What this machine is; CUDA's versions as its own numbers, 12040 for 12.4."""
    import numpy

    runtime = cupy.cuda.runtime
    card = runtime.getDeviceProperties(0)
    return {
        "card": card["name"].decode(),
        "compute capability": f"{card['major']}.{card['minor']}",
        "driver": runtime.driverGetVersion(),
        "CUDA": runtime.runtimeGetVersion(),
        "CuPy": cupy.__version__,
        "NumPy": numpy.__version__,
    }


def compared(case: both.Case, cupy: Any) -> dict[str, Any]:
    """One line of the record. What goes wrong is recorded too, so that the rest still runs."""
    line = {"name": case.name, "tolerance": case.tolerance}
    try:
        gap = both.difference(both.on_a_gpu(case, cupy), both.in_the_lab(case))
    except Exception as error:
        return {**line, "agrees": False, "error": f"{type(error).__name__}: {error}"}
    return {**line, "agrees": gap <= case.tolerance, "largest difference": gap}


def write(path: Path, cases: Iterable[both.Case], cupy: Any, machine: dict[str, Any]) -> int:
    """Compares and writes the record as JSON; returns how many cases do not agree."""
    lines = [compared(case, cupy) for case in cases]
    agree = sum(line["agrees"] for line in lines)
    record = {
        **machine,
        "lab": f"lab ({compiler_name()})",
        "compared": len(lines),
        "agree": agree,
        "cases": lines,
    }
    path.write_text(json.dumps(record, indent=1) + "\n")
    return len(lines) - agree


def main(path: str) -> int:
    cupy = gpu()
    if cupy is None:
        sys.exit("No GPU to compare with: this needs CuPy (pip install .[gpu]) and an NVIDIA GPU.")
    wrong = write(Path(path), both.cases(), cupy, versions(cupy))
    print(f"{path}: {wrong} cases differ" if wrong else f"{path}: all cases agree")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "gpu_record.json"))
