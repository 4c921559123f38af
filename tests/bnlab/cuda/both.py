"""The same launches on a GPU and in the lab: do the arrays agree?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from chapter_kernels import BOOK
from features import FEATURES, Feature
from features.base import float_difference
from recipes import RECIPES, Batch, Launch, Recipe
from unseen import UNSEEN

from bnlab import cuda

BATCHES = (Batch((4, 8, 8, 8)), Batch((3, 5, 7, 7)), Batch((2, 1, 3, 5)))
# A GPU approximates expf, rsqrtf and the like to a few units in the last place, and adds up
# atomics in an order of its own.
SLACK = 4

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """Launches in a row that share their arrays by name.

    Attributes:
        tolerance: of |gpu - lab| / (1 + |lab|); whole numbers have to be equal.
        checked: names of the arrays that are compared.
    """

    name: str
    code: str
    launches: tuple[Launch, ...]
    tolerance: float
    checked: tuple[str, ...]
    options: tuple[str, ...] = ()


def cases() -> Iterator[Case]:
    """Every feature, every kernel of the book, and every kernel of the tests."""
    for feature in FEATURES:
        yield of_feature(feature)
    for recipe in [*BOOK, *RECIPES.values(), *UNSEEN.values()]:
        for batch in BATCHES:
            if recipe.fits(batch):
                yield of_recipe(recipe, batch)


def of_feature(feature: Feature) -> Case:
    launch = Launch(
        feature.kernel, feature.grid, feature.block, feature.arguments, feature.shared_mem
    )
    return Case(
        f"feature: {feature.name}",
        feature.code,
        (launch,),
        SLACK * feature.tolerance,
        tuple(feature.reference()),
        feature.options,
    )


def of_recipe(recipe: Recipe, batch: Batch) -> Case:
    launches = tuple(recipe.launches(batch, recipe.threads[0]))
    shape = "x".join(map(str, batch.shape))
    kernels = ", ".join(dict.fromkeys(launch.kernel for launch in launches))
    return Case(
        f"{recipe}: {kernels}, {shape}",
        recipe.code,
        launches,
        SLACK * recipe.tolerance,
        tuple(recipe.expected(batch)),
    )


def in_the_lab(case: Case) -> Arrays:
    """What the checked arrays hold after the launches, in the lab.

    Raises:
        CudaError: the lab stopped a launch.
    """

    def launch(step: Launch, arguments: tuple) -> None:
        report = cuda.examine(
            case.code,
            step.kernel,
            step.grid,
            step.block,
            arguments,
            shared_mem=step.shared_mem,
            options=case.options,
        )
        if report.error:
            raise report.error

    return _run(case, launch, np.asarray)


def on_a_gpu(case: Case, cupy: Any) -> Arrays:
    """The same with CuPy, or with anything that has its `RawModule`, `asarray` and `asnumpy`."""
    names = {step.kernel for step in case.launches if "<" in step.kernel}
    module = cupy.RawModule(
        code=case.code, options=case.options, name_expressions=sorted(names) or None
    )

    def launch(step: Launch, arguments: tuple) -> None:
        kernel = module.get_function(step.kernel)
        kernel(step.grid, step.block, arguments, shared_mem=step.shared_mem)

    arrays = _run(case, launch, cupy.asarray)
    return {name: cupy.asnumpy(array) for name, array in arrays.items()}


def _run(case: Case, launch: Callable[[Launch, tuple], None], place: Callable) -> Arrays:
    arrays: Arrays = {}
    for step in case.launches:
        arguments = []
        for name, value in step.arguments.items():
            if isinstance(value, np.ndarray):
                if name not in arrays:
                    arrays[name] = place(value.copy())
                value = arrays[name]
            arguments.append(value)
        launch(step, tuple(arguments))
    return {name: arrays[name] for name in case.checked}


def difference(gpu: Mapping[str, np.ndarray], lab: Mapping[str, np.ndarray]) -> float:
    """Largest |gpu - lab| / (1 + |lab|) over all arrays; inf where whole numbers differ."""
    gaps = [0.0]
    for name, want in lab.items():
        have = gpu[name]
        if want.dtype.kind == "f":
            gaps.append(float_difference(have, want))
        else:
            gaps.append(0.0 if np.array_equal(have, want) else np.inf)
    return max(gaps)
