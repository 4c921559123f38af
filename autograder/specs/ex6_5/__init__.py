"""6.5 Batch norm on many workers."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.spec import (
    FORGIVEN_ROUNDINGS,
    SINGLE_ROUNDOFF,
    Case,
    Exercise,
    Measured,
    condition_number,
    returned,
)
from autograder.specs.ex6_5.answers import RIGHT_WAYS
from autograder.specs.ex6_5.mistakes import MISTAKES
from autograder.specs.ex6_5.workers import run

FORWARD = ("y", "running_mean", "running_var")
BACKWARD = ("dx", "dgamma", "dbeta")
PARAMETERS = ("gamma", "beta", "running_mean", "running_var", "momentum", "eps")
DIGITS = "error of y, relative to its largest value"


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, task, *shapes, scale=1.0, offset=0.0, dtype="f8", **options):
        """Shards whose means lie apart, so that it counts what is between them."""
        c, shards = shapes[0][1], []
        std = scale * rng.uniform(0.7, 1.4, c)
        centres = rng.permutation(len(shapes)) * 1.5
        for shape, centre in zip(shapes, centres, strict=True):
            values = rng.normal(size=(c, shape[0], *shape[2:])).T.reshape(-1, c)
            values = offset + std * (values + centre + 0.5 * rng.normal(size=c))
            rows = values.reshape(shape[0], *shape[2:], c).astype(dtype)
            shards.append(np.ascontiguousarray(np.moveaxis(rows, -1, 1)))
        inputs = dict(
            task=task,
            shards=shards,
            dys=[rng.normal(size=shape).astype(dtype) for shape in shapes],
            gamma=rng.uniform(0.5, 2, c).astype(dtype),
            beta=rng.normal(size=c).astype(dtype),
            running_mean=(offset + rng.normal(size=c)).astype(dtype),
            running_var=rng.uniform(0.5, 2, c).astype(dtype),
            momentum=0.1,
            eps=1e-5,
        )
        inputs |= options
        return Case(name, inputs, *_condition_and_sizes(inputs))

    images = (2, 3, 2, 3), (4, 3, 2, 3), (1, 3, 2, 3)
    resized = (3, 3, 2, 2), (2, 3, 4, 3), (2, 3, 1, 2)
    return [
        case("two workers, 6 and 3 rows", "forward", (6, 4), (3, 4)),
        case("three workers with images, momentum 0.3", "forward", *images, momentum=0.3),
        case("images of other sizes on each worker, eps 0.1", "forward", *resized, eps=0.1),
        case("a worker with one row", "forward", (1, 5), (7, 5), (3, 5)),
        case("a worker with an empty shard", "forward", (4, 3), (0, 3), (6, 3)),
        case("one worker alone", "forward", (7, 3)),
        case("small values, std 0.01", "forward", (6, 4), (3, 4), scale=1e-2),
        case(
            "large offset, mean 1000, float32",
            "digits",
            (12, 3, 4, 2),
            (7, 3, 4, 2),
            scale=0.05,
            offset=1e3,
            dtype="f4",
        ),
        case("backward: two workers, 6 and 3 rows", "backward", (6, 4), (3, 4)),
        case("backward: images of other sizes", "backward", *resized, eps=0.1),
        case("backward: a worker with one row", "backward", (1, 5), (7, 5), (3, 5)),
        case("backward: a worker with an empty shard", "backward", (4, 3), (0, 3), (6, 3)),
        case("backward: one worker alone", "backward", (7, 3)),
    ]


def _rows(arrays):
    """All shards as one table with a column per channel."""
    return np.concatenate([np.moveaxis(a, 1, -1).reshape(-1, a.shape[1]) for a in arrays])


def _condition_and_sizes(inputs):
    """How much a rounding grows, and what errors of vanishing outputs are measured against."""
    x, dy = _rows(inputs["shards"]).astype(float), _rows(inputs["dys"]).astype(float)
    condition, dx = condition_number(x, 0, inputs["eps"]), np.abs(dy).max()
    dx = dx * float((inputs["gamma"] / np.sqrt(x.var(0) + inputs["eps"])).max())
    total = float(np.abs(dy).sum(0).max())
    sizes = dict(dx=dx, dgamma=total, dbeta=total)
    workers = range(len(inputs["shards"]))
    return condition, {f"{n} of worker {k}": s for n, s in sizes.items() for k in workers}


def call(sync_forward, sync_backward, task, shards, dys, **parameters):
    shared = {name: parameters[name] for name in PARAMETERS}
    results = run(sync_forward, [{"x": x} | shared for x in shards], "sync_forward")
    results = [returned(r, (*FORWARD, "cache"), "sync_forward") for r in results]
    if task == "digits":
        return {DIGITS: _error([y for y, *_ in results], shards, parameters)}
    if task == "forward":
        return _named(FORWARD, [result[:-1] for result in results])
    given = [dict(dy=dy, cache=cache) for dy, (*_, cache) in zip(dys, results, strict=True)]
    results = run(sync_backward, given, "sync_backward")
    return _named(BACKWARD, [returned(r, BACKWARD, "sync_backward") for r in results])


def _named(names, results):
    """The outputs of every worker by name, y of all workers first."""
    return {
        f"{name} of worker {k}": result[i]
        for i, name in enumerate(names)
        for k, result in enumerate(results)
    }


def _error(ys, shards, parameters):
    """Lost digits come out differently in each implementation: only their number can tell."""
    x = _rows(shards).astype(float)
    want = (x - x.mean(0)) / np.sqrt(x.var(0) + parameters["eps"])
    want = parameters["gamma"] * want + parameters["beta"]
    shapes = [np.shape(y) for y in ys]
    if shapes != [x.shape for x in shards]:
        return Measured(np.inf, f"y has the shapes {shapes}.", "shape")
    error = float(np.abs(_rows([np.asarray(y) for y in ys]) - want).max() / np.abs(want).max())
    if error <= _allowed(shards, parameters):
        return Measured(error, "", "")
    if np.isnan(error):
        return Measured(np.inf, "`y` is not finite: the root of a variance below 0?", "digits")
    return Measured(error, f"`y` is off by {error:.2g} of its largest value.", "digits")


def _allowed(shards, parameters):
    condition = condition_number(_rows(shards), 0, parameters["eps"])
    return FORGIVEN_ROUNDINGS * SINGLE_ROUNDOFF * condition


def reference(task, shards, dys, gamma, beta, running_mean, running_var, momentum, eps):
    """PyTorch on all rows at once, with γ and β of its own for every worker."""
    if task == "digits":
        return {DIGITS: _allowed(shards, dict(eps=eps))}
    x = torch.from_numpy(_rows(shards)).double().requires_grad_()
    mean, var = (torch.from_numpy(a).double() for a in (running_mean, running_var))
    x_hat = F.batch_norm(x, mean, var, training=True, momentum=momentum, eps=eps)
    counts = [a.size // a.shape[1] for a in shards]
    worker = torch.arange(len(shards)).repeat_interleave(torch.tensor(counts))
    own = [
        torch.from_numpy(p).double().repeat(len(shards), 1).requires_grad_() for p in (gamma, beta)
    ]
    y = own[0][worker] * x_hat + own[1][worker]
    if task == "forward":
        ys = _cut(y.detach().numpy(), shards)
        return _named(FORWARD, [(y, mean.numpy(), var.numpy()) for y in ys])
    dx, *grads = torch.autograd.grad(y, [x, *own], torch.from_numpy(_rows(dys)).double())
    dxs = _cut(dx.numpy(), shards)
    return _named(BACKWARD, list(zip(dxs, *(g.numpy() for g in grads), strict=True)))


def _cut(rows, shards):
    """The inverse of `_rows`."""
    ends = np.cumsum([a.size // a.shape[1] for a in shards])[:-1]
    shapes = [(a.shape[0], *a.shape[2:], a.shape[1]) for a in shards]
    parts = zip(np.split(rows, ends), shapes, strict=True)
    return [np.moveaxis(part.reshape(shape), -1, 1) for part, shape in parts]


def describe(inputs):
    """3 workers, float64; shards of shapes (2, 3), …; momentum 0.1, eps 1e-05"""
    shards = inputs["shards"]
    shapes = ", ".join(str(x.shape) for x in shards)
    workers = f"{len(shards)} workers" if len(shards) > 1 else "1 worker"
    return (
        f"{workers}, {shards[0].dtype}; shards of shapes {shapes}; "
        f"momentum={inputs['momentum']}, eps={inputs['eps']}"
    )


EXERCISE = Exercise(
    id="6.5",
    title="Batch norm on many workers",
    answers=("sync_forward", "sync_backward"),
    shows="sync_forward(x, …, all_reduce) on every worker, then sync_backward(dy, cache, all_reduce)",
    minutes=35,
    difficulty="demanding",
    points=6,
    read="Chapter 6.3, section “Statistics of all workers”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
