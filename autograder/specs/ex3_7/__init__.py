"""3.7 Channels last at the least traffic."""

from __future__ import annotations

import numpy as np
import torch

from autograder import draw
from autograder.kernels import SECONDS, Kernel
from autograder.spec import Case, Exercise, Measured, condition_number
from autograder.specs.ex3_7.answers import RIGHT_WAYS
from autograder.specs.ex3_7.mistakes import MISTAKES
from bnlab.cuda.report import SECTOR

KERNEL = Kernel("bn_forward")
LANES = 32
# Of what two reads of x and one write of y move in whole sectors.
MOST_TRAFFIC = 1.1


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, rows, scale=1.0, offset=0.0, eps=1e-5):
        c = shape[-1]
        x = np.empty(shape, np.float32)
        for j in range(c):
            x[..., j] = draw.batch(rng, x[..., j].size, scale, offset).reshape(shape[:-1])
        gamma, beta = (
            np.array([draw.signed(rng, 0.5, 2.0) for _ in range(c)], np.float32) for _ in range(2)
        )
        blocks = -(-c // LANES)
        inputs = dict(grid=(blocks,), block=(LANES, rows), x=x, gamma=gamma, beta=beta, eps=eps)
        return Case(name, inputs, condition_number(x, axis=(0, 1, 2)))

    return [
        case("two blocks of channels, C = 64", (2, 5, 5, 64), 8),
        case("pixels that 16 rows do not divide", (3, 5, 7, 32), 16),
        case("four rows, C = 40", (2, 4, 6, 40), 4),
        case("one channel, C = 1", (4, 3, 5, 1), 8),
        case("rows of memory that begin within a sector, C = 33", (2, 6, 4, 33), 8),
        case("fewer pixels than rows, N·HW = 3", (3, 1, 1, 32), 8),
        case("small values, std 0.01", (2, 6, 5, 32), 16, scale=1e-2, eps=1e-4),
        case("large offset, mean 1000", (4, 7, 9, 48), 8, offset=1e3),
    ]


def least_traffic(n: int, c: int, rows: int) -> int:
    """Bytes that n pixels of c channels move when x is read twice and y written once.

    Whole sectors, 32 channels at a time, and one more pixel of x for each row of threads.
    """
    pixels = sum(_sectors_of_pixel(pixel, c) for pixel in range(n))
    return SECTOR * (3 * pixels + rows * _sectors_of_pixel(0, c))


def _sectors_of_pixel(pixel: int, c: int) -> int:
    """Sectors that hold its channels, counted for each 32 of them."""
    count = 0
    for first in range(0, c, LANES):
        start, end = (4 * (pixel * c + k) for k in (first, min(first + LANES, c)))
        count += (end - 1) // SECTOR - start // SECTOR + 1
    return count


def call(forward_source, grid, block, x, gamma, beta, eps):
    n, h, w, c = x.shape
    saved = dict(save_mean=np.empty(c, np.float32), save_inv_std=np.empty(c, np.float32))
    arguments = dict(x=x, gamma=gamma, beta=beta, y=np.empty_like(x)) | saved
    arguments |= dict(N=np.int32(n), C=np.int32(c), HW=np.int32(h * w), eps=np.float32(eps))
    launched = KERNEL.launch(forward_source, grid, block, arguments, ("y", *saved))
    if not counts(x, block):
        return launched.outputs
    moved = launched.moved.get("x", 0) + launched.moved.get("y", 0)
    times = moved / least_traffic(n * h * w, c, block[1])
    return launched.outputs | {"traffic of x and y": _judged(times, launched.arrays)}


def counts(x: np.ndarray, block: tuple[int, ...]) -> bool:
    """Whether traffic is judged: with a few pixels the free one of each row would be most of it."""
    return x.size // x.shape[-1] > 2 * block[1]


def _judged(times: float, arrays) -> Measured:
    kind = ""
    if times > MOST_TRAFFIC:
        again = arrays["x"].read_times > 2.5
        kind = "x read too often" if again else "sectors moved for nothing"
    reads = arrays["x"].read_times if "x" in arrays else 0
    says = (
        f"x and y move {times:.2f} times the bytes of two reads and one write (x is read "
        f"{reads:.1f} times)."
    )
    return Measured(times, says, kind)


def reference(grid, block, eps, **arrays):
    x, gamma, beta = (torch.from_numpy(a).double() for a in arrays.values())
    eps = float(np.float32(eps))
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2), correction=0)
    inv_std = (var + eps).rsqrt()
    y = gamma * (x - mean) * inv_std + beta
    outputs = {"y": y.numpy(), "save_mean": mean.numpy(), "save_inv_std": inv_std.numpy()}
    if counts(arrays["x"], block):
        outputs["traffic of x and y"] = np.asarray(MOST_TRAFFIC)
    return outputs


EXERCISE = Exercise(
    id="3.7",
    title="Channels last at the least traffic",
    answers=("nhwc_source",),
    shows="bn_forward<<<(ceil(C / 32),), (32, rows)>>>(x, gamma, beta, y, save_mean, save_inv_std, N, C, HW, eps)",
    minutes=45,
    difficulty="stretch",
    points=6,
    read="Chapter 3.3, section “Channels last”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=SECONDS,
    accepts=KERNEL.accepts,
    describe=KERNEL.describe,
)
