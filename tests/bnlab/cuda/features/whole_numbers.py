"""Integers of 8 to 128 bits."""

import numpy as np

from features.base import Feature, N, integers, zeros

A = integers(-1000, 1000, N, seed=3)
B = integers(1, 50, N, seed=4)
BITS = integers(0, 2**32, N, seed=5, dtype="u4")
BITS[:4] = (0, 1, 2**31, 2**32 - 1)
LONG = integers(-(2**62), 2**62, N, seed=6, dtype="i8")


def each(function, values) -> np.ndarray:
    """Python's own unlimited integers, one value at a time."""
    return np.array([function(int(v)) for v in values])


def signed(value: int, bits: int = 32) -> int:
    value &= 2**bits - 1
    return value - 2**bits if value >= 2 ** (bits - 1) else value


FEATURES = [
    Feature(
        name="int: division and remainder towards zero, shifts, min, max, abs",
        code="""\
extern "C" __global__ void k(const int* a, const int* b, int* y)
{
    int i = threadIdx.x, n = blockDim.x, p = a[i], q = b[i];
    y[i] = p / q;
    y[n + i] = p % q;
    y[2 * n + i] = p << 3;
    y[3 * n + i] = p >> 2;
    y[4 * n + i] = min(p, q) + 10000 * max(p, q);
    y[5 * n + i] = abs(p);
    y[6 * n + i] = p * q + 3;
    y[7 * n + i] = (p & q) | (p ^ ~q);
}
""",
        arguments={"a": A, "b": B, "y": zeros(8, N, dtype="i4")},
        expected=lambda a, b, y: {
            "y": [
                np.trunc(a / b),
                np.fmod(a, b),
                a << 3,
                a >> 2,
                np.minimum(a, b) + 10000 * np.maximum(a, b),
                abs(a),
                a * b + 3,
                (a & b) | (a ^ ~b),
            ]
        },
    ),
    Feature(
        name="division by constants, which the compiler makes multiplications",
        code="""\
extern "C" __global__ void k(const unsigned* a, unsigned* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = a[i] / 7;
    y[n + i] = a[i] % 49;
    y[2 * n + i] = a[i] / 784;
    y[3 * n + i] = (unsigned)((int)a[i] / 10);
}
""",
        arguments={"a": BITS, "y": zeros(4, N, dtype="u4")},
        expected=lambda a, y: {
            "y": [a // 7, a % 49, a // 784, each(lambda v: signed(int(signed(v) / 10)), a) % 2**32]
        },
    ),
    Feature(
        name="long long: product, division, remainder, shift, high half",
        code="""\
extern "C" __global__ void k(const long long* a, const int* b, long long* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = a[i] * b[i];
    y[n + i] = a[i] / b[i];
    y[2 * n + i] = a[i] % 1000003;
    y[3 * n + i] = a[i] >> 17;
    y[4 * n + i] = __mul64hi(a[i], a[i]);
}
""",
        arguments={"a": LONG, "b": B, "y": zeros(5, N, dtype="i8")},
        expected=lambda a, b, y: {
            "y": [
                [signed(int(p) * int(q), 64) for p, q in zip(a, b, strict=True)],
                [abs(int(p)) // int(q) * (1 if p >= 0 else -1) for p, q in zip(a, b, strict=True)],
                each(lambda v: abs(v) % 1000003 * (1 if v >= 0 else -1), a),
                a >> 17,
                each(lambda v: v * v >> 64, a),
            ]
        },
    ),
    Feature(
        name="high half of a product: __umulhi, __mulhi, __mul24",
        code="""\
extern "C" __global__ void k(const unsigned* a, unsigned* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __umulhi(a[i], 0x9E3779B9u);
    y[n + i] = (unsigned)__mulhi((int)a[i], -77777);
    y[2 * n + i] = (unsigned)__mul24((int)(a[i] & 0x7fffff), 1001);
}
""",
        arguments={"a": BITS, "y": zeros(3, N, dtype="u4")},
        expected=lambda a, y: {
            "y": [
                each(lambda v: v * 0x9E3779B9 >> 32, a),
                each(lambda v: (signed(v) * -77777 >> 32) % 2**32, a),
                each(lambda v: (v & 0x7FFFFF) * 1001 % 2**32, a),
            ]
        },
    ),
    Feature(
        name="bits: __popc, __clz, __ffs, __brev, rotation",
        code="""\
extern "C" __global__ void k(const unsigned* a, unsigned* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __popc(a[i]);
    y[n + i] = __clz(a[i]);
    y[2 * n + i] = __ffs(a[i]);
    y[3 * n + i] = __brev(a[i]);
    y[4 * n + i] = __funnelshift_l(a[i], a[i], i & 31);
}
""",
        arguments={"a": BITS, "y": zeros(5, N, dtype="u4")},
        expected=lambda a, y: {
            "y": [
                each(int.bit_count, a),
                each(lambda v: 32 - v.bit_length(), a),
                each(lambda v: (v & -v).bit_length(), a),
                each(lambda v: int(f"{v:032b}"[::-1], 2), a),
                [
                    (int(v) << (i & 31) | int(v) >> (32 - (i & 31))) & 0xFFFFFFFF
                    for i, v in enumerate(a)
                ],
            ]
        },
    ),
    Feature(
        name="bits of 64: __popcll, __clzll, __ffsll, __brevll",
        code="""\
extern "C" __global__ void k(const long long* a, unsigned long long* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __popcll(a[i]);
    y[n + i] = __clzll(a[i]);
    y[2 * n + i] = __ffsll(a[i]);
    y[3 * n + i] = __brevll(a[i]);
}
""",
        arguments={"a": LONG, "y": zeros(4, N, dtype="u8")},
        expected=lambda a, y: {
            "y": [
                each(lambda v: (v % 2**64).bit_count(), a).astype("u8"),
                each(lambda v: 64 - (v % 2**64).bit_length(), a).astype("u8"),
                each(lambda v: (v & -v).bit_length(), a).astype("u8"),
                np.array([int(f"{int(v) % 2**64:064b}"[::-1], 2) for v in a], "u8"),
            ]
        },
    ),
    Feature(
        name="bytes: __byte_perm, __dp4a, __sad",
        code="""\
extern "C" __global__ void k(const unsigned* a, unsigned* y)
{
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __byte_perm(a[i], 0x44332211u, 0x3175);
    y[n + i] = (unsigned)__dp4a((int)a[i], 0x01fe03fc, 100);
    y[2 * n + i] = __sad((int)(a[i] & 0xffff), 5000, 7u);
}
""",
        arguments={"a": BITS, "y": zeros(3, N, dtype="u4")},
        expected=lambda a, y: {
            "y": [
                each(lambda v: pick_bytes(v, 0x44332211, 0x3175), a),
                each(lambda v: (dot_bytes(v, 0x01FE03FC) + 100) % 2**32, a),
                each(lambda v: abs((v & 0xFFFF) - 5000) + 7, a),
            ]
        },
    ),
    Feature(
        name="char, bool, short and unsigned char wrap around",
        code="""\
extern "C" __global__
void k(const signed char* a, const bool* b, short* y, unsigned char* c)
{
    int i = threadIdx.x;
    y[i] = b[i] ? a[i] * 300 : -a[i];
    c[i] = a[i] + 1;
}
""",
        arguments={
            "a": integers(-128, 128, N, seed=7, dtype="i1"),
            "b": integers(0, 2, N, seed=8, dtype="?"),
            "y": zeros(N, dtype="i2"),
            "c": zeros(N, dtype="u1"),
        },
        expected=lambda a, b, y, c: {
            "y": np.where(b, a.astype("i4") * 300, -a.astype("i4")).astype("i2"),
            "c": (a.astype("i4") + 1).astype("u1"),
        },
    ),
    Feature(
        name="sums of 128 bits: add with carry in inline PTX",
        code="""\
extern "C" __global__ void k(const unsigned long long* a, unsigned long long* y)
{
    int i = threadIdx.x, n = blockDim.x;
    unsigned long long low, high;
    asm("add.cc.u64 %0, %2, %3;\\n\\t"
        "addc.u64   %1, %2, %3;"
        : "=l"(low), "=l"(high) : "l"(a[i]), "l"(a[n - 1 - i]));
    y[i] = low;
    y[n + i] = high;
}
""",
        arguments={"a": LONG.view("u8") << np.uint64(1), "y": zeros(2, N, dtype="u8")},
        expected=lambda a, y: {
            "y": [a + a[::-1], a + a[::-1] + (a + a[::-1] < a).astype("u8")],
        },
    ),
    Feature(
        name="__int128: product of two 64-bit numbers",
        code="""\
extern "C" __global__ void k(const long long* a, long long* y)
{
    int i = threadIdx.x, n = blockDim.x;
    __int128 p = (__int128)a[i] * a[n - 1 - i] + a[i];
    y[i] = (long long)p;
    y[n + i] = (long long)(p >> 64);
}
""",
        arguments={"a": LONG, "y": zeros(2, N, dtype="i8")},
        expected=lambda a, y: {
            "y": [
                [signed(int(p) * int(q) + int(p), 64) for p, q in zip(a, a[::-1], strict=True)],
                [int(p) * int(q) + int(p) >> 64 for p, q in zip(a, a[::-1], strict=True)],
            ]
        },
        options=("--device-int128",),
    ),
    Feature(
        name="bit fields and unions",
        code="""\
struct Fields { unsigned low : 5, middle : 11; int high : 16; };
union Both { unsigned whole; Fields fields; };

extern "C" __global__ void k(const unsigned* a, int* y)
{
    Both both;
    both.whole = a[threadIdx.x];
    both.fields.middle += 1;
    y[threadIdx.x] = both.fields.low + 100 * both.fields.middle + both.fields.high;
}
""",
        arguments={"a": BITS, "y": zeros(N, dtype="i4")},
        expected=lambda a, y: {
            "y": each(lambda v: (v & 31) + 100 * ((v >> 5) + 1 & 2047) + signed(v >> 16, 16), a)
        },
    ),
]


def pick_bytes(low: int, high: int, selector: int) -> int:
    """PTX prmt: four of the eight bytes of high:low, named by the nibbles of the selector."""
    both = low | high << 32
    chosen = [both >> 8 * (selector >> 4 * k & 7) & 255 for k in range(4)]
    return sum(byte << 8 * k for k, byte in enumerate(chosen))


def dot_bytes(a: int, b: int) -> int:
    return sum(signed(a >> 8 * k, 8) * signed(b >> 8 * k, 8) for k in range(4))
