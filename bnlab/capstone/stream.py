"""The study of momentum and a shift: streams without labels, arms, and their accuracies as records."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnlab.training import Data, accuracy, cnn, train

Stream = Callable[[torch.Tensor, int, int, int], list[torch.Tensor]]


def brighter(x: torch.Tensor) -> torch.Tensor:
    """The shift: every image with twice the contrast, and brighter, 2x + 1."""
    return 2 * x + 1


def swapped(y: torch.Tensor, a: int, b: int) -> torch.Tensor:
    """Labels with two classes exchanged; a new tensor."""
    return torch.where(y == a, b, torch.where(y == b, a, y))


def balanced(labels: torch.Tensor, size: int, steps: int, seed: int) -> list[torch.Tensor]:
    """Batches with the same number of each class.

    Args:
        labels: (N,) int64.
        size: rows per batch, a multiple of the number of classes.
        steps: how many batches.
        seed: of the order. No image comes again before all of its class have come.

    Returns a list of (size,) indices.

    Raises:
        ValueError: `size` is no multiple of the number of classes.
    """
    rng, classes = torch.Generator().manual_seed(seed), labels.unique()
    each = size // len(classes)
    if each * len(classes) != size or not each:
        raise ValueError(f"size is {size}; expected a multiple of {len(classes)}, the classes.")
    columns = [_in_turn(labels, c, each * steps, rng).view(steps, each) for c in classes]
    return list(torch.cat(columns, 1))


def sorted_by_class(
    labels: torch.Tensor, size: int, steps: int, seed: int, run: int = 5
) -> list[torch.Tensor]:
    """Batches of one class each; the class changes every `run` batches. Otherwise as `balanced`."""
    rng, classes = torch.Generator().manual_seed(seed), labels.unique()
    order = classes[torch.randperm(len(classes), generator=rng)]
    batches = []
    for number in range(0, steps, run):
        c = order[number // run % len(order)]
        batches += _in_turn(labels, c, size * run, rng).split(size)
    return batches[:steps]


def _in_turn(labels, label, n: int, rng: torch.Generator) -> torch.Tensor:
    """`n` rows of one class; each comes once before any comes again."""
    rows = (labels == label).nonzero().flatten()
    rounds = -(-n // len(rows))
    order = [rows[torch.randperm(len(rows), generator=rng)] for _ in range(rounds)]
    return torch.cat(order)[:n]


@torch.no_grad()
def after_stream(
    model: nn.Module, batches: Iterable[torch.Tensor], momentum: float | None, reset: bool = False
) -> nn.Module:
    """A copy in eval mode whose running statistics have seen the batches; its weights rest.

    Args:
        batches: images (n, …), unlabelled.
        momentum: of every batch norm during the stream; None: the plain average.
        reset: forget the statistics first. With momentum None, that is recalibration.
    """
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            layer.momentum = momentum
            if reset:
                layer.reset_running_stats()
    model.train()
    for x in batches:
        model(x)
    return model.eval()


def networks(data: Data, seed: int) -> dict[str, nn.Module]:
    """What each seed trains, on unshifted images: a CNN with batch norm, and one with group norm."""
    channels, found = data.x_train.shape[1], {}
    for norm, lr, epochs in (("bn", 0.1, 5), ("gn", 0.3, 9)):
        found[norm] = cnn(norm, channels=channels, seed=seed)
        train(found[norm], lr, epochs, seed=seed, data=data)
        found[norm].eval()
    return found


def shifted(data: Data) -> Data:
    """The same data with all images shifted."""
    parts = {f"x_{p}": brighter(getattr(data, f"x_{p}")) for p in ("train", "valid", "test")}
    return Data(**(vars(data) | parts))


def study(
    data: Data,
    trained: dict[int, dict[str, nn.Module]],
    momenta: Sequence[float],
    stream: Stream,
    steps: int,
    size: int = 10,
) -> list[dict]:
    """Runs every arm on every seed and returns a record per run: arm, seed, valid, test, before.

    Args:
        data: with a validation part.
        trained: per seed, what `networks` returns.
        momenta: the settings, arms named "momentum 0.1".
        stream: makes batches of rows of the training part, which arrive shifted and unlabelled.
        steps, size: of the stream.

    The controls: "frozen" keeps the statistics, "recalibrated" replaces them by the plain average
    over the same stream, "group norm" has none. `valid` and `test` are accuracies on shifted images,
    `before` that on unshifted test images: what adapting to the new costs for the old.
    """
    new, runs = shifted(data), []
    for seed, nets in trained.items():
        rows = stream(data.y_train, size, steps, seed)
        images = [new.x_train[some] for some in rows]
        arms = {f"momentum {m:g}": after_stream(nets["bn"], images, m) for m in momenta}
        arms["frozen"] = nets["bn"]
        arms["recalibrated"] = after_stream(nets["bn"], images, None, reset=True)
        arms["group norm"] = nets["gn"]
        for arm, model in arms.items():
            on_new = {part: accuracy(model, new, part) for part in ("valid", "test")}
            runs.append(dict(arm=arm, seed=seed) | on_new | dict(before=accuracy(model, data)))
    return runs
