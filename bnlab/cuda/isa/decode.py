"""Finds an instruction in the tables and builds its function."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from bnlab.cuda.errors import CudaError, Unsupported
from bnlab.cuda.isa import arithmetic, bits, control, convert, integers, warp
from bnlab.cuda.isa.operands import NUMPY, Context
from bnlab.cuda.isa.table import Entry, Shape
from bnlab.cuda.memory import access
from bnlab.cuda.ptx import Instruction

__all__ = ["Context", "decode"]


@cache
def _table() -> dict[str, Entry]:
    table: dict[str, Entry] = {}
    for module in (arithmetic, integers, bits, convert, warp, control, access):
        double = table.keys() & module.TABLE.keys()
        if double:
            raise ValueError(f"{module.__name__} repeats {sorted(double)}")
        table |= module.TABLE
    return table


def decode(context: Context, instruction: Instruction, pc: int) -> Callable:
    """The function of the machine that executes an instruction.

    It returns None to go on with the next instruction, or a list of (pc, lanes).

    Raises:
        Unsupported: an opcode, a modifier or an operand that the lab does not know.
    """
    entry = _table().get(instruction.name)
    name, *rest = instruction.parts
    types = tuple(p for p in rest if p in NUMPY)
    modifiers = frozenset(p for p in rest if p not in NUMPY and p)
    unknown = modifiers - entry.modifiers if entry else modifiers
    if entry is None or unknown:
        raise Unsupported(
            f"the PTX instruction `{instruction.opcode}` is not supported in the lab",
            line=instruction.line,
        )
    shape = Shape(name, types, modifiers, instruction.operands, instruction.line, pc, instruction)
    try:
        run = entry.build(context, shape)
    except CudaError as error:
        if not error.line:
            error.line = instruction.line
        raise
    except (KeyError, IndexError, ValueError) as error:
        raise Unsupported(
            f"the PTX instruction `{instruction.opcode} {', '.join(instruction.operands)}` "
            "is not supported in the lab",
            line=instruction.line,
        ) from error
    if not instruction.predicate or instruction.name in ("bra", "brx"):
        return run
    return _predicated(context, instruction, run, pc)


def _predicated(context: Context, instruction: Instruction, run: Callable, pc: int) -> Callable:
    """`@%p1 instruction`: only the lanes whose predicate holds take part."""
    test = context.get(("!" if instruction.negated else "") + instruction.predicate, "pred")

    def maybe(m):
        return m.for_lanes(test(m), run, pc)

    return maybe
