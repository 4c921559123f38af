"""Kernels of batch normalization: how each is launched on a batch, and what NumPy says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bnlab import cuda

KERNELS = Path(__file__).parent / "kernels"
EPS = 1e-5
i4, f4 = np.int32, np.float32


@dataclass(frozen=True)
class Batch:
    """Data of one shape, and its statistics in float64.

    Attributes:
        shape: (N, C, H, W).
        offset: mean of x, in standard deviations.
    """

    shape: tuple[int, int, int, int]
    offset: float = 0.5

    def draw(self, *shape: int, seed: int) -> np.ndarray:
        return np.random.default_rng([seed, *self.shape]).standard_normal(shape).astype(f4)

    @property
    def n(self) -> int:
        return self.shape[0]

    @property
    def c(self) -> int:
        return self.shape[1]

    @property
    def s(self) -> int:
        return self.shape[2] * self.shape[3]

    @cached_property
    def x(self) -> np.ndarray:
        return 2 * (self.draw(*self.shape, seed=1) + f4(self.offset))

    @cached_property
    def dy(self) -> np.ndarray:
        return self.draw(*self.shape, seed=2)

    @cached_property
    def gamma(self) -> np.ndarray:
        return self.draw(self.c, seed=3)

    @cached_property
    def beta(self) -> np.ndarray:
        return self.draw(self.c, seed=4)

    @cached_property
    def mean(self) -> np.ndarray:
        return self.x.mean((0, 2, 3), dtype="f8")

    @cached_property
    def var(self) -> np.ndarray:
        return self.x.astype("f8").var((0, 2, 3))

    @cached_property
    def inv_std(self) -> np.ndarray:
        return 1 / np.sqrt(self.var + EPS)

    @cached_property
    def x_hat(self) -> np.ndarray:
        return (self.x - column(self.mean)) * column(self.inv_std)

    @cached_property
    def y(self) -> np.ndarray:
        return column(self.gamma) * self.x_hat + column(self.beta)

    @cached_property
    def backward(self) -> dict[str, np.ndarray]:
        dbeta = self.dy.sum((0, 2, 3), dtype="f8")
        dgamma = (self.dy * self.x_hat).sum((0, 2, 3))
        mean_path = (column(dbeta) + self.x_hat * column(dgamma)) / (self.n * self.s)
        dx = column(self.gamma * self.inv_std) * (self.dy - mean_path)
        return {"dx": dx, "dgamma": dgamma, "dbeta": dbeta}


@dataclass(frozen=True)
class Launch:
    """One launch; arrays of one name are the same array in every launch of a recipe."""

    kernel: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    arguments: Mapping[str, Any]
    shared_mem: int = 0


@dataclass(frozen=True)
class Recipe:
    """A kernel file with its launches and its reference.

    Attributes:
        file: in `kernels/`.
        launches: for a batch and a number of threads.
        expected: arrays after the last launch, by name, in float64.
        threads: block sizes it is made for; the first is the usual one.
        tolerance: of |got - expected| / (1 + |expected|).
        fits: whether a batch has a shape that the kernel is made for.
        folder: where the file is.
    """

    file: str
    launches: Callable[[Batch, int], list[Launch]]
    expected: Callable[[Batch], Mapping[str, np.ndarray]]
    threads: tuple[int, ...] = (256, 96, 32)
    tolerance: float = 1e-5
    fits: Callable[[Batch], bool] = lambda batch: True
    folder: Path = KERNELS

    def __str__(self) -> str:
        return self.file.removesuffix(".cu")

    @property
    def code(self) -> str:
        return (self.folder / self.file).read_text()

    def run(
        self, batch: Batch, threads: int = 0, code: str = "", **options
    ) -> tuple[list[cuda.Report], dict[str, np.ndarray]]:
        """Examine every launch in turn; returns the reports and the arrays by name."""
        arrays: dict[str, np.ndarray] = {}
        reports = []
        for launch in self.launches(batch, threads or self.threads[0]):
            arguments = tuple(
                arrays.setdefault(name, value.copy()) if isinstance(value, np.ndarray) else value
                for name, value in launch.arguments.items()
            )
            reports.append(
                cuda.examine(
                    code or self.code,
                    launch.kernel,
                    launch.grid,
                    launch.block,
                    arguments,
                    shared_mem=launch.shared_mem,
                    **options,
                )
            )
        return reports, arrays

    def difference(self, batch: Batch, arrays: Mapping[str, np.ndarray]) -> float:
        """Largest |got - expected| / (1 + |expected|)."""
        gaps = [
            abs(arrays[name].astype("f8") - want) / (1 + abs(want))
            for name, want in self.expected(batch).items()
        ]
        return float(np.max([np.nan_to_num(gap, nan=np.inf).max() for gap in gaps]))


def column(v: np.ndarray) -> np.ndarray:
    """A value for each channel, shaped to meet (N, C, H, W)."""
    return v[:, None, None]


def channels_last(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def zeros(*shape: int, dtype: str = "f4") -> np.ndarray:
    return np.zeros(shape, dtype)


def moments(kernel: str, grid: Callable[[Batch, int], int]):
    def launches(batch: Batch, threads: int) -> list[Launch]:
        arguments = {"x": batch.x, "mean": zeros(batch.c), "var": zeros(batch.c)} | sizes(batch)
        return [Launch(kernel, (grid(batch, threads),), (threads,), arguments)]

    return launches


def sizes(batch: Batch) -> dict[str, Any]:
    return {"N": i4(batch.n), "C": i4(batch.c), "S": i4(batch.s)}


def fused_forward(batch: Batch, threads: int) -> list[Launch]:
    arguments = {
        "x": batch.x,
        "gamma": batch.gamma,
        "beta": batch.beta,
        "y": zeros(*batch.shape),
        "mean": zeros(batch.c),
        "inv_std": zeros(batch.c),
        **sizes(batch),
        "eps": f4(EPS),
    }
    return [Launch("fused_forward", (batch.c,), (threads,), arguments, 4 * threads)]


def template_backward(batch: Batch, threads: int) -> list[Launch]:
    arguments = {
        "x": batch.x,
        "dy": batch.dy,
        "gamma": batch.gamma,
        "mean": batch.mean.astype(f4),
        "inv_std": batch.inv_std.astype(f4),
        "dx": zeros(*batch.shape),
        "dgamma": zeros(batch.c),
        "dbeta": zeros(batch.c),
        **sizes(batch),
    }
    return [Launch(f"template_backward<{threads}>", (batch.c,), (threads,), arguments)]


def nhwc_sums(batch: Batch, threads: int) -> list[Launch]:
    arguments = {
        "x": channels_last(batch.x),
        "sum": zeros(batch.c),
        "square": zeros(batch.c),
        "M": i4(batch.n * batch.s),
        "C": i4(batch.c),
    }
    return [Launch("nhwc_sums", (3,), (threads,), arguments, 8 * batch.c)]


def float4_apply(batch: Batch, threads: int) -> list[Launch]:
    scale = batch.gamma * batch.inv_std
    arguments = {
        "x": batch.x,
        "scale": scale.astype(f4),
        "shift": (batch.beta - batch.mean * scale).astype(f4),
        "y": zeros(*batch.shape),
        "fours": i4(batch.x.size // 4),
        "C": i4(batch.c),
        "S": i4(batch.s),
    }
    return [Launch("float4_apply", (5,), (threads,), arguments)]


RECIPES = {
    recipe.file: recipe
    for recipe in (
        Recipe(
            "naive_moments.cu",
            moments("naive_moments", lambda batch, threads: -(-batch.c // threads)),
            lambda b: {"mean": b.mean, "var": b.var},
        ),
        Recipe(
            "tree_moments.cu",
            moments("tree_moments", lambda batch, threads: batch.c),
            lambda b: {"mean": b.mean, "var": b.var},
            threads=(256, 96, 33, 1),
        ),
        Recipe(
            "welford_moments.cu",
            moments("welford_moments", lambda batch, threads: batch.c),
            lambda b: {"mean": b.mean, "var": b.var},
        ),
        Recipe(
            "fused_forward.cu",
            fused_forward,
            lambda b: {"y": b.y, "mean": b.mean, "inv_std": b.inv_std},
            threads=(256, 128, 64),
        ),
        Recipe("template_backward.cu", template_backward, lambda b: b.backward, tolerance=4e-5),
        Recipe(
            "nhwc_sums.cu",
            nhwc_sums,
            lambda b: {
                "sum": b.x.sum((0, 2, 3), dtype="f8"),
                "square": (b.x.astype("f8") ** 2).sum((0, 2, 3)),
            },
        ),
        Recipe("float4_apply.cu", float4_apply, lambda b: {"y": b.y}, fits=lambda b: b.s % 4 == 0),
    )
}


def combinations(
    recipes: Iterable[Recipe], shapes: Sequence[tuple[int, int, int, int]]
) -> Iterator[tuple[Recipe, tuple[int, int, int, int], int, bool]]:
    """(recipe, shape, threads, whether it is a usual one): every shape with the usual block, every
    block with the second shape, and the rest."""
    for recipe in recipes:
        for shape in shapes:
            for threads in recipe.threads if recipe.fits(Batch(shape)) else ():
                usual = threads == recipe.threads[0] or shape == shapes[1]
                yield recipe, shape, threads, usual
