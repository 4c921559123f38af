"""6.8 Exports a model, proves that the file says the same, and measures its latency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograder.spec import Case, Exercise
from autograder.specs.ex6_8.answers import RIGHT_WAYS
from autograder.specs.ex6_8.mistakes import MISTAKES
from autograder.specs.ex6_8.models import MODES, in_eval, made
from autograder.specs.ex6_8.runs import compared, exported, timed

# Batches that an exported file is tried on; none of them has the example's size.
BATCHES = (1, 2, 7)
TICK = 1 / 1024  # times are multiples of it, so that sums and differences are exact


def cases(rng: np.random.Generator) -> list[Case]:
    def model(kind, mode):
        return dict(kind=kind, mode=mode, seed=int(rng.integers(2**31)))

    def images(kind, n):
        shape = {"images": (n, 1, 5, 6), "rows": (n, 4)}[kind]
        return rng.normal(0.5, 1.5, size=shape).astype("f4")

    def to_file(name, kind, mode, example):
        inputs = dict(what="export", model=model(kind, mode), example=images(kind, example))
        inputs["batches"] = [images(kind, n) for n in BATCHES]
        return Case(name, inputs, condition=4.0)

    def compare(name, kind, mode, n, off):
        inputs = dict(what="parity", model=model(kind, mode), x=images(kind, n), off=off)
        return Case(name, inputs, condition=32.0)

    def differences(n, spoilt, first=1):
        """Off by little everywhere, and by `spoilt` in one place, not in the first image."""
        off = rng.uniform(-0.3, 0.3, size=(n, 2)).astype("f4")
        off[rng.integers(first, n), rng.integers(2)] = spoilt
        return off

    def calls(name, warm_up, repeats):
        ticks = rng.permutation(repeats) * 8 + rng.integers(40, 47, size=repeats)
        ticks[rng.integers(repeats)] = 4000 + rng.integers(1000)  # a hiccup
        first = 9000 + 512 * rng.permutation(warm_up) + rng.integers(500, size=warm_up)
        took = np.concatenate([first, ticks]) * TICK
        start = float(rng.integers(10, 1000))
        inputs = dict(what="p50", x=images("rows", 3), took=took, warm_up=warm_up, start=start)
        return Case(name, inputs)

    return [
        calls("p50 of 9 calls after 3", 3, 9),
        calls("p50 of 12 calls after 5", 5, 12),
        calls("p50 of 7 calls, warm_up=0", 0, 7),
        compare("parity, in training mode", "images", "training", 5, differences(5, -0.9)),
        compare("parity, one layer frozen", "images", "mixed", 4, differences(4, 0.8)),
        compare("parity, in eval mode", "rows", "eval", 6, differences(6, -0.7)),
        compare("parity with NaN, one row", "rows", "eval", 1, differences(1, np.nan, 0)),
        to_file("export, in training mode, one layer frozen", "images", "mixed", 3),
        to_file("export, in eval mode", "rows", "eval", 4),
    ]


def call(export, parity, p50, what, model=None, **inputs):
    if what == "p50":
        return timed(p50, **inputs)
    if what == "parity":
        return compared(parity, made(**model), **inputs)
    return exported(export, made(**model), **inputs)


def reference(what, model=None, **inputs):
    if what == "p50":
        took, warm_up = inputs["took"], inputs["warm_up"]
        counted = np.sort(took[warm_up:])
        n = len(counted)
        return {"p50": (counted[(n - 1) // 2] + counted[n // 2]) / 2, "calls of run": len(took)}
    net = made(**model)
    after = {
        "modes afterwards": [int(m.training) for m in net.modules()],
        "changed entries of the state": 0,
    }
    if what == "parity":
        finite = bool(np.isfinite(inputs["off"]).all())
        largest = {"parity": np.abs(inputs["off"]).max()} if finite else {"parity is finite": 0}
        return largest | after
    files = {f"y of the file, batch of {len(x)}": in_eval(net, x) for x in inputs["batches"]}
    return files | after


def describe(inputs: Mapping[str, Any]) -> str:
    """What a case calls, in words."""
    if inputs["what"] == "p50":
        repeats = len(inputs["took"]) - inputs["warm_up"]
        return f"p50(run, x, warm_up={inputs['warm_up']}, repeats={repeats}, clock)"
    mode = MODES[inputs["model"]["mode"]]
    layers = ", ".join(type(m).__name__ for m in made(**inputs["model"]))
    x = inputs["x" if inputs["what"] == "parity" else "example"]
    name = "x" if inputs["what"] == "parity" else "example"
    return f"a model of {layers}, {mode}; {name}: {x.dtype} {x.shape}"


EXERCISE = Exercise(
    id="6.8",
    title="Export, prove, measure",
    answers=("export", "parity", "p50"),
    shows='export(model, "model.onnx", example), parity(run, model, x), '
    "p50(run, x, warm_up, repeats, clock)",
    minutes=45,
    difficulty="moderate",
    points=6,
    read="Chapter 6.4, sections “Another runtime: ONNX” and “Is it faster?”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
    seconds=30.0,
)
