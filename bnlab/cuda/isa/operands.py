"""Registers and constants as arrays with a lane for every thread.

A register is an array with one lane per active thread, or of length 1 while all threads hold the
same value (parameters, loop counters): those cost next to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bnlab.cuda.errors import Unsupported
from bnlab.cuda.ptx import WIDTH

RAW = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
NUMPY = {f"{kind}{bits}": RAW[bits // 8] for kind in "bu" for bits in (8, 16, 32, 64)}
NUMPY |= {f"s{bits}": getattr(np, f"int{bits}") for bits in (8, 16, 32, 64)}
NUMPY |= {"f16": np.float16, "f32": np.float32, "f64": np.float64, "pred": np.bool_}
# Numbers that NumPy does not have are kept as bits; `arithmetic` unpacks them.
NUMPY |= {"bf16": np.uint16, "f16x2": np.uint32, "bf16x2": np.uint32}

_NUMBER = re.compile(r"-?(0[xX][0-9A-Fa-f]+|\d+)U?$")
_SPECIAL = re.compile(r"%(n?(tid|ctaid)\.[xyz]|laneid|warpid|lanemask_(eq|lt|le|ge|gt))$")
_SYMBOL = re.compile(r"([\w$.@]+)(?:\+(\d+))?$")

Getter = Callable[["object"], np.ndarray]
Setter = Callable[["object", np.ndarray], None]


@dataclass
class Context:
    """What decoding needs to know of a kernel.

    Attributes:
        registers: type of each register.
        symbols: address of each variable and parameter.
        params: bytes of each parameter, by name.
    """

    registers: Mapping[str, str]
    symbols: Mapping[str, int]
    params: Mapping[str, bytes]

    def get(self, text: str, type_: str) -> Getter:
        """A function of the machine that gives an operand as an array of a PTX type."""
        if text.startswith("!"):
            get = self.get(text[1:], "pred")
            return lambda m: ~get(m)
        if text.startswith("-%"):
            get = self.get(text[1:], type_)
            return lambda m: -get(m)
        if text in self.registers:
            return _register(text, self.registers[text], type_)
        if text.startswith("%"):
            return _special(text, type_)
        value = self.constant(text, type_)
        return lambda m: value

    def constant(self, text: str, type_: str) -> np.ndarray:
        """A number or an address, as an array of length 1."""
        dtype = NUMPY[type_]
        if text[:2] in ("0f", "0F"):
            value = np.array([int(text[2:], 16)], np.uint32).view(np.float32)
            return value if np.dtype(dtype).kind == "f" else value.view(dtype)
        if text[:2] in ("0d", "0D"):
            value = np.array([int(text[2:], 16)], np.uint64).view(np.float64)
            return value if np.dtype(dtype).kind == "f" else value.view(dtype)
        if text == "WARP_SZ":
            return np.array([32], dtype)
        if _NUMBER.match(text):
            number = int(text.rstrip("U"), 0)
        else:
            found = _SYMBOL.match(text)
            if not found or found[1] not in self.symbols:
                raise Unsupported(f"the operand {text}")
            number = self.symbols[found[1]] + int(found[2] or 0)
        if type_ == "pred":
            return np.array([bool(number)])
        if np.dtype(dtype).kind == "f":
            return np.array([number], dtype)
        width = WIDTH[type_]
        return np.array([number & ((1 << 8 * width) - 1)], RAW[width]).view(dtype)

    def set(self, text: str, type_: str) -> Setter:
        """A function of the machine and a value that writes a register; "_" is a sink."""
        if text == "_":
            return lambda m, value: None
        if text not in self.registers:
            raise Unsupported(f"the operand {text}")
        kind = self.registers[text]
        if kind == "pred":
            return lambda m, value: m.write(text, value)
        raw, dtype = RAW[WIDTH[kind]], NUMPY[type_]
        if WIDTH[type_] == WIDTH[kind]:

            def write(m, value):
                if value.dtype != dtype:
                    value = value.astype(dtype)
                m.here[text] = value.view(raw)
                m.written.add(text)

            return write
        # A register may be wider than the type: signed values are extended by their sign.
        middle = np.int64 if type_[0] == "s" else RAW[WIDTH[type_]]

        def extend(m, value):
            if value.dtype != dtype:
                value = value.astype(dtype)
            same_bits = value if type_[0] in "su" else value.view(RAW[WIDTH[type_]])
            m.write(text, same_bits.astype(middle).astype(raw))

        return extend


def _register(name: str, kind: str, type_: str) -> Getter:
    if kind == "pred":
        return lambda m: m.read(name, np.bool_)
    raw, dtype = RAW[WIDTH[kind]], NUMPY[type_]
    if WIDTH[kind] == WIDTH[type_]:

        def read(m):  # as `m.read`, without the call: this is the innermost loop
            value = m.here.get(name)
            return (m.fetch(name, raw) if value is None else value).view(dtype)

        return read
    narrow = RAW[WIDTH[type_]]
    return lambda m: m.read(name, raw).astype(narrow).view(dtype)


def _special(name: str, type_: str) -> Getter:
    dtype = NUMPY[type_]
    if name in ("%clock", "%clock64", "%globaltimer"):
        return lambda m: np.array([m.steps], dtype)
    if name.startswith("%envreg"):  # where the cooperative launch of a grid would be described
        raise Unsupported("a barrier for the whole grid is not supported in the lab")
    if not _SPECIAL.match(name):
        raise Unsupported(f"the special register {name} is not supported in the lab")
    return lambda m: m.special(name).astype(dtype, copy=False)
