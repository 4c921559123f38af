"""4.4 The sweep: run it, return its numbers, answer from them."""

from __future__ import annotations

import numpy as np
import torch

from autograder.compare import NotNumbers, as_numbers, describe, difference, kept
from autograder.spec import (
    FORGIVEN_ROUNDINGS,
    SINGLE_ROUNDOFF,
    AnswerError,
    Case,
    Exercise,
    Measured,
    entry,
)
from autograder.specs.ex4_4.answers import RIGHT_WAYS
from autograder.specs.ex4_4.mistakes import MISTAKES
from autograder.specs.ex4_4.tables import TRAPS, conclusions, table
from autograder.specs.ex4_4.training import (
    DIVERGES,
    EPOCHS,
    HELD,
    PARTS,
    TRAIN,
    Builder,
    falls,
    is_stable,
    right_ones,
    run_again,
    running,
    split,
    weights,
)

# A rounding of the weights grows less than tenfold over the 27 steps of the cell (`is_stable`).
# Steps that are missing, or of other images, move the weights by a percent and more.
TOLERANCE = 1e-3
TWO_IMAGES = 2.5 / HELD
ONE_IMAGE = 1.01

VALID, TEST = "valid accuracy of it", "test accuracy of it"
FINE = "NaN where no run diverged"
WILD = "NaN for the run that diverged: valid, test"
NOT_THEIRS = "accuracies that the trained networks do not have"
NOT_FOLLOWING = "conclusions that do not follow from these results"


def cases(rng: np.random.Generator) -> list[Case]:
    def grid(name, arrays, norms, rates, seeds, again):
        k, r, s = again
        model, _ = run_again(arrays, norms[k], rates[r], seeds[s])
        inputs = dict(norms=norms, rates=rates, seeds=seeds, again=again, target=weights(model))
        return Case(
            name,
            inputs | arrays,
            condition=TOLERANCE / (FORGIVEN_ROUNDINGS * SINGLE_ROUNDOFF),
            scale=dict.fromkeys((VALID, TEST), TWO_IMAGES / TOLERANCE),
        )

    norms, arrays = [str(n) for n in rng.permutation(["bn", "ln"])], split(rng)
    rates = [float(r) for r in rng.permutation([0.3, 0.1])]
    r = int(rng.integers(1, 3))
    small = grid(
        "a small grid",
        arrays,
        norms=norms,
        rates=[*rates[:r], 1.0, *rates[r:]],
        # The last epoch is not the best: who reports the best is seen.
        seeds=[
            int(rng.integers(1000, 2000)),
            _seed(rng, arrays, "bn", 1.0, lambda seed: falls(arrays, "bn", 1.0, seed)),
        ],
        again=(norms.index("bn"), r, 1),
    )
    norms, arrays = [str(n) for n in rng.permutation(["bn", "none", "ln"])], split(rng)
    wild = grid(
        "a learning rate that diverges",
        arrays,
        norms=norms,
        rates=[DIVERGES, 0.2],
        # Some networks die with a finite loss before they diverge.
        seeds=[
            _seed(
                rng,
                arrays,
                "none",
                0.2,
                lambda seed: not run_again(arrays, "none", DIVERGES, seed)[1],
            )
        ],
        again=(norms.index("none"), 1, 0),
    )
    return [small, wild] + [
        Case(f"given results: {name}", table(rng, rows)) for name, rows in TRAPS.items()
    ]


def _seed(rng, arrays, norm, rate, suits):
    """A seed that suits, of a run in which a rounding stays one."""
    while True:
        seed = int(rng.integers(1, 1000))
        if suits(seed) and is_stable(arrays, norm, rate, seed):
            return seed


def call(sweep, conclude, **inputs):
    if "x_train" in inputs:
        return _swept(sweep, conclude, **inputs)
    return _concluded(conclude, **inputs)


def _swept(sweep, conclude, norms, rates, seeds, again, target, **arrays):
    sets = [tuple(torch.from_numpy(arrays[f"{a}_{part}"]) for a in "xy") for part in PARTS]
    shape = len(norms), len(rates), len(seeds)
    try:
        with Builder(cells=int(np.prod(shape))) as builder:
            results = sweep(builder, *sets, norms, rates, seeds, epochs=EPOCHS)
    except NotImplementedError:
        if _is_stub(conclude):
            raise
        return {"networks built": NotNumbers("nothing: `sweep` is not written yet")}
    if not builder.models:
        raise AnswerError("`sweep` never called `build(norm, seed)`: the networks come from there.")
    valid, test = (_accuracies(results, part, shape) for part in ("valid", "test"))
    for name, given in (("norms", norms), ("rates", rates)):
        if list(entry(results, name, "The result of `sweep`")) != given:
            raise AnswerError(f"`results[{name!r}]` should be {given}, as it was given to `sweep`.")
    outputs = {"networks built": len(builder.models)}
    fine = [r for r, rate in enumerate(rates) if rate != DIVERGES]
    outputs[FINE] = np.isnan(valid[:, fine]).sum() + np.isnan(test[:, fine]).sum()
    if DIVERGES in rates:
        wild = again[0], rates.index(DIVERGES), 0
        outputs[WILD] = np.isnan([valid[wild], test[wild]])
    # Whichever of the networks is the one: answers choose the order of their runs.
    alike = [m for norm, _, m in builder.models if norm == norms[again[0]]]
    if not alike:
        raise AnswerError(f"`sweep` built no network with norm {norms[again[0]]!r}.")
    model = min(alike, key=lambda m: np.abs(weights(m) - target).max())
    outputs |= {"weights of one run": weights(model), "running statistics of it": running(model)}
    outputs |= {VALID: valid[again], TEST: test[again]}
    outputs[NOT_THEIRS] = _not_theirs(builder, norms, seeds, {"valid": valid, "test": test}, arrays)
    outputs[NOT_FOLLOWING] = _not_following(conclude, results, norms, rates, valid, test)
    return outputs


def _is_stub(conclude):
    try:
        conclude(table(np.random.default_rng(0), TRAPS["one seed"]))
    except NotImplementedError:
        return True
    except Exception:
        return False
    return False


def _not_theirs(builder, norms, seeds, reported, arrays):
    count = sum(
        _missing(builder.of(norm, seed), numbers[k, :, s], arrays[f"x_{part}"], arrays[f"y_{part}"])
        for part, numbers in reported.items()
        for k, norm in enumerate(norms)
        for s, seed in enumerate(seeds)
    )
    return Measured(
        count,
        f"{count} accuracies of `valid` and `test` are not those that the networks have in eval "
        "mode, as `sweep` left them.",
        str(count or ""),
    )


def _missing(models, reported, x, y):
    """How many of the reported accuracies none of these networks has, to one image."""
    have = sorted(right_ones(model, x, y) for model in models)
    said = sorted(reported[~np.isnan(reported)] * len(y))
    if len(have) == len(said):
        return sum(abs(a - b) > ONE_IMAGE for a, b in zip(have, said, strict=True))
    return sum(all(abs(a - b) > ONE_IMAGE for a in have) for b in said)


def _not_following(conclude, results, norms, rates, valid, test):
    """Whether the conclusions follow from the answer's own results."""
    want = _unpacked(conclusions(norms, rates, valid, test), norms)
    try:
        found = _unpacked(conclude(results), norms)
    except NotImplementedError:  # then the cases about `conclude` say so
        found = want
    wrong = [
        f"`{name}`"
        for name, value in want.items()
        if difference(name, kept(found[name]), value, TOLERANCE)
    ]
    says = f"From the results of this sweep something else follows for {', '.join(wrong)}."
    return Measured(len(wrong), says, " ".join(wrong))


def _accuracies(results, part, shape):
    """One array of the results, if it has its form."""
    value = entry(results, part, "The result of `sweep`")
    numbers = as_numbers(value)
    if numbers is None or numbers.shape != shape:
        raise AnswerError(
            f"`results[{part!r}]` is {describe(value if numbers is None else numbers)}; expected "
            f"an array of shape {shape}: norms, rates, seeds."
        )
    return numbers.astype(float)


def _concluded(conclude, norms, rates, valid, test):
    try:
        found = conclude(dict(norms=norms, rates=rates, valid=valid, test=test))
    except NotImplementedError:
        unwritten = NotNumbers("nothing: `conclude` is not written yet")
        return dict.fromkeys(_unpacked(conclusions(norms, rates, valid, test), norms), unwritten)
    return _unpacked(found, norms)


def _unpacked(found, norms):
    """The conclusions as named arrays.

    Raises:
        AnswerError: something is missing, or the winner is none of the norms.
    """
    outputs = {}
    for norm in norms:
        of_norm = entry(found, norm, "The result of `conclude`")
        for name in ("rate", "test", "good"):
            value = entry(of_norm, name, f"`conclude(results)[{norm!r}]`")
            if isinstance(value, (set, range)):
                value = sorted(value)
            outputs[f"{name} of {norm}"] = value
    winner = entry(found, "winner", "The result of `conclude`")
    if winner is not None and winner not in norms:
        raise AnswerError(f"`winner` is {winner!r}; expected one of {norms} or None.")
    return outputs | {"winner: 1 or 0 per norm": np.array([norm == winner for norm in norms])}


def reference(norms, rates, **inputs):
    if "x_train" not in inputs:
        found = conclusions(norms, rates, inputs["valid"], inputs["test"])
        return {name: np.asarray(v) for name, v in _unpacked(found, norms).items()}
    k, r, s = inputs["again"]
    model, _ = run_again(inputs, norms[k], rates[r], inputs["seeds"][s])
    outputs = {"networks built": len(norms) * len(rates) * len(inputs["seeds"]), FINE: 0}
    if DIVERGES in rates:
        outputs[WILD] = [True, True]
    outputs |= {"weights of one run": weights(model), "running statistics of it": running(model)}
    for name, part in ((VALID, "valid"), (TEST, "test")):
        x, y = inputs[f"x_{part}"], inputs[f"y_{part}"]
        outputs[name] = right_ones(model, x, y) / len(y)
    return {
        name: np.asarray(v) for name, v in (outputs | {NOT_THEIRS: 0, NOT_FOLLOWING: 0}).items()
    }


def describe_inputs(inputs):
    """A case in words."""
    lists = {
        name: [f"{v:g}" for v in inputs[name]] for name in ("rates", "seeds") if name in inputs
    }
    words = [f"norms {', '.join(inputs['norms'])}"]
    words += [f"{name} {', '.join(values)}" for name, values in lists.items()]
    if "again" in inputs:
        k, r, s = inputs["again"]
        cell = f"{inputs['norms'][k]}, rate {inputs['rates'][r]:g}, seed {inputs['seeds'][s]}"
        words += [f"{TRAIN} images to train, epochs = {EPOCHS}", f"run again by the check: {cell}"]
    else:
        words += [f"valid and test: {inputs['valid'].shape}"]
    return "; ".join(words)


EXERCISE = Exercise(
    id="4.4",
    title="A fair sweep",
    answers=("sweep", "conclude"),
    shows="results = sweep(build, train_set, valid_set, test_set, norms, rates, seeds, epochs); "
    "conclude(results)",
    minutes=45,
    difficulty="demanding",
    points=6,
    read="Chapter 4.3, sections “How much is chance?” and “Pitfalls”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=60,
    describe=describe_inputs,
)
