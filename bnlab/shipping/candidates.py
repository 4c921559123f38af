"""Opens what the latency harness is pointed at: a file, or a name in Python."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bnlab.shipping.export import session
from bnlab.shipping.quiet import quiet

Run = Callable[[np.ndarray], object]
DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16"}


class CandidateError(Exception):
    """A candidate cannot be opened or run; the message says which one, why and what to do."""


@dataclass(frozen=True)
class Candidate:
    """Something whose latency is measured.

    Args:
        name: as it was given.
        run: called with an array, once per answer.
        shape: of its input where it is known; a name (or None) stands for any size.
        dtype: of its input.
    """

    name: str
    run: Run
    shape: tuple[int | str | None, ...] | None = None
    dtype: str = "float32"


def open_candidate(spec: str, threads: int = 1) -> Candidate:
    """Opens `model.onnx`, `model.pt2` (from `torch.export.save`) or `package.module:name`.

    A name stands for an `nn.Module`, put into eval mode and called with a tensor; for a function
    of one argument, called with an array; or for a function without arguments that returns one of
    these.

    Raises:
        CandidateError: there is no such file or name, or it is none of these.
    """
    if spec.endswith(".onnx"):
        return _onnx(spec, threads)
    if spec.endswith(".pt2"):
        return _program(spec)
    if ":" in spec:
        return _named(spec)
    raise CandidateError(
        f"{spec}: expected a file that ends in .onnx or .pt2, or package.module:name."
    )


def _onnx(path: str, threads: int) -> Candidate:
    try:
        opened = session(path, threads)
    except (FileNotFoundError, ValueError) as problem:
        raise CandidateError(f"{path}: {problem}") from problem
    inputs = opened.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(given.name for given in inputs)
        raise CandidateError(
            f"{path}: it takes {len(inputs)} inputs ({names}), and the harness gives one. Point it "
            "at a function of one argument that fills in the rest: package.module:name."
        )
    [given] = inputs
    if given.type not in DTYPES:
        raise CandidateError(
            f"{path}: its input is {given.type}; known are {', '.join(DTYPES)}. Point the harness "
            "at a function of one argument that converts: package.module:name."
        )
    return Candidate(
        path,
        lambda x: opened.run(None, {given.name: x}),
        tuple(given.shape),
        DTYPES[given.type],
    )


def _program(path: str) -> Candidate:
    if not Path(path).is_file():
        raise CandidateError(f"{path}: There is no such file.")
    try:
        with quiet():
            module = torch.export.load(path).module()
    except Exception as problem:
        raise CandidateError(f"{path}: torch.export.load cannot read it: {problem}") from problem
    return Candidate(path, _with_tensors(module))


def _named(spec: str) -> Candidate:
    where, _, name = spec.partition(":")
    try:
        found = importlib.import_module(where)
        for part in name.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as problem:
        raise CandidateError(
            f"{spec}: {problem}. Is the folder of {where} the current one, or on PYTHONPATH?"
        ) from problem
    except AttributeError as problem:
        raise CandidateError(f"{spec}: {problem}.") from problem
    if callable(found) and not isinstance(found, nn.Module) and not _takes_one(found):
        try:
            found = found()
        except Exception as problem:
            raise CandidateError(
                f"{spec}: calling it without arguments raised {type(problem).__name__}: {problem}"
            ) from problem
    if isinstance(found, nn.Module):
        return Candidate(spec, _with_tensors(found.eval()))
    if not callable(found):
        raise CandidateError(
            f"{spec} is {type(found).__name__}; expected an nn.Module, a function of one argument, "
            "or a function without arguments that returns one of these."
        )
    return Candidate(spec, found)


def _words(shape: tuple[int | str | None, ...]) -> str:
    """(any, 1, 8, 8) or (batch, 1, 8, 8): sizes, and the names of those that are open."""
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def _takes_one(function: Callable) -> bool:
    """Whether it can be called with one argument, and not with none."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # built in
        return True
    try:
        signature.bind()
    except TypeError:
        return True
    return False


def _with_tensors(module: nn.Module) -> Run:
    def run(x: np.ndarray) -> object:
        with torch.inference_mode():
            return module(torch.from_numpy(x))

    return run


def input_for(
    candidates: Mapping[str, Candidate], shape: tuple[int, ...] | None, batch: int, seed: int = 0
) -> np.ndarray:
    """A random input that all candidates get.

    Args:
        shape: of the input, or None: as the first ONNX file says, with `batch` for its first axis.

    Raises:
        CandidateError: no candidate says its shape, an axis of any size is not the first, or
            two candidates want different types.
    """
    known = [c for c in candidates.values() if c.shape is not None]
    if shape is None:
        if not known:
            raise CandidateError("No candidate says what shape its input has: give --shape.")
        first, *rest = known[0].shape
        if any(not isinstance(size, int) for size in rest):
            raise CandidateError(
                f"{known[0].name} takes inputs of shape {_words(known[0].shape)}, with sizes that "
                "are open: give --shape."
            )
        shape = (first if isinstance(first, int) else batch, *rest)
    dtypes = {c.dtype for c in known} or {"float32"}
    if len(dtypes) > 1:
        raise CandidateError(f"The candidates want different types: {', '.join(sorted(dtypes))}.")
    return np.random.default_rng(seed).normal(size=shape).astype(dtypes.pop())


def try_out(candidate: Candidate, x: np.ndarray) -> None:
    """Runs a candidate once.

    Raises:
        CandidateError: x has another shape than it takes, or it failed.
    """
    if candidate.shape is not None:
        fits = len(candidate.shape) == x.ndim and all(
            not isinstance(size, int) or size == given
            for size, given in zip(candidate.shape, x.shape, strict=True)
        )
        if not fits:
            raise CandidateError(
                f"{candidate.name}: it takes inputs of shape {_words(candidate.shape)}, and got "
                f"{_words(x.shape)}. Set --shape, or --batch for the first axis; an axis with a "
                "number takes no other, one with a name takes any."
            )
    try:
        candidate.run(x)
    except Exception as problem:
        raise CandidateError(
            f"{candidate.name}: on an input of shape {x.shape} it raised "
            f"{type(problem).__name__}: {str(problem).strip()[:500]}"
        ) from problem
