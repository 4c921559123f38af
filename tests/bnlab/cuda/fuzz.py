"""Random programs in the common part of C++ and CUDA C++, for a compiler and the lab to agree on."""

from __future__ import annotations

import ctypes
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bnlab import cuda

THREADS = 96
TYPES = {
    "int": "i4",
    "unsigned": "u4",
    "long long": "i8",
    "unsigned long long": "u8",
    "float": "f4",
    "double": "f8",
}
SHORT = dict(zip("iulkfd", TYPES, strict=True))  # {i} in a template is an int expression

# What an expression of each type may be: first what it may end in, then what it may be made of.
# Signed overflow, division by zero and shifts too far are undefined in C++ and left out.
LEAVES = {
    "i": ["a", "b", "c", "i", "SMALL"],
    "u": ["(unsigned)a", "(unsigned)b", "BITS"],
    "l": ["(long long)a * b", "(long long)c", "WIDE"],
    "k": ["(unsigned long long)a * b", "((unsigned long long)c << 17)"],
    "f": ["x", "y", "z", "REALf"],
    "d": ["(double)x * y", "(double)z", "REAL"],
}
NODES = {
    "i": [
        "(int)((unsigned){i} + (unsigned){i})",
        "(int)((unsigned){i} - (unsigned){i})",
        "(int)((unsigned){i} * (unsigned){i})",
        "quotient({i}, {i})",
        "rest({i}, {i})",
        "(int)((unsigned){i} << ({i} & 31))",
        "({i} >> ({i} & 31))",
        "({i} & {i})",
        "({i} ^ {i})",
        "(~{i} | {i})",
        "({i} < {i} ? {i} : {i})",
        "({f} < {f} ? {i} : {i})",
        "({i} < 0 && {u} > 99u || {i} == {i})",
        "min({i}, max({i}, {i}))",
        "(int){u}",
        "(int)({l} >> 16)",
        "whole({f})",
        "(int)(signed char){i}",
        "(int)(short){i}",
        "__popc({u})",
        "__clz({i})",
        "__ffs({i})",
    ],
    "u": [
        "({u} + {u})",
        "({u} * {u} - {u})",
        "({u} / ({u} | 1u))",
        "({u} % ({u} | 1u))",
        "({u} / DIVISORu)",
        "({u} % DIVISORu)",
        "({u} >> ({i} & 31))",
        "({u} | {u})",
        "({u} > {u} ? {u} : {u})",
        "(unsigned){i}",
        "(unsigned)(unsigned short){u}",
        "(unsigned)({k} >> 40)",
        "__umulhi({u}, {u})",
        "__brev({u})",
    ],
    "l": [
        "(long long)({k} + (unsigned long long){l})",
        "(long long)((unsigned long long){l} * {k})",
        "({l} / ({i} ? 7 : -13))",
        "({l} % 1000003)",
        "({l} >> ({i} & 63))",
        "(long long){i}",
        "({l} < {l} ? {l} : {l})",
        "(long long){k}",
    ],
    "k": [
        "({k} + {k})",
        "({k} * {k})",
        "({k} ^ {k} >> ({i} & 63))",
        "({k} << ({i} & 63))",
        "({k} / ({u} | 1u))",
        "({k} % ({k} | 1u))",
        "(unsigned long long){u}",
        "({k} > {k} ? {k} : {k})",
        "__umul64hi({k}, {k})",
    ],
    "f": [
        "({f} + {f})",
        "({f} - {f})",
        "({f} * {f})",
        "({f} / (1.f + {f} * {f}))",
        "fmaxf({f}, {f})",
        "fminf({f}, {f})",
        "sqrtf(fabsf({f}))",
        "fmaf({f}, {f}, {f})",
        "floorf({f})",
        "rintf({f})",
        "({f} < {f} ? {f} : {f})",
        "(float){i}",
        "(float){u}",
        "(float){l}",
        "(float){d}",
        "-{f}",
    ],
    "d": [
        "({d} + {d})",
        "({d} * {d} - {d})",
        "({d} / (1. + {d} * {d}))",
        "sqrt(fabs({d}))",
        "fma({d}, {d}, {d})",
        "fmax({d}, {d})",
        "(double){f}",
        "(double){l}",
        "(double){k}",
        "({d} <= {d} ? {d} : {d})",
    ],
}
BOTH = """\
static DEVICE int quotient(int p, int q) { return q == 0 || q == -1 ? p : p / q; }
static DEVICE int rest(int p, int q) { return q == 0 || q == -1 ? p : p % q; }
static DEVICE int whole(float v) { return v > -1e9f && v < 1e9f ? (int)v : 7; }
"""
HOST = """\
#include <math.h>
typedef unsigned long long u64;
static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }
static int __popc(unsigned v) { return __builtin_popcount(v); }
static int __clz(int v) { return v ? __builtin_clz(v) : 32; }
static int __ffs(int v) { return __builtin_ffs(v); }
static unsigned __umulhi(unsigned a, unsigned b) { return (u64)a * b >> 32; }
static u64 __umul64hi(u64 a, u64 b) { return (unsigned __int128)a * b >> 64; }
static unsigned __brev(unsigned v)
{
    unsigned r = 0;
    for (int j = 0; j < 32; j++) r |= (v >> j & 1u) << (31 - j);
    return r;
}
"""
PARAMETERS = (
    "const int* A, const int* B, const int* C, const float* X, const float* Y, const float* Z"
)
LOADS = "    int a = A[i], b = B[i], c = C[i];\n    float x = X[i], y = Y[i], z = Z[i];\n"


@dataclass(frozen=True)
class Random:
    """A random program: `length` values of changing types, each stored."""

    seed: int
    length: int = 24

    @property
    def body(self) -> str:
        rng = random.Random(self.seed)
        return "".join(statement(rng, k, "iulkfd"[k % 6], self.length) for k in range(self.length))

    @property
    def parameters(self) -> str:
        return PARAMETERS + "".join(f", {t}* out_{s}" for s, t in SHORT.items())

    @property
    def cuda(self) -> str:
        return (
            f"#define DEVICE __device__\n{BOTH}\n"
            f'extern "C" __global__ void k({self.parameters})\n'
            f"{{\n    int i = threadIdx.x;\n{LOADS}{self.body}}}\n"
        )

    @property
    def host(self) -> str:
        return (
            f"{HOST}#define DEVICE\n{BOTH}\n"
            f'extern "C" void k({self.parameters})\n'
            f"{{\n  for (int i = 0; i < {THREADS}; i++) {{\n{LOADS}{self.body}  }}\n}}\n"
        )

    def inputs(self) -> list[np.ndarray]:
        rng = np.random.default_rng(self.seed)
        wide = [rng.integers(-(2**31), 2**31, THREADS).astype("i4") for _ in range(2)]
        reals = [(3 * rng.standard_normal(THREADS)).astype("f4") for _ in range(3)]
        return [rng.integers(-100, 100, THREADS).astype("i4"), *wide, *reals]

    def outputs(self) -> dict[str, np.ndarray]:
        return {s: np.zeros((THREADS, self.length), TYPES[t]) for s, t in SHORT.items()}


def statement(rng: random.Random, k: int, short: str, length: int) -> str:
    """Declares v{k}, sends its threads different ways, stores it."""
    value, kind = f"v{k}", SHORT[short]
    text = f"    {kind} {value} = {expression(rng, short, rng.randint(1, 4))};\n"
    again = f"{value} = ({kind})({value} {'* 0.5f + y' if short in 'fd' else '* 3u + 1u'});"
    turns = f"for (int q = 0; q < (i * 5 & 15) % {rng.randint(2, 7)}; q++)"
    shape = rng.randint(0, 5)
    if short in "il":  # unsigned on the way: signed overflow is undefined
        again = f"{value} = ({kind})((unsigned long long){value} * 3u + 1u);"
    if shape == 0:
        text += f"    {turns} {again}\n"
    elif shape == 1:
        other = expression(rng, short, 1)
        text += f"    {turns} {{ if ({condition(rng)}) continue; {again} if (q == 3) break; }}\n"
        text += f"    if ({condition(rng)}) {value} = {other}; else {again}\n"
    elif shape == 2:
        cases = "".join(
            f" case {n}: {value} = {expression(rng, short, 1)}; {rng.choice(['break;', ''])}"
            for n in range(3)
        )
        text += f"    switch (i % 5) {{{cases} default: {again} }}\n"
    elif shape == 3:
        entries = ", ".join(f"({kind})({expression(rng, short, 1)})" for _ in range(4))
        text += f"    {kind} list{k}[4] = {{{entries}}};\n"
        text += f"    list{k}[a & 3] = {value};\n    {value} = list{k}[(i + b) & 3];\n"
    return text + f"    out_{short}[i * {length} + {k}] = {value};\n"


def condition(rng: random.Random) -> str:
    short = rng.choice("iulf")
    return f"{expression(rng, short, 1)} {rng.choice(['<', '>=', '==', '!='])} {expression(rng, short, 1)}"


def expression(rng: random.Random, short: str, depth: int) -> str:
    """A random expression of a type."""
    text = rng.choice(NODES[short] if depth else LEAVES[short])
    text = re.sub(r"\{(\w)\}", lambda m: expression(rng, m[1], depth - 1), text)
    return constants(rng, text)


def constants(rng: random.Random, text: str) -> str:
    draw = {
        "SMALL": lambda: f"({rng.randint(-1000, 1000)})",
        "BITS": lambda: f"{rng.randint(0, 2**32 - 1)}u",
        "WIDE": lambda: f"({rng.randint(-(10**12), 10**12)}LL)",
        "REALf": lambda: f"({rng.uniform(-4, 4):.3f}f)",
        "REAL": lambda: f"({rng.uniform(-4, 4):.3f})",
        "DIVISOR": lambda: str(rng.choice([3, 7, 10, 49, 784, 65537])),
    }
    return re.sub("SMALL|BITS|WIDE|REALf|REAL|DIVISOR", lambda m: draw[m[0]](), text)


def on_the_host(program: Random, folder: Path) -> dict[str, np.ndarray]:
    """The values by g++, without fused multiply-add of its own making."""
    source, library = folder / f"{program.seed}.cpp", folder / f"{program.seed}.so"
    source.write_text(program.host)
    flags = ["-O1", "-fwrapv", "-ffp-contract=off", "-w", "-shared", "-fPIC"]
    subprocess.run(["g++", *flags, str(source), "-o", str(library), "-lm"], check=True)
    arrays = [*program.inputs(), *(outputs := program.outputs()).values()]
    ctypes.CDLL(str(library)).k(*[a.ctypes.data_as(ctypes.c_void_p) for a in arrays])
    return outputs


def in_the_lab(program: Random) -> dict[str, np.ndarray]:
    outputs = program.outputs()
    arguments = (*program.inputs(), *outputs.values())
    report = cuda.examine(program.cuda, "k", (1,), (THREADS,), arguments, options=("--fmad=false",))
    assert report.ok, report.error
    return outputs


def bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(f"u{values.itemsize}")


def disagreements(program: Random, folder: Path) -> tuple[int, list[str]]:
    """How many values were compared, and the first wrong one of each type, in words."""
    wanted, got = on_the_host(program, folder), in_the_lab(program)
    compared, wrong = 0, []
    for place, short in enumerate(SHORT):
        columns = slice(place, None, 6)
        want, have = wanted[short][:, columns], got[short][:, columns]
        compared += want.size
        both_nan = (want != want) & (have != have)
        different = (bits(want) != bits(have)) & ~both_nan  # -0 is not 0
        if different.any():
            thread, column = np.argwhere(different)[0]
            lines = [
                line for line in program.body.splitlines() if f" v{6 * column + place} " in line
            ]
            says = f"g++ {want[thread, column]!r}, lab {have[thread, column]!r}: {lines[0].strip()}"
            wrong.append(f"seed {program.seed}, thread {thread}, {says}")
    return compared, wrong
