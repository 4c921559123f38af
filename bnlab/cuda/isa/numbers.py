"""Number formats and integer arithmetic that NumPy does not have as CUDA has it."""

from __future__ import annotations

import numpy as np

F4, F8 = np.float32, np.float64
SMALLEST_NORMAL = np.finfo(F4).smallest_normal


def flush(x: np.ndarray) -> np.ndarray:
    """Subnormal float32 become zero of the same sign (`.ftz`)."""
    return np.where(np.abs(x) < SMALLEST_NORMAL, np.copysign(F4(0), x), x) if x.dtype == F4 else x


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """uint16 bits → float64."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(F4).astype(F8)


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """float64 → uint16 bits, rounded once, to nearest even."""
    with np.errstate(over="ignore"):
        single = x.astype(F4)
    # Round to odd on the way through float32, so that the second rounding is exact.
    wide = single.astype(F8)
    bits = single.view(np.uint32)
    inexact = (wide != x) & np.isfinite(single)
    bits = np.where(inexact & (np.abs(wide) > np.abs(x)), bits - np.uint32(1), bits)
    bits = np.where(inexact, bits | np.uint32(1), bits)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return np.where(np.isnan(x), 0x7FFF, rounded >> np.uint32(16)).astype(np.uint16)


def unpack(raw: np.ndarray, type_: str) -> np.ndarray:
    """Bits of f16, bf16, f16x2, bf16x2 → float64 of shape (lanes, 1 or 2)."""
    halves = raw.view(np.uint16).reshape(len(raw), -1)
    return from_bfloat16(halves) if type_.startswith("bf") else halves.view(np.float16).astype(F8)


def pack(x: np.ndarray, type_: str) -> np.ndarray:
    """The reverse of `unpack`, rounded to nearest even."""
    with np.errstate(over="ignore"):
        halves = to_bfloat16(x) if type_.startswith("bf") else x.astype(np.float16).view(np.uint16)
    halves = np.ascontiguousarray(halves)
    if type_.endswith("x2"):
        return halves.view(np.uint32).reshape(-1)
    halves = halves.reshape(-1)
    return halves.view(np.float16) if type_ == "f16" else halves


def two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a + b in float64 and the exact error of it (Knuth, TAOCP volume 2, section 4.2.2)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


DIRECTIONS = ("rz", "rm", "rp")  # towards zero, down, up


def round_towards(value: np.ndarray, error: np.ndarray | float, direction: str) -> np.ndarray:
    """float64 value + error → float32, rounded towards zero, down or up."""
    nearest = value.astype(F4)
    left = value - nearest  # exact; where it is 0, the error decides
    left = np.where(left == 0, error, left)
    down = {"rz": value > 0, "rm": True, "rp": False}[direction]
    below, above = np.nextafter(nearest, F4(-np.inf)), np.nextafter(nearest, F4(np.inf))
    rounded = np.where(down & (left < 0), below, nearest)
    rounded = np.where(~np.asarray(down) & (left > 0), above, rounded)
    return np.where(np.isfinite(value), rounded, nearest).astype(F4)


def fma32(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """a·b + c in float32: exact product, one rounding to double and one to float."""
    return (a.astype(F8) * b + c).astype(F4)


def fma64(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """a·b + c in float64, rounded once (Boldo and Melquiond, IEEE Transactions on Computers 57,
    2008: the small parts are summed with rounding to odd)."""
    product, lost = _two_product(a, b)
    low, lower = two_sum(c, lost)
    high, middle = two_sum(product, low)
    small, error = two_sum(lower, middle)
    even = (np.ascontiguousarray(small).view(np.int64) & 1) == 0
    to_odd = np.nextafter(small, np.copysign(np.inf, error))
    result = high + np.where((error != 0) & even, to_odd, small)
    # Overflow, infinities and NaN on the way: the rounded product is as good.
    return np.where(np.isfinite(result), result, a * b + c)


def _two_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a·b in float64 and the exact error of it (Dekker, Numerische Mathematik 18, 1971)."""
    (a_high, a_low), (b_high, b_low) = (_halves(x) for x in (a, b))
    product = a * b
    return product, a_low * b_low - (
        ((product - a_high * b_high) - a_low * b_high) - a_high * b_low
    )


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaled = F8(2**27 + 1) * x
    high = scaled - (scaled - x)
    return high, x - high


def divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Integer division towards zero, as in C. By zero: all bits set."""
    safe = np.where(b == 0, 1, b).astype(a.dtype)
    quotient = a // safe
    if a.dtype.kind == "i":
        quotient = quotient + (((a % safe) != 0) & ((a < 0) != (b < 0)))
    return np.where(b == 0, ~np.zeros(1, a.dtype), quotient).astype(a.dtype)


def remainder(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The remainder of `divide`; its sign is a's."""
    return np.where(b == 0, a, np.fmod(a, np.where(b == 0, 1, b).astype(a.dtype))).astype(a.dtype)


def high_half(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The upper half of an integer product."""
    bits = 8 * a.dtype.itemsize
    if bits < 64:
        wide = np.int64 if a.dtype.kind == "i" else np.uint64
        return ((a.astype(wide) * b.astype(wide)) >> wide(bits)).astype(a.dtype)
    products = [(int(x) * int(y)) >> 64 for x, y in np.broadcast(a, b)]
    return np.array([p & ((1 << 64) - 1) for p in products], np.uint64).view(a.dtype)


def shift_left(a: np.ndarray, by: np.ndarray) -> np.ndarray:
    """a << by; 0 when all bits are shifted out."""
    bits = 8 * a.dtype.itemsize
    shifted = a << np.minimum(by, bits - 1).astype(a.dtype)
    return np.where(by >= bits, 0, shifted).astype(a.dtype)


def shift_right(a: np.ndarray, by: np.ndarray) -> np.ndarray:
    """a >> by; the sign is repeated for signed a."""
    bits = 8 * a.dtype.itemsize
    shifted = a >> np.minimum(by, bits - 1).astype(a.dtype)
    return shifted if a.dtype.kind == "i" else np.where(by >= bits, 0, shifted).astype(a.dtype)


def bit_lengths(a: np.ndarray) -> np.ndarray:
    """Position of the highest set bit plus one, 0 for 0; int64."""
    return np.array([int(x).bit_length() for x in a], np.int64)
