"""Batch-norm kernels that no chapter shows, of other kinds than the chapters' own."""

from __future__ import annotations

import numpy as np
from recipes import EPS, Batch, Launch, Recipe, channels_last, f4, i4, sizes, zeros


def nhwc_forward(batch: Batch, threads: int) -> list[Launch]:
    """Two-dimensional blocks; the grid is ragged where C is no multiple of 32."""
    arguments = {
        "x": channels_last(batch.x),
        "gamma": batch.gamma,
        "beta": batch.beta,
        "y": zeros(*channels_last(batch.x).shape),
        "mean": zeros(batch.c),
        "var": zeros(batch.c),
        "M": i4(batch.n * batch.s),
        "C": i4(batch.c),
        "eps": f4(EPS),
    }
    return [Launch("nhwc_forward", (-(-batch.c // 32),), (32, threads // 32), arguments)]


def atomic_backward(batch: Batch, threads: int) -> list[Launch]:
    statistics = {"mean": batch.mean.astype(f4), "inv_std": batch.inv_std.astype(f4)}
    sums = {"dgamma": zeros(batch.c), "dbeta": zeros(batch.c)}
    inputs = {"x": batch.x, "dy": batch.dy}
    first = {**inputs, **statistics, **sums, **sizes(batch)}
    second = {
        **inputs,
        "gamma": batch.gamma,
        **statistics,
        **sums,
        "dx": zeros(*batch.shape),
        **sizes(batch),
    }
    return [
        Launch("backward_sums", (3, batch.c), (threads,), first),
        Launch("backward_apply", (-(-batch.x.size // threads),), (threads,), second),
    ]


def half_forward(batch: Batch, threads: int) -> list[Launch]:
    """Launched twice: the second finds the counters as the first left them."""
    arguments = {
        "x": batch.x.astype("f2"),
        "gamma": batch.gamma,
        "beta": batch.beta,
        "y": zeros(*batch.shape, dtype="f2"),
        "part": zeros(batch.c * 3, 2),
        "finished": zeros(batch.c, dtype="u4"),
        **sizes(batch),
        "eps": f4(EPS),
    }
    return 2 * [Launch("half_forward", (3, batch.c), (threads,), arguments)]


def half_reference(batch: Batch) -> dict[str, np.ndarray]:
    x = batch.x.astype("f2").astype("f8")
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    gamma, beta = batch.gamma[:, None, None], batch.beta[:, None, None]
    return {"y": gamma * (x - mean) / np.sqrt(var + EPS) + beta, "finished": zeros(batch.c)}


def groups_of(batch: Batch) -> int:
    """The most groups, up to four, that divide the channels."""
    return max(g for g in (1, 2, 3, 4) if batch.c % g == 0)


def group_norm(batch: Batch, threads: int) -> list[Launch]:
    arguments = {
        "x": batch.x,
        "gamma": batch.gamma,
        "beta": batch.beta,
        "y": zeros(*batch.shape),
        "C": i4(batch.c),
        "S": i4(batch.s),
        "groups": i4(groups_of(batch)),
        "eps": f4(EPS),
    }
    return [Launch("group_norm", (batch.n * groups_of(batch),), (threads,), arguments)]


def group_reference(batch: Batch) -> dict[str, np.ndarray]:
    groups = batch.x.astype("f8").reshape(batch.n, groups_of(batch), -1)
    var = groups.var(2, keepdims=True)
    x_hat = (groups - groups.mean(2, keepdims=True)) / np.sqrt(var + EPS)
    y = batch.gamma[:, None, None] * x_hat.reshape(batch.shape) + batch.beta[:, None, None]
    return {"y": y}


UNSEEN = {
    recipe.file: recipe
    for recipe in (
        Recipe(
            "nhwc_forward.cu",
            nhwc_forward,
            lambda b: {"y": b.y.transpose(0, 2, 3, 1), "mean": b.mean, "var": b.var},
            threads=(256, 64, 32),
        ),
        Recipe("atomic_backward.cu", atomic_backward, lambda b: b.backward, tolerance=4e-5),
        # Half precision rounds y to 11 bits.
        Recipe("half_forward.cu", half_forward, half_reference, tolerance=2.0**-10),
        Recipe("group_norm.cu", group_norm, group_reference),
    )
}
