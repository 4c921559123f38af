"""Judges a kernel: the learner's answer is its source, and the grader launches it in the lab.

Every case is launched twice, on memory that helps nobody:

1. all warps side by side ("lockstep"); outputs hold NaN;
2. one warp after the other in random order, as another GPU might; outputs and workspace
   hold what a launch has left.

A fault or a race ends the case. Otherwise the outputs of both launches must be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.compare import describe, mark_unwritten
from autograder.spec import AnswerError, Runs
from bnlab import cuda
from bnlab.cuda.compiler import compile_program
from bnlab.cuda.errors import CompileError, CudaError, LaunchError, Unsupported
from bnlab.cuda.report import SECTOR, ArrayTraffic, Race, Report
from bnlab.cuda.run.arguments import declared

# A kernel of the course has 10,000 characters at most; a case has a million instructions of
# warps at most, and takes a tenth of a second.
LONGEST_SOURCE = 40_000
LIMITS = cuda.Limits(steps=200_000, seconds=4.0, memory=256 << 20, lanes=1 << 14)
SECONDS = 10.0  # for `Exercise.seconds`: on a busy machine too, a right answer is far below

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_AGAIN = "with one warp after the other, on used memory"
_SCHEDULES = {"": "lockstep", _AGAIN: "warps"}


@dataclass(frozen=True)
class Launched:
    """What two launches left.

    Attributes:
        outputs: by name, of both launches.
        report: the lab's report of the first; its names are the learner's.
        arrays: its traffic by our names, whatever the learner calls them; without those that
            no thread touched.
        moved: bytes of each of these arrays that moved, in sectors.
    """

    outputs: dict[str, Runs]
    report: Report
    arrays: dict[str, ArrayTraffic]
    moved: dict[str, int]


@dataclass(frozen=True)
class Kernel:
    """The kernel that an exercise asks for.

    Args:
        name: in the source; it is `extern "C"`.
        given: the source in the learner's cell, where that is more than an empty kernel.
    """

    name: str
    given: str = ""

    def accepts(self, variable: str, answer: Any) -> None:
        """For `Exercise.accepts`: compiles the source, which takes its own time.

        Raises:
            AnswerError: the answer is no source of such a kernel, is not written yet,
                or does not compile.
            CompilerMissing: that is not the answer's fault.
        """
        if not isinstance(answer, str):
            raise AnswerError(
                f"`{variable}` is {describe(answer)}, not a text. Assign the kernel's source to it, "
                f'{variable} = r"""…""", and run that cell.',
                kind="NotASource",
            )
        if problem := self._problem(answer):
            raise AnswerError(f"`{variable}` {problem}", kind="NotASource")
        if self._unwritten(answer):
            raise AnswerError(
                f"Not written yet: `{variable}` is still what was given. Start with the hint.",
                kind="NotImplementedError",
            )
        try:
            compile_program(answer)
        except CompileError as refused:
            raise _stopped(refused, "It does not compile: ") from None

    def _problem(self, source: str) -> str:
        """Why a text cannot be the kernel's source, or ''."""
        if not source.strip():
            return "is empty. Write the kernel's source into it."
        if len(source) > LONGEST_SOURCE:
            return f"has {len(source):,} characters; {LONGEST_SOURCE:,} are the most."
        if "\0" in source or re.search("[\ud800-\udfff]", source):
            return "has characters that no compiler reads (NUL or half of a surrogate pair)."
        if not re.search(rf"\b{self.name}\s*\(", _COMMENT.sub(" ", source)):
            return f"has no kernel `{self.name}`. Keep the signature that was given."
        return ""

    def _unwritten(self, source: str) -> bool:
        """Whether the kernel is empty, or the source is the given one apart from comments."""
        code = " ".join(_COMMENT.sub(" ", source).split())
        empty = re.search(rf"\b{self.name}\s*\([^)]*\)\s*\{{\s*\}}", code)
        return bool(empty) or code == " ".join(_COMMENT.sub(" ", self.given).split())

    def launch(
        self,
        source: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Mapping[str, Any],
        outputs: tuple[str, ...],
        updated: tuple[str, ...] = (),
        shared_mem: int = 0,
    ) -> Launched:
        """Launches the kernel as described above.

        Args:
            source: the learner's.
            grid, block: 1 to 3 numbers each.
            arguments: in the kernel's order, under names for messages: C-contiguous arrays,
                written in place, and NumPy scalars of the kernel's types. Workspace is whatever
                it is for the first launch, and is left as it then is for the second.
            outputs: names of the arrays that the kernel writes without reading them.
            updated: names of the arrays that it reads and writes, such as running statistics;
                both launches find what they hold now.
            shared_mem: bytes of dynamic shared memory.

        Raises:
            AnswerError: a fault or a race, or the launch does not fit the kernel.
        """
        before = {name: arguments[name].copy() for name in updated}
        found: dict[str, dict[str, np.ndarray]] = {}
        reports = []
        for run, schedule in _SCHEDULES.items():
            for name in outputs:
                _reuse(arguments[name]) if run else mark_unwritten(arguments[name])
            for name in updated:
                arguments[name][...] = before[name]
            try:
                report = cuda.examine(
                    source,
                    self.name,
                    grid,
                    block,
                    tuple(arguments.values()),
                    shared_mem=shared_mem,
                    schedule=schedule,
                    limits=LIMITS,
                    assemble=False,
                )
            except CudaError as refused:
                raise _stopped(refused) from None
            if report.error:
                raise _stopped(report.error, run=run)
            found[run] = {name: arguments[name].copy() for name in (*outputs, *updated)}
            if races := [race for race in report.races if _matters(race, found[run])]:
                raise _raced(races, run)
            reports.append(report)
        results = {n: Runs({run: found[run][n] for run in found}) for n in found[""]}
        theirs = [parameter.name for parameter in declared(source, self.name)]
        if len(theirs) != len(arguments):  # a macro or a typedef in the way: the lab numbers them
            theirs = [f"argument{number}" for number in range(len(arguments))]
        ours = dict(zip(theirs, arguments, strict=True))
        traffic = {ours[n]: t for n, t in reports[0].arrays.items() if n in ours}
        moved = dict.fromkeys(traffic, 0)
        for _, access in reports[0].accesses:
            if access.space == "global" and access.array in ours:
                moved[ours[access.array]] += SECTOR * access.sectors
        return Launched(results, reports[0], traffic, moved)

    def describe(self, inputs: Mapping[str, Any]) -> str:
        """For `Exercise.describe`: "bn_eval<<<(3,), (96,)>>> with x (2, 3, 5, 7), eps 1e-05"."""
        shape = [str(inputs["grid"]), str(inputs["block"])]
        if inputs.get("shared_mem"):
            shape.append(f"{inputs['shared_mem']} bytes")
        parts = []
        for name, value in inputs.items():
            if isinstance(value, np.ndarray):
                parts.append(f"{name} {value.shape}")
            elif name not in ("grid", "block", "shared_mem"):
                parts.append(f"{name} {value}")
        return f"{self.name}<<<{', '.join(shape)}>>> with {', '.join(parts)}"


def _reuse(array: np.ndarray) -> None:
    """Fills an output, in place, with numbers that another launch might have left."""
    array[...] = 1 - array.ravel()[::-1].reshape(array.shape)


def _stopped(error: CudaError, start: str = "", run: str = "") -> AnswerError:
    """What a compiler, a launch or the lab refuses, for the learner."""
    # The kind of a fault says it all; where nothing ran, the message has to.
    slip = "" if isinstance(error, (CompileError, LaunchError, Unsupported)) else error.kind
    says = _sentence(start + error.sentence, run)
    if isinstance(error, LaunchError):
        says += " The launch is given, so it is the kernel that has to change."
    return AnswerError(says, kind=error.kind, slip=slip, line=_line(error))


def _matters(race: Race, results: Mapping[str, np.ndarray]) -> bool:
    """Whether a race is the learner's.

    Writes of the same value do no harm. And a compiler may read shared memory ahead of the
    condition that guards it, and drop what it read. That memory begins as NaN, so what was
    not dropped is in the results.
    """
    if race.kind == "uninitialised read":
        return not all(np.isfinite(array).all() for array in results.values())
    return not race.same_value


def _raced(races: list[Race], run: str) -> AnswerError:
    """The first race; the answer's slip are the kinds of all."""
    kinds = "race: " + ", ".join(sorted({f"{race.kind} in {race.space} memory" for race in races}))
    first = races[0]
    what = "Nobody wrote this" if first.kind == "uninitialised read" else "There is a race"
    says = _sentence(f"{what}: {first.sentence}", run)
    return AnswerError(says, kind=kinds, slip=kinds, line=_line(first))


def _sentence(text: str, run: str) -> str:
    text = text.strip()
    where = f" ({run[0].upper()}{run[1:]}.)" if run else ""
    return text + ("" if text.endswith((".", "?", "!")) else ".") + where


def _line(where: Any) -> str:
    """The learner's line, with its number, of an error or a race."""
    return f"line {where.line}: {where.quote}" if where.line else ""


def edited(source: str, *changes: tuple[str, str] | tuple[str, str, int]) -> str:
    """A source with some text replaced: a mistake made from the worked solution.

    Args:
        source: a kernel's.
        changes: pairs (old, new); a third item says how often `old` is there, if not once.

    Raises:
        ValueError: `old` is not there so often.
    """
    for old, new, *count in changes:
        wanted, there = (count or [1])[0], source.count(old)
        if there != wanted:
            raise ValueError(f"{old!r} is in the source {there} times, not {wanted}:\n{source}")
        source = source.replace(old, new)
    return source
