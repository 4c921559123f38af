"""Solution regions of an answer cell, in Python and in CUDA C++.

    ### BEGIN SOLUTION                 // ### BEGIN SOLUTION
    y = gamma * x_hat + beta           y[i] = gamma[c] * x_hat + beta[c];
    ### END SOLUTION                   // ### END SOLUTION

Learners find a stub in place of a region. Where they are to repair code, the region also
holds what they get instead, line by line behind `//|`; nothing at all, if no line follows:

    // ### BEGIN SOLUTION
    if (i < n) y[i] = x[i];
    // ### GIVEN
    //| y[i] = x[i];
    // ### END SOLUTION
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

BEGIN, GIVEN, END = "### BEGIN SOLUTION", "### GIVEN", "### END SOLUTION"
STUB = "raise NotImplementedError"  # as in nbgrader_config.py
STUB_IN_C = "// WRITE YOUR CODE HERE"
_COMMENT = "// "
_GIVEN_LINE = re.compile(r"(\s*)//\|(?: (.*))?")


class RegionError(ValueError):
    """A region is not closed, or has a line that does not belong there."""


@dataclass
class _Region:
    """One region: its lines, and those that learners get instead; None for the stub."""

    begin: str
    solution: list[str] = field(default_factory=list)
    given: list[str] | None = None

    @property
    def stub(self) -> list[str]:
        if self.given is not None:
            return self.given
        mark = self.begin.strip()
        return [self.begin.replace(mark, STUB_IN_C if mark.startswith(_COMMENT) else STUB)]

    def add(self, line: str) -> None:
        """Takes one more line.

        Raises:
            RegionError: it is no line behind `//|`, after `### GIVEN`.
        """
        if self.given is None:
            self.solution.append(line)
        elif match := _GIVEN_LINE.fullmatch(line):
            self.given.append((match[1] + match[2]) if match[2] else "")
        else:
            raise RegionError(f"After {GIVEN} every line starts with //|, but not this one: {line}")


def _parts(text: str) -> Iterator[str | _Region]:
    """The lines outside regions, and the regions, in order.

    Raises:
        RegionError: as above.
    """
    region = None
    for line in text.splitlines():
        mark = line.strip().removeprefix(_COMMENT)
        if (region is None) == (mark in (GIVEN, END)) and mark in (BEGIN, GIVEN, END):
            raise RegionError(f"{mark} is out of place in this cell:\n{text}")
        if mark == BEGIN:
            region = _Region(line)
        elif mark == GIVEN:
            region.given = []
        elif mark == END:
            yield region
            region = None
        elif region:
            region.add(line)
        else:
            yield line
    if region:
        raise RegionError(f"{BEGIN} has no {END} in this cell:\n{text}")


def has_region(text: str) -> bool:
    """Whether a cell has a solution region."""
    return any(isinstance(part, _Region) for part in _parts(text))


def solution(text: str) -> str:
    """A cell as a solver would have written it: without markers."""
    lines = [part.solution if isinstance(part, _Region) else [part] for part in _parts(text)]
    return "\n".join(line for group in lines for line in group)


def stub(text: str) -> str:
    """A cell as learners receive it."""
    lines = [part.stub if isinstance(part, _Region) else [part] for part in _parts(text)]
    return "\n".join(line for group in lines for line in group)


def secrets(text: str) -> list[str]:
    """Lines that only the regions have, stripped; they must not reach a learner."""
    given = {line.strip() for line in stub(text).splitlines()}
    regions = [part for part in _parts(text) if isinstance(part, _Region)]
    lines = [line.strip() for region in regions for line in region.solution]
    return [line for line in lines if line and line not in given]
