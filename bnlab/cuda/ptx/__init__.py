"""Parses the PTX that NVRTC (or clang) writes: text → kernels, functions, variables.

PTX is the documented instruction set below CUDA C++:
https://docs.nvidia.com/cuda/parallel-thread-execution/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bnlab.cuda.errors import Unsupported

# Bytes of each PTX type. The packed types hold two numbers in one register.
WIDTH = {f"{kind}{bits}": bits // 8 for kind in "bus" for bits in (8, 16, 32, 64)}
WIDTH |= {"f16": 2, "bf16": 2, "f32": 4, "f64": 8, "f16x2": 4, "bf16x2": 4, "pred": 1}

SOURCE_FILE = "kernel.cu"


@dataclass
class Instruction:
    """One instruction.

    Attributes:
        parts: the opcode split at its dots, ("ld", "global", "f32").
        operands: as text.
        predicate, negated: `@%p1` or `@!%p1`; predicate is "" where there is none.
        line: of the CUDA source, 0 if unknown.
        targets: program counters that a branch may go to; filled by `link`.
    """

    parts: tuple[str, ...]
    operands: tuple[str, ...]
    predicate: str
    negated: bool
    line: int
    targets: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.parts[0]

    @property
    def opcode(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True)
class Variable:
    """A variable of shared, global, constant or local memory.

    Attributes:
        label: its name in the source.
        size: bytes; 0 for `extern __shared__ name[]`.
        data: initial bytes, or None.
        pointers: (offset, name) of initial values that are addresses.
    """

    space: str
    name: str
    label: str
    size: int
    align: int
    data: bytes | None = None
    pointers: tuple[tuple[int, str], ...] = ()


@dataclass
class Body:
    """A kernel or a function.

    Attributes:
        params: (name, type, bytes) of each parameter.
        results: names of the return parameters of a function.
        registers: type of each register.
        labels: program counter of each label.
        tables: labels that each `.branchtargets` lists.
    """

    name: str
    params: list[tuple[str, str, int]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    registers: dict[str, str] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    code: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)

    def link(self) -> None:
        """Resolves the targets of branches."""
        for instruction in self.code:
            if instruction.name == "bra":
                instruction.targets = (self.labels[instruction.operands[0]],)
            elif instruction.name == "brx":
                table = self.tables[instruction.operands[1]]
                instruction.targets = tuple(self.labels[label] for label in table)


@dataclass
class Module:
    """All of one PTX text."""

    kernels: dict[str, Body]
    functions: dict[str, Body]
    variables: list[Variable]


_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_HEAD = re.compile(r"(?:\.visible\s+|\.weak\s+|\.extern\s+)*\.(entry|func)\b")
_NAME = r"[\w$.%]+"
_VARIABLE = re.compile(
    r"\.(shared|global|const|local)\s+(?:\.align\s+(\d+)\s+)?(?:\.attribute\([^)]*\)\s*)?"
    rf"\.(\w+)\s+({_NAME})\s*(\[(\d*)\])?\s*(?:=\s*(.*))?$",
    re.DOTALL,
)
_PARAM = re.compile(
    r"\.param\s+(?:\.align\s+\d+\s+)?\.(\w+)\s+"
    r"(?:\.ptr\s+(?:\.(?:global|shared|const|local)\s+)?(?:\.align\s+\d+\s+)?)?"
    rf"({_NAME})(?:\[(\d+)\])?"
)
_STATEMENT = re.compile(
    r"\s*(?:(?P<loc>\.loc\b[^\n]*)|(?P<label>[$\w]+):(?!:)|(?P<brace>[{}])"
    r"|(?P<text>[^;{}]*(?:\{[^{}]*\}[^;{}]*)*);)"
)
_LOC = re.compile(r"\.loc\s+(\d+)\s+(\d+)(?:.*inlined_at\s+(\d+)\s+(\d+))?")
_WITHOUT_EFFECT = (".pragma", ".param", ".callprototype")
_INSTRUCTION = re.compile(r"(?:@(!?)([%\w$]+)\s+)?([\w.:]+)\s*(.*)$", re.DOTALL)


def parse(text: str) -> Module:
    """Parses a PTX text."""
    text = _COMMENT.sub("", text)
    files = {
        int(number)
        for number, name in re.findall(r'\.file\s+(\d+)\s+"([^"]*)"', text)
        if name.endswith(SOURCE_FILE)
    }
    module = Module({}, {}, [])
    position = 0
    for head in _HEAD.finditer(text):
        if head.start() < position:
            continue
        module.variables += _variables(text[position : head.start()])
        opening = text.find("{", head.end())
        semicolon = text.find(";", head.end())
        if opening < 0 or 0 <= semicolon < opening:  # a declaration
            position = semicolon + 1
            continue
        body = _signature(head.group(1), text[head.end() : opening])
        position = _closing(text, opening)
        _read_body(body, text[opening + 1 : position - 1], files or {1})
        (module.kernels if head.group(1) == "entry" else module.functions)[body.name] = body
    module.variables += _variables(text[position:])
    return module


def _closing(text: str, opening: int) -> int:
    depth, end = 1, opening + 1
    while depth:
        depth += (text[end] == "{") - (text[end] == "}")
        end += 1
    return end


def _signature(kind: str, head: str) -> Body:
    """`name(params)` of a kernel; `(results) name(params)` of a function."""
    found = re.match(rf"\s*(?:\(([^)]*)\))?\s*({_NAME})\s*(?:\(([^)]*)\))?", head)
    results, name, params = found.groups()
    body = Body(name)
    for type_, param, count in _PARAM.findall(params or ""):
        body.params.append((param, type_, WIDTH[type_] * int(count or 1)))
    body.results = [param for _, param, _ in _PARAM.findall(results or "")]
    return body


def _variables(text: str) -> list[Variable]:
    return [v for statement in text.split(";") if (v := _variable(statement.strip()))]


def _variable(statement: str) -> Variable | None:
    found = _VARIABLE.search(statement)
    if not found:
        return None
    space, align, type_, name, brackets, count, initial = found.groups()
    width = WIDTH[type_]
    size = width * (int(count or 0) if brackets else 1)
    data, pointers = _initial(initial, width) if initial else (None, ())
    return Variable(space, name, _label(name), size, int(align or width), data, pointers)


def _initial(text: str, width: int) -> tuple[bytes, tuple[tuple[int, str], ...]]:
    data, pointers = bytearray(), []
    for item in re.findall(r"0[fFdD][0-9A-Fa-f]+|generic\([^)]*\)|-?[\w$.]+", text):
        if item[:2] in ("0f", "0F", "0d", "0D"):
            number = int(item[2:], 16)
        elif re.fullmatch(r"-?(0[xX])?[0-9A-Fa-f]+U?", item) and not item[0].isalpha():
            number = int(item.rstrip("U"), 0)
        else:
            pointers.append((len(data), item.removeprefix("generic(").rstrip(")")))
            number = 0
        data += (number & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    return bytes(data), tuple(pointers)


def _label(name: str) -> str:
    """The name in the source: `_ZZ13bn_stats_treeE2s1` and `_ZN2bn5tableE` are s1 and table."""
    if not name.startswith("_Z"):
        # clang: kernel name, dot, variable name
        return re.sub(r"^.*?\.(?=\w+$)", "", name) if "." in name else name
    local = re.match(r"_ZZ.*E(\d+)", name)
    if local:
        return name[local.end() :][: int(local.group(1))]
    nested = re.match(r"_ZNK?(?:\d+\w+?)*?(\d+)([A-Za-z_]\w*?)E?\w*$", name)
    last = re.findall(r"(\d+)([A-Za-z_]\w*)", name)
    return last[-1][1][: int(last[-1][0])] if nested and last else name


def _read_body(body: Body, text: str, files: set[int]) -> None:
    line, position, label = 0, 0, ""
    for found in _STATEMENT.finditer(text):
        if found.start() != position:
            break
        position = found.end()
        if found["loc"]:
            line = _source_line(found["loc"], files) or line
        elif found["label"]:
            label = found["label"]
            body.labels[label] = len(body.code)
        elif found["text"]:
            _read_statement(body, found["text"].strip(), line, label)
    if text[position:].strip():
        raise ValueError(f"PTX that cannot be read: {text[position:].strip()[:80]}")


def _source_line(loc: str, files: set[int]) -> int:
    file, line, outer_file, outer_line = (int(n or 0) for n in _LOC.match(loc).groups())
    if file in files and line:
        return line
    return outer_line if outer_file in files else 0


def _read_statement(body: Body, statement: str, line: int, label: str) -> None:
    if statement.startswith(".branchtargets"):
        body.tables[label] = [x.strip() for x in statement.split(None, 1)[1].split(",")]
    elif statement.startswith(".reg"):
        type_, names = statement.removeprefix(".reg").lstrip(" \t.").split(None, 1)
        _declare(body, type_, names)
    elif variable := _variable(statement):
        body.variables.append(variable)
    elif statement.startswith("."):
        if not statement.startswith(_WITHOUT_EFFECT):
            says = f"the PTX directive `{statement.split()[0]}` is not supported in the lab"
            raise Unsupported(says, line=line)
    elif statement:
        negated, predicate, opcode, rest = _INSTRUCTION.match(statement).groups()
        body.code.append(
            Instruction(tuple(opcode.split(".")), split(rest), predicate or "", bool(negated), line)
        )


def _declare(body: Body, type_: str, names: str) -> None:
    for name in names.split(","):
        found = re.match(r"\s*([%\w$]+?)(?:<(\d+)>)?\s*$", name)
        if found.group(2):
            for number in range(int(found.group(2))):
                body.registers[f"{found.group(1)}{number}"] = type_
        else:
            body.registers[found.group(1)] = type_


def split(text: str) -> tuple[str, ...]:
    """Splits at commas outside brackets."""
    found, depth, current = [], 0, ""
    for character in text:
        depth += (character in "{[(") - (character in "}])")
        if character == "," and depth == 0:
            found.append(current.strip())
            current = ""
        else:
            current += character
    return tuple([*found, current.strip()] if current.strip() else found)


def items(operand: str) -> tuple[str, ...]:
    """The members of `{a, b}` or `(a, b)`; of anything else, itself."""
    return split(operand[1:-1]) if operand[:1] in ("{", "(") else (operand,)
