"""Random programs of warp functions, and the same in plain Python, lane by lane."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

WORD = 2**32 - 1
Lanes = dict[int, int]  # values of the lanes that take part


def source(kind: str, lane: int, by: int, width: int) -> int:
    """The lane that a shuffle reads, as the CUDA C++ Programming Guide defines it
    ("Warp Shuffle Functions"): within groups of `width` lanes, its own if it would leave them."""
    first = lane // width * width
    if kind == "idx":
        return first + by % width
    if kind == "up":
        return lane - by if lane - by >= first else lane
    if kind == "down":
        return lane + by if lane + by < first + width else lane
    return lane ^ by if (lane ^ by) < first + width else lane


def shuffle(kind: str, by: int, width: int) -> Callable[[Lanes], Lanes]:
    return lambda lanes: {n: lanes[source(kind, n, by, width)] for n in lanes}


def ballot(limit: int) -> Callable[[Lanes], Lanes]:
    def run(lanes: Lanes) -> Lanes:
        votes = sum(1 << n for n, v in lanes.items() if v % 16 < limit)
        return dict.fromkeys(lanes, votes)

    return run


def match(lanes: Lanes) -> Lanes:
    low = {n: v & 3 for n, v in lanes.items()}
    return {n: sum(1 << m for m in low if low[m] == low[n]) for n in lanes}


def reduction(function: Callable) -> Callable[[Lanes], Lanes]:
    return lambda lanes: dict.fromkeys(lanes, function(list(lanes.values())) & WORD)


def exclusive_or(values: list[int]) -> int:
    total = 0
    for value in values:
        total ^= value
    return total


@dataclass(frozen=True)
class Step:
    """One warp function: its CUDA text with {} for the mask, and what it does to a warp."""

    text: str
    run: Callable[[Lanes], Lanes]


def steps(rng: random.Random, whole: bool) -> Step:
    """A random step; shuffles within a branch only read lanes that are there, so only of pairs."""
    width = rng.choice([2, 4, 8, 16, 32])
    choices = [
        Step("__reduce_add_sync({}, v)", reduction(sum)),
        Step("__reduce_max_sync({}, v)", reduction(max)),
        Step("__reduce_min_sync({}, v)", reduction(min)),
        Step("__reduce_xor_sync({}, v)", reduction(exclusive_or)),
        Step("__match_any_sync({}, v & 3)", match),
        Step("__shfl_xor_sync({}, v, 1)", shuffle("bfly", 1, 32)),
    ]
    limit = rng.randint(1, 15)
    choices.append(Step(f"__ballot_sync({{}}, v % 16 < {limit})", ballot(limit)))
    if whole:
        by = rng.randint(0, 31)
        for kind in ("up", "down"):
            text = f"__shfl_{kind}_sync({{}}, v, {by}, {width})"
            choices.append(Step(text, shuffle(kind, by, width)))
        choices.append(Step(f"__shfl_sync({{}}, v, {by}, {width})", shuffle("idx", by, width)))
        by %= width
        choices.append(Step(f"__shfl_xor_sync({{}}, v, {by}, {width})", shuffle("bfly", by, width)))
    return rng.choice(choices)


class WarpProgram:
    """Steps in a row, some of them by the lanes of one branch only."""

    threads, length = 96, 30

    def __init__(self, seed: int):
        rng = random.Random(seed)
        self.x = np.random.default_rng(seed).integers(0, 2**32, self.threads).astype("u4")
        self._plan = []
        for _ in range(self.length):
            # Pairs of lanes stay together, so that a shuffle with the neighbour is defined.
            pairs = 0 if rng.random() < 0.5 else rng.randint(2, 5)
            self._plan.append((pairs, steps(rng, whole=pairs == 0), steps(rng, whole=False)))

    @cached_property
    def code(self) -> str:
        lines = []
        for k, (pairs, step, other) in enumerate(self._plan):
            mix = f"v = v * 2654435761u + {k}u;"
            if pairs:
                condition = f"lane / 2 % {pairs} == 0"
                lines += [
                    f"    if ({condition}) {{",
                    f"        v ^= {step.text.format(f'PAIRS({pairs}, 0)')};",
                    "    } else {",
                    f"        v += {other.text.format(f'PAIRS({pairs}, 1)')};",
                    "    }",
                ]
            else:
                lines.append(f"    v ^= {step.text.format('0xffffffffu')};")
            lines.append(f"    {mix} y[{k} * n + i] = v;")
        return (
            "__device__ unsigned pairs(int m, bool rest)\n{\n    unsigned mask = 0;\n"
            "    for (int j = 0; j < 32; j++)\n"
            "        if ((j / 2 % m == 0) != rest) mask |= 1u << j;\n    return mask;\n}\n"
            "#define PAIRS(m, rest) pairs(m, rest)\n\n"
            'extern "C" __global__ void k(const unsigned* x, unsigned* y)\n{\n'
            "    int i = threadIdx.x, n = blockDim.x, lane = i % 32;\n    unsigned v = x[i];\n"
            + "\n".join(lines)
            + "\n}\n"
        )

    def expected(self) -> np.ndarray:
        """(length, threads) uint32: v after every step."""
        rows = np.zeros((self.length, self.threads), "u4")
        for warp in range(self.threads // 32):
            v = {n: int(self.x[32 * warp + n]) for n in range(32)}
            for k, (pairs, step, other) in enumerate(self._plan):
                if pairs:
                    mine = {n: v[n] for n in v if n // 2 % pairs == 0}
                    rest = {n: v[n] for n in v if n // 2 % pairs}
                    v |= {n: v[n] ^ new for n, new in step.run(mine).items()}
                    v |= {n: v[n] + new for n, new in other.run(rest).items()}
                else:
                    v = {n: v[n] ^ new for n, new in step.run(v).items()}
                v = {n: value * 2654435761 + k & WORD for n, value in v.items()}
                rows[k, 32 * warp : 32 * warp + 32] = [v[n] for n in range(32)]
        return rows
