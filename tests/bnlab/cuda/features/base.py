"""One feature of CUDA C++: a small kernel, its launch, and what NumPy says it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

N = 256


@dataclass(frozen=True)
class Feature:
    """A kernel, its launch and its reference.

    Attributes:
        name: what is shown, in words.
        code: CUDA C++.
        arguments: by name, in the order of the kernel's parameters; arrays are copied before a
            launch.
        expected: called with the arguments by name, floating-point arrays as float64; returns
            what arrays hold after the launch, by name. Integers have to be equal.
        tolerance: of |got - expected| / (1 + |expected|), for floating-point arrays.
        kernel: name in the source, or a name expression such as "k<4>".
        printed: what printf writes, or None where the kernel prints nothing.
        races: whether the lab reports races though the kernel is right (locks: it sees no order
            through atomics).
    """

    name: str
    code: str
    arguments: Mapping[str, Any]
    expected: Callable[..., Mapping[str, Any]]
    grid: tuple[int, ...] = (1,)
    block: tuple[int, ...] = (N,)
    shared_mem: int = 0
    tolerance: float = 1e-6
    kernel: str = "k"
    options: tuple[str, ...] = ()
    printed: tuple[str, ...] | None = None
    races: bool = False

    def __str__(self) -> str:
        return self.name

    def copies(self) -> dict[str, Any]:
        """Fresh arguments for one launch."""
        return {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in self.arguments.items()
        }

    def reference(self) -> dict[str, np.ndarray]:
        """What the arrays hold after the launch, by name."""
        exact = {
            name: value.astype(np.float64) if is_float_array(value) else value
            for name, value in self.arguments.items()
        }
        return {name: np.asarray(value) for name, value in self.expected(**exact).items()}

    def difference(self, got: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Largest |got - expected| / (1 + |expected|) of each array; 0 or inf for integers."""
        differences = {}
        for name, want in self.reference().items():
            have = np.asarray(got[name])
            want = np.broadcast_to(want, have.shape)
            if is_float_array(have):
                differences[name] = float_difference(have, want)
            else:
                differences[name] = 0.0 if np.array_equal(have, want) else np.inf
        return differences


@dataclass(frozen=True)
class Refused:
    """A feature of CUDA that the lab does not have: it has to stop and to say so.

    Attributes:
        line: where the message has to point.
        says: words that the message has to hold.
    """

    name: str
    code: str
    arguments: Mapping[str, Any]
    line: int
    says: str
    block: tuple[int, ...] = (32,)

    def __str__(self) -> str:
        return self.name


def is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def float_difference(have: np.ndarray, want: np.ndarray) -> float:
    """As in `Feature.difference`; NaN agrees with NaN, and an infinity with itself."""
    have, want = have.astype(np.float64), want.astype(np.float64)
    same = (have == want) | (np.isnan(have) & np.isnan(want))
    with np.errstate(invalid="ignore"):
        gap = np.abs(have - want) / (1 + np.abs(want))
    gap = np.where(same, 0.0, np.where(np.isfinite(gap), gap, np.inf))
    return float(gap.max(initial=0.0))


def normal(*shape: int, seed: int = 1, scale: float = 2.0, dtype: str = "f4") -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)


def integers(low: int, high: int, *shape: int, seed: int = 2, dtype: str = "i4") -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def zeros(*shape: int, dtype: str = "f4") -> np.ndarray:
    return np.zeros(shape, dtype)


def warps(x: np.ndarray) -> np.ndarray:
    """A row for each warp."""
    return x.reshape(-1, 32)
