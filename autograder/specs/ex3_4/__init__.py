"""3.4 Warp shuffles, stable at a large offset."""

from __future__ import annotations

import numpy as np
import torch

from autograder import draw, workload
from autograder.kernels import SECONDS, Kernel, Launched
from autograder.spec import (
    SINGLE_ROUNDOFF,
    AnswerError,
    Case,
    Exercise,
    Measured,
    condition_number,
)
from autograder.specs.ex3_4.answers import RIGHT_WAYS
from autograder.specs.ex3_4.mistakes import MISTAKES
from bnlab.cuda.compiler import compile_program

KERNEL = Kernel("bn_stats")
WALKS = 2  # over x
AXES = (0, 2, 3)
FAR = 100.0  # standard deviations: from there on the error of the variance is measured
SHARED, ATOMICS = "shared memory of a block", "atomics by threads"
# Three floats for each of 32 warps. A tree for 256 threads needs 512 bytes, if its upper half
# hands over to the lower one, and else 1024.
MOST_SHARED = 384
# Of each warp: enough for sums of any kind that lane 0 adds. A thread each makes 32.
MOST_ATOMICS = 8
# Roundings that the variance may lose, times mean/std. Welford's updates lose a tenth of one,
# E[x²] − E[x]² some hundred and more.
ROUNDINGS = 8


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, shape, threads, scale=1.0, far=0.0, alike=False):
        """Means lie `far` standard deviations from 0, or a bit more.

        They have one sign and then the other, unless the channels are alike: then any value
        of x is near all means.
        """
        x = np.empty(shape)
        offset = far * scale * draw.signed(rng, 1.0, 1.4)
        for j in range(shape[1]):
            x[:, j] = draw.batch(rng, x[:, j].size, scale, offset).reshape(x[:, j].shape)
            offset = offset if alike else -offset
        x = x.astype(np.float32)
        # Far from 0 the digits of the variance are measured, and the mean loses none.
        condition = 1.0 if far else condition_number(x, axis=AXES)
        return Case(name, dict(grid=(shape[1],), block=(threads,), x=x), condition)

    return [
        case("blocks of 64", (2, 3, 8, 9), 64),
        case("a warp and a half, 48 threads", (3, 4, 5, 7), 48),
        case("a warp and a thread, 33 threads", (2, 3, 7, 8), 33),
        case("one channel, C = 1, in a block of 96", (3, 1, 8, 8), 96),
        case("fewer values than threads, blocks of 100", (2, 3, 3, 3), 100),
        case("one warp, small values, std 0.01", (2, 4, 5, 7), 32, scale=1e-2),
        case("blocks of 256, ragged", (3, 2, 7, 13), 256),
        case("a mean of 1000 standard deviations", (3, 6, 7, 9), 128, far=1e3),
        case("the same at std 0.01, in blocks of 80", (2, 6, 9, 11), 80, 1e-2, 1e3, alike=True),
    ]


def call(shuffle_source, grid, block, x):
    n, c, h, w = x.shape
    arrays = dict(x=x, mean=np.empty(c, np.float32), var=np.empty(c, np.float32))
    sizes = dict(N=np.int32(n), C=np.int32(c), HW=np.int32(h * w))
    launched = KERNEL.launch(shuffle_source, grid, block, arrays | sizes, ("mean", "var"))
    workload.all_meet(launched)
    outputs = dict(launched.outputs)
    if _ratio(x) > FAR:
        outputs["var"] = _error(outputs["var"].arrays, x)
    work = workload.measured(launched, x, block, WALKS) | _exchange(launched, block)
    if not any(amount.kind for amount in work.values()):
        _shuffles(shuffle_source)
    return outputs | work


def _shuffles(source: str) -> None:
    """A kernel within all limits has shuffles, or found a way that nobody wants."""
    if "shfl.sync" not in compile_program(source).ptx:
        kind = "no shuffle"
        raise AnswerError(
            "The kernel has no shuffle. Let the lanes of a warp add up by __shfl_sync or one of "
            "its kin.",
            kind=kind,
            slip=kind,
        )


def _ratio(x: np.ndarray) -> float:
    """The largest mean/std of a channel."""
    return condition_number(x, AXES, eps=0.0)


def _limit(x: np.ndarray) -> float:
    """The largest error of the variance that passes, relative to its largest value."""
    return ROUNDINGS * SINGLE_ROUNDOFF * _ratio(x)


def _error(runs, x: np.ndarray) -> Measured:
    """The error of the variance. The digits that a formula loses are noise, which differs from
    one order of additions to the next: so only the size of the error is looked at."""
    want = x.var(AXES, dtype=np.float64)
    error = max(float(np.abs(var - want).max() / want.max()) for var in runs.values())
    if not np.isfinite(error):
        return Measured(np.inf, "`var` is not finite, or not written.", "not finite")
    says = f"`var` is off by {error:.2g} of its largest value."
    return Measured(error, says, "digits lost" if error > _limit(x) else "")


def _exchange(launched: Launched, block) -> dict[str, Measured]:
    """By which means the threads of a block hand each other their sums."""
    report = launched.report
    size = report.shared_bytes
    says = (
        f"A block takes {size} bytes of shared memory, and {MOST_SHARED} must do. With shuffles, it "
        "needs a few numbers for each warp."
    )
    atomics = sum(a.threads for _, a in report.accesses if a.kind == "atomic")
    waiting = (
        f"Threads make {atomics} atomic additions. With shuffles, a few for each warp will do."
    )
    return {
        SHARED: Measured(size, says, "tree" if size > MOST_SHARED else ""),
        ATOMICS: Measured(
            atomics, waiting, "atomics" if atomics > _most_atomics(report.grid[0], block) else ""
        ),
    }


def _most_atomics(blocks: int, block) -> int:
    return MOST_ATOMICS * blocks * -(-block[0] // workload.LANES)


def reference(grid, block, x):
    var, mean = torch.var_mean(torch.from_numpy(x).double(), AXES, correction=0)
    far = _ratio(x) > FAR
    judged = np.asarray(_limit(x)) if far else var.numpy()
    most = {SHARED: MOST_SHARED, ATOMICS: _most_atomics(grid[0], block)}
    most = {name: np.asarray(float(amount)) for name, amount in most.items()}
    return {"mean": mean.numpy(), "var": judged} | workload.limits(x, block, WALKS) | most


EXERCISE = Exercise(
    id="3.4",
    title="Warp shuffles that keep their digits",
    answers=("shuffle_source",),
    shows="bn_stats<<<(C,), block>>>(x, mean, var, N, C, HW)",
    minutes=45,
    difficulty="demanding",
    points=8,
    read="Chapter 3.2, sections “Warp shuffles” and “Which formula?”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=SECONDS,
    accepts=KERNEL.accepts,
    describe=KERNEL.describe,
)
