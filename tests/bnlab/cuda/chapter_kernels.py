"""The kernels of part 3 of the book: how each is launched, and what NumPy says.

Their parameters have the same names all over the book, so an argument is found by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from recipes import EPS, Batch, Launch, Recipe, channels_last, column, f4, i4, zeros

from bnlab.cuda.run.arguments import declared

FOLDER = Path(__file__).parents[3] / "chapters" / "3-cuda" / "kernels"
MOMENTUM = 0.1
BROKEN = {"count_warps.cu"}  # shows a race that one warp alone does not have
Arrays = Mapping[str, np.ndarray]


def inputs(b: Batch) -> Arrays:
    """What kernels read, by the name of the parameter."""
    return {
        "x": b.x,
        "dy": b.dy,
        "z": b.draw(*b.shape, seed=5),
        "gamma": b.gamma,
        "beta": b.beta,
        "mean": b.mean.astype(f4),
        "var": b.var.astype(f4),
        "save_mean": b.mean.astype(f4),
        "save_inv_std": b.inv_std.astype(f4),
        "running_mean": zeros(b.c),
        "running_var": np.ones(b.c, f4),
    }


def numbers(b: Batch) -> dict:
    return {
        "N": i4(b.n),
        "C": i4(b.c),
        "HW": i4(b.s),
        "eps": f4(EPS),
        "momentum": f4(MOMENTUM),
        "size": i4(b.x.size),
        "n": i4(b.x.size),
        "a": f4(1.5),
        "b": f4(-0.25),
        "stride": i4(33),
    }


def outputs(b: Batch) -> Arrays:
    """What they write, in float64, by the name of the parameter."""
    m = b.n * b.s
    return {
        "mean": b.mean,
        "var": b.var,
        "save_mean": b.mean,
        "save_inv_std": b.inv_std,
        "running_mean": MOMENTUM * b.mean,
        "running_var": (1 - MOMENTUM) + MOMENTUM * b.var * m / max(m - 1, 1),
        "sum": b.x.sum((0, 2, 3), dtype="f8"),
        "y": b.y,
        **b.backward,
    }


def masked_backward(b: Batch) -> Arrays:
    """Gradients of relu(batch norm(x))."""
    gradient = np.where(b.y > 0, b.dy, 0.0)
    dbeta, dgamma = gradient.sum((0, 2, 3)), (gradient * b.x_hat).sum((0, 2, 3))
    mean_path = (column(dbeta) + b.x_hat * column(dgamma)) / (b.n * b.s)
    dx = column(b.gamma * b.inv_std) * (gradient - mean_path)
    return {"dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def a_block_for_each_channel(b: Batch, threads: int) -> tuple[int, ...]:
    return (b.c,)


def a_thread_for_each_channel(b: Batch, threads: int) -> tuple[int, ...]:
    return (-(-b.c // threads),)


def a_thread_for_each_value(b: Batch, threads: int) -> tuple[int, ...]:
    return (-(-b.x.size // threads),)


def of_the_book(
    file: str,
    kernels: Mapping[str, Callable],
    written: str,
    *,
    changed: Callable[[Batch], Arrays] = lambda b: {},
    given: Callable[[Batch], Arrays] = lambda b: {},
    block: Callable[[int], tuple[int, ...]] = lambda threads: (threads,),
    **fields,
) -> Recipe:
    """A recipe for a file of the book.

    Args:
        kernels: grid of each kernel, in order of the launches.
        written: names of the arrays that they write.
        changed: expected arrays that are others than `outputs` says.
        given: arguments that are others than `inputs` says.
    """
    names = written.split()

    def launches(b: Batch, threads: int) -> list[Launch]:
        code, exact = (FOLDER / file).read_text(), {**outputs(b), **changed(b)}
        start = {name: zeros(*np.shape(exact[name])) for name in names}
        start |= {n: inputs(b)[n] for n in names if n.startswith("running")}
        known = {**numbers(b), **inputs(b), **start, **given(b)}
        return [
            Launch(
                kernel,
                grid(b, threads),
                block(threads),
                {p.name: known[p.name] for p in declared(code, kernel)},
            )
            for kernel, grid in kernels.items()
        ]

    def expected(b: Batch) -> Arrays:
        exact = {**outputs(b), **changed(b)}
        return {name: exact[name] for name in names}

    return Recipe(file, launches, expected, folder=FOLDER, **fields)


def one_block(b: Batch, threads: int) -> tuple[int, ...]:
    return (1,)


def halved(v: np.ndarray) -> np.ndarray:
    """Divided by 2 until it is at most 1."""
    return np.where(v > 1, v / 2 ** np.ceil(np.log2(np.maximum(v, 1))), v)


STATISTICS = "mean var"
FORWARD = "y running_mean running_var save_mean save_inv_std"
BACKWARD = "dx dgamma dbeta"
CHANNEL, VALUE, ONE = a_block_for_each_channel, a_thread_for_each_value, one_block
SUMS = {"tolerance": 4e-5}  # many terms of both signs

BOOK = [
    of_the_book("scale.cu", {"scale": VALUE}, "y", changed=lambda b: {"y": 1.5 * b.x - 0.25}),
    of_the_book(
        "scale_stride.cu",
        {"scale": lambda b, threads: (3,)},
        "y",
        changed=lambda b: {"y": 1.5 * b.x - 0.25},
    ),
    of_the_book("eval.cu", {"bn_eval": VALUE}, "y"),
    of_the_book("stats_thread.cu", {"bn_stats": a_thread_for_each_channel}, STATISTICS),
    of_the_book("stats_tree.cu", {"bn_stats": CHANNEL}, STATISTICS, threads=(256, 64, 2)),
    of_the_book("stats_shuffle.cu", {"bn_stats": CHANNEL}, STATISTICS),
    of_the_book("stats_welford.cu", {"bn_stats": CHANNEL}, STATISTICS),
    of_the_book("stats_shifted.cu", {"bn_stats": CHANNEL}, STATISTICS),
    of_the_book("stats_atomic.cu", {"bn_sums": CHANNEL}, "sum"),
    of_the_book(
        "nhwc.cu",
        {"bn_stats": lambda b, threads: (-(-b.c // 32),)},
        STATISTICS,
        given=lambda b: {"x": channels_last(b.x)},
        block=lambda threads: (32, 8),
        threads=(256,),
    ),
    of_the_book("forward.cu", {"bn_forward": CHANNEL}, FORWARD),
    of_the_book("forward_once.cu", {"bn_forward": CHANNEL}, FORWARD),
    of_the_book(
        "forward_float4.cu",
        {"bn_normalise": CHANNEL},
        "y",
        fits=lambda b: b.s % 4 == 0,
    ),
    of_the_book(
        "fused.cu",
        {"bn_add_relu": CHANNEL},
        FORWARD,
        changed=lambda b: {"y": np.maximum(b.y + inputs(b)["z"], 0)},
    ),
    of_the_book(
        "fused_parts.cu",
        {"add": VALUE},
        "y",
        given=lambda b: {"a": b.x, "b": b.dy},
        changed=lambda b: {"y": b.x.astype("f8") + b.dy},
    ),
    of_the_book(
        "fused_parts.cu", {"relu": VALUE}, "y", changed=lambda b: {"y": np.maximum(b.x, 0)}
    ),
    of_the_book("backward.cu", {"bn_backward": CHANNEL}, BACKWARD, **SUMS),
    of_the_book(
        "backward_split.cu",
        {"bn_backward_sums": lambda b, threads: (b.c, 3), "bn_backward_dx": VALUE},
        BACKWARD,
        **SUMS,
    ),
    of_the_book(
        "fused_backward.cu",
        {"bn_relu_backward": CHANNEL},
        BACKWARD,
        changed=masked_backward,
        **SUMS,
    ),
    of_the_book(
        "halve.cu",
        {"halve": ONE},
        "x",
        given=lambda b: {"x": b.draw(64, seed=6)},
        changed=lambda b: {"x": halved(b.draw(64, seed=6))},
        threads=(64,),
    ),
    of_the_book(
        "reverse.cu",
        {"reverse": ONE},
        "x",
        given=lambda b: {"x": b.draw(64, seed=6)},
        changed=lambda b: {"x": b.draw(64, seed=6)[::-1]},
        threads=(64,),
    ),
    of_the_book(
        "strided.cu",
        {"strided": ONE},
        "y",
        given=lambda b: {"x": b.draw(32 * 33, seed=6)},
        changed=lambda b: {"y": 2 * b.draw(32 * 33, seed=6)[::33]},
        threads=(32,),
    ),
]
