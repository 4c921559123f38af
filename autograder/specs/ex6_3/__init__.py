"""6.3 Running statistics measured again on other data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograder.spec import Case, Exercise
from autograder.specs.ex6_3.answers import RIGHT_WAYS
from autograder.specs.ex6_3.mistakes import MISTAKES
from autograder.specs.ex6_3.models import LoaderBroke, Looked, built, fed, state_after
from autograder.specs.ex6_3.reference import measured

SHAPES = {"rows": (5,), "images": (2, 5, 4), "signals": (3, 9)}


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, kind, sizes, **more):
        """Batches whose means and spreads differ, so that it shows how they are weighed."""
        batches = [
            rng.uniform(0.5, 2) * rng.normal(size=(n, *SHAPES[kind])) + rng.uniform(-2, 2)
            for n in sizes
        ]
        plain = dict(labels=None, once=False, keep=(), modes="eval", breaks=False)
        seed = int(rng.integers(2**31))
        return Case(name, dict(kind=kind, seed=seed, batches=batches) | plain | more)

    return [
        case("rows, three batches of 6", "rows", (6, 6, 6)),
        case("rows, a smaller last batch, dropout switched on", "rows", (7, 7, 2), modes="mixed"),
        case("images with labels, four kinds of layers", "images", (5, 4, 3), labels="tuple"),
        case(
            "images with labels in lists, two layers kept",
            "images",
            (4, 6),
            labels="list",
            keep=("stem.1", "body.branch.1"),
            modes="kept",
        ),
        case("a generator of batches", "rows", (5, 3, 4), once=True, modes="train"),
        case("signals, layers without γ and without running statistics", "signals", (4, 5, 2)),
        case("signals, one layer kept, one batch", "signals", (6,), keep=("1",), modes="train"),
        case("the third batch cannot be read", "rows", (5, 5), breaks=True, modes="mixed"),
    ]


def call(recalibrate, kind, seed, batches, labels, once, keep, modes, breaks):
    look = Looked()
    model = built(kind, seed, modes, keep, look)
    arrived = 0
    try:
        recalibrate(model, fed(batches, labels, once, breaks), **({"keep": keep} if keep else {}))
    except LoaderBroke:
        arrived = 1
    outputs = state_after(model, keep, statistics=not breaks)
    outputs["passes that recorded gradients"] = look.with_gradients
    if breaks:
        outputs["errors of the loader that arrived"] = arrived
    return outputs


def reference(kind, seed, batches, labels, once, keep, modes, breaks):
    model = built(kind, seed, modes, keep, Looked())
    if not breaks:
        measured(model, batches, keep)
    outputs = state_after(model, keep, statistics=not breaks)
    outputs["passes that recorded gradients"] = 0
    if breaks:
        outputs["errors of the loader that arrived"] = 1
    return outputs


def describe(inputs: Mapping[str, Any]) -> str:
    """images, batches of 4 and 6 with labels, keep=(…), model in training mode"""
    sizes = ", ".join(str(len(x)) for x in inputs["batches"])
    what = [f"{inputs['kind']}, batches of {sizes}"]
    if inputs["labels"]:
        what.append(f"each a {inputs['labels']} (x, y)")
    if inputs["once"]:
        what.append("from a generator")
    if inputs["keep"]:
        what.append(f"keep={inputs['keep']}")
    modes = {
        "eval": "model in eval mode",
        "train": "model in training mode",
        "kept": "model in training mode, kept layers in eval mode",
        "mixed": "model in eval mode, its dropout in training mode",
    }
    return "; ".join([*what, modes[inputs["modes"]]])


EXERCISE = Exercise(
    id="6.3",
    title="Recalibrate",
    answers=("recalibrate",),
    shows="recalibrate(model, loader, keep=())",
    minutes=35,
    difficulty="moderate",
    points=5,
    read="Chapter 6.2, section “Statistics of other data”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
