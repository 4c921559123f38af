"""The form of an entry in the tables of instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bnlab.cuda.ptx import Instruction


@dataclass(frozen=True)
class Shape:
    """One instruction, taken apart.

    Attributes:
        types: its type suffixes, ("f32",).
        modifiers: the other suffixes, {"rn", "ftz"}.
    """

    name: str
    types: tuple[str, ...]
    modifiers: frozenset[str]
    operands: tuple[str, ...]
    line: int
    pc: int
    instruction: Instruction

    @property
    def type(self) -> str:
        """The last type suffix."""
        return self.types[-1] if self.types else "b32"

    def one_of(self, *names: str) -> str:
        """The modifier that is among `names`, or ""."""
        return next((n for n in names if n in self.modifiers), "")


@dataclass(frozen=True)
class Entry:
    """How an opcode is built, and every modifier it understands."""

    build: Callable
    modifiers: frozenset[str]


def entry(build: Callable, modifiers: str = "") -> Entry:
    """An entry; modifiers separated by blanks."""
    return Entry(build, frozenset(modifiers.split()))
