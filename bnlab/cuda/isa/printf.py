"""printf of one thread: the format is a string in global memory, the values lie in local memory."""

from __future__ import annotations

import re

import numpy as np

from bnlab.cuda.errors import LimitReached, OutOfBounds

MOST_CHARACTERS = 1000  # of one number
_FIELD = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[lhz]*[a-zA-Z%]")


def string(m, pc: int, address: int, lane: int) -> str:
    """The text that starts at an address, up to its zero byte.

    Raises:
        OutOfBounds: no array lies there.
    """
    data = m.bytes_at(address)
    if not len(data):
        says = f"{m.who(lane)} prints a text at the address 0x{address:x}, which is in no array"
        raise m.fault(OutOfBounds, pc, says, "out of bounds: a text to print")
    end = np.flatnonzero(data == 0)
    return bytes(data[: int(end[0]) if len(end) else len(data)]).decode(errors="replace")


def text(m, pc: int, lane: int, form: int, values: int) -> tuple[str, int]:
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
        if any(int(digits) > MOST_CHARACTERS for digits in re.findall(r"\d+", spec)):
            raise m.fault(LimitReached, pc, f"printf of more than {MOST_CHARACTERS} characters")
        if letter in "fFeEgG":
            return (spec + letter) % np.frombuffer(raw, np.float64)[0]
        number = int.from_bytes(raw, "little", signed=letter in "di")
        if letter == "s":
            return (spec + "s") % string(m, pc, number, lane)
        if letter == "c":
            return (spec + "c") % chr(number & 255)
        return (spec + {"p": "x", "u": "d"}.get(letter, letter)) % number

    written = _FIELD.sub(field, string(m, pc, form, lane))
    return written, count
