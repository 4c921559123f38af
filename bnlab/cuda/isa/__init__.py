"""The instruction set: each PTX instruction becomes a Python function of the machine.

`operands` reads and writes registers; the tables are in `arithmetic` (numbers), `bits`,
`convert`, `warp` (lanes that talk to each other), `control` (branches, barriers, calls) and
`bnlab.cuda.memory.access` (loads, stores, atomics). A table entry names the modifiers that it
understands: an opcode or a modifier that no table knows stops the launch. It is never guessed.
"""

from bnlab.cuda.isa.decode import Context, decode

__all__ = ["Context", "decode"]
