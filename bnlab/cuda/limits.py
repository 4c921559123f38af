"""How much a launch in the lab may use."""

from __future__ import annotations

from dataclasses import dataclass

# Of any GPU since 2020 (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability").
THREADS_PER_BLOCK = 1024
BLOCK = (1024, 1024, 64)
GRID = (2**31 - 1, 65535, 65535)
STATIC_SHARED = 48 << 10
SHARED = 227 << 10
LOCAL = 512 << 10


@dataclass(frozen=True)
class Limits:
    """How much a launch may use before it is stopped.

    Args:
        steps: instructions of the interpreter; each runs for a group of threads.
        seconds: of wall time.
        memory: bytes for registers, shared and local memory, and the kernel's own arrays.
        printed: calls of `printf`.
        lanes: threads that run at once; blocks beyond them wait.
    """

    steps: int = 20_000_000
    seconds: float = 60.0
    memory: int = 2 << 30
    printed: int = 1000
    lanes: int = 1 << 16
