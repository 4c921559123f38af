"""The mutation test of the grader: does every wrong answer fail, and by its own name?

For every exercise: the reference, the worked solution and other right ways must get
full marks; the learner's stub must get none, without a crash; every named mistake must
lose marks and be named as itself. With any seed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.judge import Trial
from autograder.registry import exercises
from autograder.source import Written, written_exercises
from autograder.spec import Exercise


@dataclass
class Score:
    """What the grader of one exercise did with answers whose worth is known.

    `problems` lists everything that it judged wrongly; empty means a score of 100 %.
    """

    exercise: Exercise
    judged: int = 0
    killed: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @property
    def percent(self) -> float:
        """Share of mistakes that lost marks and were named, with every seed; 0 to 100."""
        return 100 * len(self.killed) / len(self.exercise.mistakes)


def answers_from(code: str, names: Iterable[str]) -> tuple[Any, ...]:
    """Runs the code of an answer cell and returns what it defines under `names`."""
    scope: dict[str, Any] = {"np": np, "__name__": "answer"}
    # Not with this module's own __future__ imports: a notebook has none.
    exec(compile(code, "<answer>", "exec", dont_inherit=True), scope)
    return tuple(scope[name] for name in names)


def score(exercise: Exercise, written: Written, seeds: Iterable[str]) -> Score:
    """Judges everything that is known about an exercise, once per seed."""
    right = {"the worked solution": answers_from(written.solution, exercise.answers)}
    right |= exercise.right_ways
    stub = answers_from(written.stub, exercise.answers)
    result = Score(exercise, killed={m.name for m in exercise.mistakes})
    for seed in seeds:
        trial = Trial(exercise, seed)
        for name, answers in right.items():
            verdict = trial.judge(answers)
            result.judged += 1
            if not verdict.ok:
                result.problems.append(f"seed {seed}: {name} was rejected.\n{verdict}")
        verdict = trial.judge(stub)
        result.judged += 1
        if verdict.passed or "Not written yet" not in str(verdict):
            result.problems.append(f"seed {seed}: the stub was not recognised.\n{verdict}")
        for mistake in exercise.mistakes:
            verdict = trial.judge(mistake.answers)
            result.judged += 1
            if verdict.ok or verdict.mistakes != (mistake.name,):
                result.killed.discard(mistake.name)
                seen = "passed" if verdict.ok else f"was named {verdict.mistakes or 'nothing'}"
                result.problems.append(f"seed {seed}: the mistake “{mistake.name}” {seen}.")
    return result


def scores(seeds: Iterable[str]) -> list[Score]:
    """The score of every exercise.

    Raises:
        LookupError: there are no exercises, or one has no source or the reverse.
    """
    seeds, known, written = list(seeds), exercises(), written_exercises()
    if not known or not seeds:
        raise LookupError("There is nothing to score: no exercises or no seeds.")
    if known.keys() != written.keys():
        odd = sorted(known.keys() ^ written.keys())
        raise LookupError(
            f"Specified but not written, or written but not specified: {', '.join(odd)}."
        )
    return [score(known[id], written[id], seeds) for id in known]


def table(results: list[Score]) -> str:
    """The scores as a Markdown table."""
    rows = [
        "| exercise | named mistakes | killed and named | other right ways | accepted |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        spec = result.exercise
        rejected = sum("rejected" in problem for problem in result.problems)
        rows.append(
            f"| {spec.id} {spec.title} | {len(spec.mistakes)} | {result.percent:.0f} % "
            f"| {len(spec.right_ways) + 1} | {'all' if not rejected else 'not all'} |"
        )
    return "\n".join(rows)


def list_of_mistakes(results: list[Score]) -> str:
    """Every named mistake, as a Markdown list per exercise."""
    lines = []
    for result in results:
        names = "; ".join(m.name for m in result.exercise.mistakes)
        lines.append(f"- **{result.exercise.id} {result.exercise.title}**: {names}.")
    return "\n".join(lines)
