"""Puts the body of a called function in place of its call.

The compiler inlines almost every `__device__` function itself; what is left
(`__noinline__`) is inlined here, so that the scheduler knows no call stack.
The parameters of a call become registers.
"""

from __future__ import annotations

from dataclasses import replace

from bnlab.cuda.errors import LimitReached, Unsupported
from bnlab.cuda.ptx import WIDTH, Body, Instruction, Module, items

BUILT_IN = ("vprintf", "__assertfail")
MOST_INSTRUCTIONS = 100_000


def parameter_register(name: str, offset: int, width: int, instance: str = "") -> str:
    """The register that stands for `width` bytes of a call's parameter."""
    return f"%{name}+{offset}:{width}{instance}"


def inline(kernel: Body, module: Module) -> Body:
    """The kernel without calls, but for `vprintf` and `__assertfail`.

    Raises:
        Unsupported: recursion, a call through a pointer, or an unknown function.
    """
    flat = Body(kernel.name, params=kernel.params)
    _Inliner(module, flat).expand(kernel, "", ())
    # Where the compiler proves that nothing may come, it lets the code end.
    flat.code.append(Instruction(("unreachable",), (), "", False, 0))
    flat.link()
    return flat


class _Inliner:
    def __init__(self, module: Module, flat: Body):
        self.module, self.flat, self.instances = module, flat, 0
        # (offset, bytes) of what has been stored of each parameter, by its name and instance
        self.parts: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def expand(self, body: Body, instance: str, stack: tuple[str, ...]) -> None:
        """Appends a body to the flat kernel; its names end in `instance`."""
        flat = self.flat
        flat.registers |= {r + instance: t for r, t in body.registers.items()}
        flat.variables += [replace(v, name=v.name + instance) for v in body.variables]
        flat.tables |= {t + instance: [x + instance for x in v] for t, v in body.tables.items()}
        own = {v.name for v in body.variables} | {p[0] for p in body.params} | set(body.labels)
        own |= set(body.registers) | set(body.tables) | set(body.results)
        at = {}
        for label, pc in body.labels.items():
            at.setdefault(pc, []).append(label)
        end = f"$end{instance}"
        for pc, instruction in enumerate(body.code):
            for label in at.get(pc, ()):
                flat.labels[label + instance] = len(flat.code)
            if instruction.name == "call":
                self._call(body, instruction, instance, stack)
            elif instance and instruction.name == "ret":
                flat.code.append(replace(instruction, parts=("bra",), operands=(end,)))
            else:
                flat.code.append(self._renamed(instruction, own, instance, bool(stack)))
            if len(flat.code) > MOST_INSTRUCTIONS:
                raise LimitReached(
                    f"the kernel has more than {MOST_INSTRUCTIONS:,} instructions; unroll less"
                )
        for label in at.get(len(body.code), ()):
            flat.labels[label + instance] = len(flat.code)
        flat.labels[end] = len(flat.code)

    def _renamed(
        self, instruction: Instruction, own: set[str], instance: str, called: bool
    ) -> Instruction:
        if "param" in instruction.parts and instruction.name in ("ld", "st"):
            moved = self._parameter(instruction, own, instance, called)
            if moved:
                return moved
        operands = tuple(_rename(o, own, instance) for o in instruction.operands)
        predicate = _rename(instruction.predicate, own, instance)
        return replace(instruction, operands=operands, predicate=predicate)

    def _parameter(
        self, instruction: Instruction, own: set[str], instance: str, called: bool
    ) -> Instruction | None:
        """`st.param` and `ld.param` of a call as moves; None for a kernel's own parameter."""
        load = instruction.name == "ld"
        place = instruction.operands[1 if load else 0][1:-1]
        name, _, offset = place.partition("+")
        # Only a kernel's own parameters have an address that a register can hold.
        if not called and (name.startswith("%") or any(name == p[0] for p in self.flat.params)):
            return None
        if name.startswith("%"):
            raise Unsupported("a parameter that is indexed", line=instruction.line)
        type_ = instruction.parts[-1]
        width = WIDTH[type_]
        register = parameter_register(name, int(offset or 0), width, instance)
        if load and register not in self.flat.registers:
            raise Unsupported(
                "a parameter read in other pieces than written", line=instruction.line
            )
        self._declare(name, int(offset or 0), width, instance)
        value = instruction.operands[0 if load else 1]
        if value.startswith("{"):
            raise Unsupported(f"{instruction.opcode} of a call's parameter", line=instruction.line)
        value = _rename(value, own, instance)
        pair = (value, register) if load else (register, value)
        return replace(instruction, parts=("mov", type_), operands=pair)

    def _call(self, body: Body, call: Instruction, instance: str, stack: tuple[str, ...]) -> None:
        operands = call.operands
        results = items(operands[0]) if operands[0].startswith("(") else ()
        name, *rest = operands[1:] if results else operands
        arguments = items(rest[0]) if rest else ()
        if name in BUILT_IN:
            values = [parameter_register(a, 0, 8, instance) for a in arguments[:2]]
            for result in results:  # printf returns an int
                values.append(self._declare(result, 0, 4, instance))
            self.flat.code.append(replace(call, parts=("call", name), operands=tuple(values)))
            return
        if name not in self.module.functions or name in stack or call.predicate:
            problem = "recursion" if name in stack else f"a call of {name}"
            if name.startswith("%"):
                problem = "a call through a pointer (a function pointer or a virtual method)"
            raise Unsupported(f"{problem} is not supported in the lab", line=call.line)
        function = self.module.functions[name]
        self.instances += 1
        inner = f"@{self.instances}"
        for given, (param, _, _) in zip(arguments, function.params, strict=True):
            self._copy(given, instance, param, inner, call)
        self.expand(function, inner, (*stack, name))
        for given, result in zip(results, function.results, strict=True):
            self._copy(result, inner, given, instance, call)

    def _declare(self, name: str, offset: int, width: int, instance: str) -> str:
        """Makes the register for a part of a parameter."""
        register = parameter_register(name, offset, width, instance)
        if register not in self.flat.registers:
            self.flat.registers[register] = f"b{8 * width}"
            self.parts.setdefault((name, instance), []).append((offset, width))
        return register

    def _copy(self, source: str, inside: str, to: str, there: str, call: Instruction) -> None:
        """Moves every part of a parameter that has been stored so far."""
        for offset, width in self.parts.get((source, inside), ()):
            target = self._declare(to, offset, width, there)
            register = parameter_register(source, offset, width, inside)
            move = replace(call, parts=("mov", f"b{8 * width}"), operands=(target, register))
            self.flat.code.append(move)


def _rename(operand: str, own: set[str], instance: str) -> str:
    """Adds `instance` to the names of a function in an operand such as `[%rd1+4]`."""
    if not instance or not operand:
        return operand
    out, word = "", ""
    for character in operand + "\0":
        if character.isalnum() or character in "%$_.":
            word += character
            continue
        out += word + (instance if word in own else "") + character
        word = ""
    return out[:-1]
