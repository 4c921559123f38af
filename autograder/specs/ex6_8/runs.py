"""6.8 Export: runs the three functions, and says what of their form is wrong."""

from __future__ import annotations

import contextlib
import io
import numbers
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.compare import describe
from autograder.spec import AnswerError
from autograder.specs.ex6_8.models import in_eval
from autograder.specs.ex6_8.translations import one_table
from bnlab.shipping.export import session
from bnlab.shipping.quiet import quiet


def _number(value: Any, what: str) -> float:
    if isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise AnswerError(f"`{what}` returned {describe(value)}; expected a number.")
    return float(value)


class Scripted:
    """A `run` whose calls take the times of a script, and the clock that shows them."""

    def __init__(self, x: np.ndarray, took: np.ndarray, start: float):
        self.x, self.took, self.now, self.calls, self.readings = x, took, start, 0, 0

    def clock(self) -> float:
        self.readings += 1
        return self.now

    def run(self, x: np.ndarray) -> np.ndarray:
        if x is not self.x:
            raise AnswerError(f"`p50` called run with {describe(x)}; expected the x it was given.")
        self.now += float(self.took[min(self.calls, len(self.took) - 1)])
        self.calls += 1
        return x


def timed(p50: Callable, x: np.ndarray, took: np.ndarray, warm_up: int, start: float) -> dict:
    """The median that `p50` finds, and how often it called run.

    Raises:
        AnswerError: it returned no number, or never looked at the clock.
    """
    script = Scripted(x, took, start)
    value = p50(script.run, x, warm_up, len(took) - warm_up, script.clock)
    if value is not None and script.calls and not script.readings:
        raise AnswerError(
            "`p50` never called `clock`. Take each time as a difference of clock(), the argument: "
            "who calls it may want another clock than yours.",
            kind="Clock",
        )
    return {"p50": _number(value, "p50"), "calls of run": script.calls}


def _afterwards(model: nn.Module, before: dict) -> dict[str, Any]:
    now = model.state_dict()
    changed = [k for k in before | now if k not in now or not torch.equal(now[k], before[k])]
    flags = [int(m.training) for m in model.modules()]
    return {"modes afterwards": flags, "changed entries of the state": len(changed)}


def _state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def compared(parity: Callable, model: nn.Module, x: np.ndarray, off: np.ndarray) -> dict[str, Any]:
    """The parity with a runtime that is `off` the model's answers by known numbers.

    Raises:
        AnswerError: no number was returned, or run was called with another input.
    """
    before, answer = _state(model), in_eval(model, x) + off

    def run(given):
        if not isinstance(given, np.ndarray):
            raise AnswerError(
                f"`parity` called run with {describe(given)}; run takes an array: x.numpy().",
                kind="Tensor",
            )
        if given.shape != x.shape or not np.array_equal(given, x):
            raise AnswerError("`parity` called run with another input than x.", kind="OtherX")
        return answer.copy()

    value = _number(parity(run, model, torch.from_numpy(x.copy())), "parity")
    name = "parity" if np.isfinite(off).all() else "parity is finite"
    outputs = {name: value if name == "parity" else int(np.isfinite(value))}
    return outputs | _afterwards(model, before)


def exported(
    export: Callable, model: nn.Module, example: np.ndarray, batches: list[np.ndarray]
) -> dict[str, Any]:
    """What the exported file answers, and what the model looks like afterwards.

    Raises:
        AnswerError: there is no file, it is no model with one input and output, or it takes
            one batch size only.
    """
    before = _state(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        with quiet(), contextlib.redirect_stdout(io.StringIO()), one_table():
            export(model, str(path), torch.from_numpy(example.copy()))
        if not path.is_file():
            raise AnswerError(
                "`export` wrote no file at `path`. torch.onnx.export writes one where it is given "
                "the path; otherwise it returns a program with a method save(path).",
                kind="NoFile",
            )
        outputs = _answers(path, batches, len(example))
    return outputs | _afterwards(model, before)


def _answers(path: Path, batches: list[np.ndarray], example: int) -> dict[str, np.ndarray]:
    try:
        opened = session(path)
    except ValueError as problem:
        raise AnswerError(
            f"The file is no model that onnxruntime opens: {' '.join(str(problem).split())[:300]}",
            kind="NoModel",
        ) from problem
    if len(opened.get_inputs()) != 1 or len(opened.get_outputs()) != 1:
        raise AnswerError(
            f"The file has {len(opened.get_inputs())} inputs and {len(opened.get_outputs())} "
            "outputs; expected one of each.",
            kind="Inputs",
        )
    [given] = opened.get_inputs()
    outputs = {}
    for x in batches:
        try:
            [y] = opened.run(None, {given.name: x})
        except Exception as problem:
            raise AnswerError(
                f"The file was exported with a batch of {example}, and onnxruntime refuses a batch "
                f"of {len(x)}: its input has the shape {given.shape}. Let the first axis vary, "
                "with `dynamic_shapes`.",
                kind="FixedBatch",
                slip="fixed batch" if isinstance(given.shape[0], int) else "",
            ) from problem
        outputs[f"y of the file, batch of {len(x)}"] = y
    return outputs
