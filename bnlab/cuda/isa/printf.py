"""printf of one thread: the format is a string in global memory, the values lie in local memory."""

from __future__ import annotations

import re

import numpy as np

_FIELD = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[lhz]*[a-zA-Z%]")


def string(m, address: int) -> str:
    """The text that starts at an address, up to its zero byte."""
    data = m.bytes_at(address)
    end = np.flatnonzero(data == 0)
    return bytes(data[: int(end[0]) if len(end) else len(data)]).decode(errors="replace")


def text(m, lane: int, form: int, values: int) -> tuple[str, int]:
    """What a thread's printf writes, and how many values; alignments as in C's varargs."""
    # Without values the second address is 0.
    local = m.local_bytes(lane, values) if values else np.zeros(0, np.uint8)
    position = count = 0

    def field(found: re.Match) -> str:
        nonlocal position, count
        spec = found.group(0)
        letter = spec[-1]
        if letter == "%":
            return "%"
        count += 1
        width = 8 if letter in "fFeEgGps" or "l" in spec or "z" in spec else 4
        position = -(-position // width) * width
        raw = bytes(local[position : position + width])
        position += width
        spec = re.sub("[lhz]", "", spec[:-1])
        if letter in "fFeEgG":
            return (spec + letter) % np.frombuffer(raw, np.float64)[0]
        number = int.from_bytes(raw, "little", signed=letter in "di")
        if letter == "s":
            return (spec + "s") % string(m, number)
        if letter == "c":
            return (spec + "c") % chr(number & 255)
        return (spec + {"p": "x", "u": "d"}.get(letter, letter)) % number

    written = _FIELD.sub(field, string(m, form))
    return written, count
