"""7.2 Checkpoint: a training run and its record."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from autograder.compare import describe
from autograder.spec import AnswerError, Case, Exercise, entry
from autograder.specs.ex7_2.answers import RIGHT_WAYS
from autograder.specs.ex7_2.mistakes import MISTAKES
from autograder.specs.ex7_2.models import MODELS, make
from autograder.specs.ex7_2.reference import SIZE, reference

RECORD = ("loss", "norms", "valid", "diverged")


def cases(rng: np.random.Generator) -> list[Case]:
    # The first optimiser of a process loads PyTorch's compiler. That takes seconds, which must not
    # count as the learner's.
    torch.optim.SGD([torch.zeros(1)], lr=1.0)

    def case(name, model, epochs, rate, rest=7, channels=1, broken=None, bright=1.0):
        steps = 2 if broken is None else 3
        n, held = steps * SIZE + rest, int(rng.integers(41, 50))
        labels = rng.integers(0, 10, n + held)
        # Classes that can be told apart, so that the accuracies of epochs differ.
        centres = rng.normal(size=(10, channels, 5, 6))
        images = bright * centres[labels] + 0.7 * rng.normal(size=(n + held, channels, 5, 6))
        seed = int(rng.integers(1, 2**31))
        if broken is not None:
            epoch, step = broken
            images[_rows_of(n, seed, epoch)[step]] = np.nan
        inputs = dict(model=model, rate=rate, epochs=epochs, seed=seed, channels=channels)
        inputs |= dict(x_train=images[:n], y_train=labels[:n])
        return Case(name, inputs | dict(x_valid=images[n:], y_valid=labels[n:]))

    return [
        case("batch norm, blocks inside blocks", "bn", epochs=3, rate=0.3),
        case("no norm, biases, bright images", "plain", 2, 0.02, rest=31, channels=2, bright=20.0),
        case("batch norm and dropout, no rest", "dropout", epochs=3, rate=0.5, rest=0),
        case("layers in a list, own forward", "listed", epochs=2, rate=0.2, rest=1),
        case("a broken image in the second epoch", "plain", 3, 0.1, broken=(1, 1)),
        case("a broken image in the first batch", "plain", 2, 0.1, broken=(0, 0)),
    ]


def _rows_of(n, seed, epoch):
    """The image that comes first in each batch of an epoch, by the course's order of batches."""
    order = torch.Generator().manual_seed(seed)
    for _ in range(epoch + 1):
        rows = torch.randperm(n, generator=order)
    return [int(rows[k]) for k in range(0, n, SIZE)]


def call(fit, model, rate, epochs, seed, channels, **arrays):
    sets = [
        tuple(torch.from_numpy(arrays[f"{a}_{part}"]) for a in "xy") for part in ("train", "valid")
    ]
    net = make(model, channels, seed).train()
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        record = fit(net, *sets, rate, epochs, seed)
    finally:
        torch.set_rng_state(before)
    loss, norms, valid, diverged = (entry(record, key, "The record") for key in RECORD)
    if isinstance(diverged, torch.Tensor) and diverged.dtype == torch.bool:
        diverged = diverged.any().item()
    if not isinstance(diverged, (bool, np.bool_)):
        raise AnswerError(f"`record['diverged']` is {describe(diverged)}; expected True or False.")
    outputs = dict(loss=_row(loss, "loss"), norms=_table(norms), valid=_row(valid, "valid"))
    return outputs | {"diverged": int(diverged)} | after(net)


def after(net: nn.Module) -> dict[str, np.ndarray]:
    """What a run leaves in the network."""
    running = [b.flatten() for name, b in net.named_buffers() if "running" in name]
    weights = torch.cat([p.detach().flatten() for p in net.parameters()])
    outputs = {"weights after the run": weights.numpy()}
    if running:
        outputs["running statistics after the run"] = torch.cat(running).numpy()
    return outputs


def _numbers(value, name):
    """A list of numbers, tensors or arrays as one array, if it is one."""
    try:
        if isinstance(value, (list, tuple)):
            value = [np.asarray(v.detach() if hasattr(v, "detach") else v) for v in value]
        return np.asarray(value.detach() if hasattr(value, "detach") else value, dtype=float)
    except Exception:
        raise AnswerError(
            f"`record[{name!r}]` is no list of numbers: its entries have different lengths, or are "
            "no numbers."
        ) from None


def _row(value, name):
    numbers = _numbers(value, name)
    if numbers.ndim != 1:
        raise AnswerError(
            f"`record[{name!r}]` is {describe(numbers)}; expected a list with a number for each "
            f"{'epoch' if name == 'valid' else 'step'}."
        )
    return numbers


def _table(value):
    rows = value if isinstance(value, np.ndarray) else list(value)
    if isinstance(rows, list):
        rows = [torch.stack(list(r)) if _tensors(r) else r for r in rows]
    return _numbers(rows, "norms") if len(rows) else np.zeros((0, 0))


def _tensors(row):
    return isinstance(row, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in row)


def wanted(model, channels, **inputs):
    net = make(model, channels, inputs["seed"])
    record = reference(net.train(), **inputs)
    return record | after(net)


def describe_call(inputs):
    """A case in words."""
    return (
        f"network: {MODELS[inputs['model']]}, rate = {inputs['rate']:g}, epochs = "
        f"{inputs['epochs']}, seed = {inputs['seed']}, images to train: "
        f"{inputs['x_train'].shape}, to validate: {inputs['x_valid'].shape}, float64"
    )


EXERCISE = Exercise(
    id="7.2",
    title="Checkpoint: a run and its record",
    answers=("fit",),
    shows="record = fit(model, train_set, valid_set, rate, epochs, seed)",
    minutes=30,
    difficulty="moderate",
    points=4,
    read="Chapter 4.3, sections “The learning rate” and “Pitfalls”",
    cases=cases,
    call=call,
    reference=wanted,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe_call,
)
