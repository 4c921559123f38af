"""A kernel with one slip: a barrier or an atomic left out, or a bound one too far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

BARRIER = re.compile(r"__sync(threads|warp)\(\);")
ATOMIC = re.compile(r"atomicAdd\((?P<place>[^,]+), (?P<value>[^;]+)\);")
BOUND = re.compile(r"(?<=[\w\])]) < (?=[\w(])")  # with blanks: not a template's bracket
COMMENT = re.compile(r"//[^\n]*")


@dataclass(frozen=True)
class Mutant:
    """A slip in a source.

    Attributes:
        line: where the slip is, from 1.
        slip: "barrier", "atomic" or "bound".
        code: the source with it.
    """

    line: int
    slip: str
    code: str

    def __str__(self) -> str:
        return f"{self.slip} in line {self.line}"


def mutants(code: str) -> Iterator[Mutant]:
    """Every barrier gone, every atomic a plain +=, every `<` a `<=`, one at a time."""
    source = COMMENT.sub(lambda comment: " " * len(comment[0]), code)
    for slip, pattern, replacement in (
        ("barrier", BARRIER, lambda found: ";"),
        ("atomic", ATOMIC, lambda found: f"*({found['place']}) += {found['value']};"),
        ("bound", BOUND, lambda found: " <= "),
    ):
        for found in pattern.finditer(source):
            line = source.count("\n", 0, found.start()) + 1
            changed = source[: found.start()] + replacement(found) + source[found.end() :]
            yield Mutant(line, slip, changed)
