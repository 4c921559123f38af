"""The arguments of a launch: do they fit the kernel's parameters?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnlab.cuda.errors import LaunchError

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
ELEMENTS = {
    "float": ("float32",),
    "double": ("float64",),
    "int": ("int32", "uint32"),
    "unsigned": ("int32", "uint32"),
    "unsigned int": ("int32", "uint32"),
    "long long": ("int64", "uint64"),
    "__half": ("float16",),
    "half": ("float16",),
    "short": ("int16", "uint16"),
}


@dataclass(frozen=True)
class Parameter:
    """A parameter as the source declares it: `const float* x` is ("float", "x", pointer)."""

    type: str
    name: str
    pointer: bool


def declared(code: str, kernel: str) -> list[Parameter]:
    """The parameters of a kernel, read from its source; [] if they cannot be found."""
    code = _COMMENT.sub(" ", code)
    found = re.search(rf"\b{re.escape(kernel.split('<')[0])}\s*\(([^)]*)\)\s*\{{", code)
    if not found or not found[1].strip():
        return []
    parameters = []
    for text in found[1].split(","):
        words = re.findall(r"\w+|\*", text)
        kept = [w for w in words if w not in ("const", "__restrict__", "volatile", "*", "restrict")]
        name = kept[-1] if kept else "?"
        parameters.append(Parameter(" ".join(kept[:-1]), name, "*" in words or "[" in text))
    return parameters


def to_bytes(value, type_: str, size: int, what: str) -> bytes:
    """A scalar argument as the bytes that the kernel reads.

    Args:
        value: a number, or a structured NumPy scalar.
        type_: PTX type of the parameter.
        size: its bytes.
        what: "argument 2 (`n`)", for messages.

    Raises:
        LaunchError: its size or kind is another than the parameter's.
    """
    given = f"{type(value).__name__} {value!r}" if np.isscalar(value) else type(value).__name__
    if isinstance(value, bool):
        value = np.bool_(value)
    elif isinstance(value, int):
        # CuPy passes 8 bytes; a 4-byte parameter reads the lower half of them.
        if size < 8 and not -(2**31) <= value < 2**32:
            raise LaunchError(f"{what} is {value}, which does not fit the kernel's {size} bytes.")
        narrow = np.int32 if value < 2**31 else np.uint32
        value = np.int64(value) if size == 8 else narrow(value)
    elif isinstance(value, float):
        value = np.float64(value)
    if not isinstance(value, np.generic):
        raise LaunchError(
            f"{what} is {given}; pass an array, or a NumPy number such as np.int32(3)."
        )
    wants_float = type_.startswith("f")
    odd_kind = type_[0] in "fus" and value.dtype.kind in "iuf" and size in (2, 4, 8)
    if value.nbytes != size or (odd_kind and wants_float != (value.dtype.kind == "f")):
        want = "floating-point" if wants_float else "integer"
        right = {4: "np.float32" if wants_float else "np.int32"}.get(
            size, "np.float64" if wants_float else "np.int64"
        )
        raise LaunchError(
            f"{what} is {given} ({value.nbytes} bytes), but the kernel reads {size} bytes "
            f"({want}) there. Write {right}(...). A GPU would read wrong bytes and say nothing."
        )
    return value.tobytes()


def check_contiguous(array, what: str) -> None:
    """Says so when an array (NumPy's or CuPy's) is a view whose elements do not lie in a row.

    Raises:
        LaunchError: it is not contiguous.
    """
    if not array.flags.c_contiguous:
        raise LaunchError(
            f"{what} is not contiguous (strides {array.strides}). A kernel sees only the address of "
            "the first element: pass np.ascontiguousarray(...) of it."
        )


def check_array(array: np.ndarray, parameter: Parameter | None, type_: str, what: str) -> None:
    """Says so when an array does not fit the parameter.

    Raises:
        LaunchError: a number is wanted, the array is not contiguous, or of another dtype or byte
            order.
    """
    if type_ not in ("u64", "b64", "s64"):
        raise LaunchError(f"{what} is an array, but the kernel takes a number there.")
    if parameter and not parameter.pointer and parameter.type:
        raise LaunchError(
            f"{what} is an array, but the kernel takes `{parameter.type} {parameter.name}` there."
        )
    check_contiguous(array, what)
    wanted = ELEMENTS.get(parameter.type) if parameter else None
    if wanted and array.dtype.name not in wanted:
        raise LaunchError(
            f"{what} is {array.dtype}, but the kernel declares `{parameter.type}* {parameter.name}`. "
            f"Convert it with .astype(np.{wanted[0]}). A GPU would read wrong numbers and say nothing."
        )
    if not array.dtype.isnative:
        raise LaunchError(
            f"{what} has its bytes in another order than this machine ({array.dtype}). "
            "Convert it with .astype(x.dtype.newbyteorder('='))."
        )


def shape3(size: Sequence[int], what: str, most: tuple[int, int, int]) -> tuple[int, int, int]:
    """A grid or a block as three numbers.

    Raises:
        LaunchError: it is no tuple of one to three whole numbers from 1 to `most`.
    """
    try:
        numbers = tuple(int(n) for n in size)
        whole = all(n == m for n, m in zip(numbers, size, strict=True))
    except TypeError:
        raise LaunchError(
            f"the {what} is {size!r}; give a tuple of 1 to 3 numbers, ({size},)"
        ) from None
    if not 1 <= len(numbers) <= 3 or not whole:
        raise LaunchError(f"the {what} is {size!r}; give a tuple of 1 to 3 whole numbers")
    numbers += (1,) * (3 - len(numbers))
    if any(not 1 <= n <= m for n, m in zip(numbers, most, strict=True)):
        raise LaunchError(f"the {what} is {numbers}; each number must be from 1 to {most}")
    return numbers
