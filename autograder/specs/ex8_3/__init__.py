"""8.3 Checkpoint: a latency report, measured on a clock of the grader's."""

from __future__ import annotations

import numpy as np

from autograder.spec import AnswerError, Case, Exercise, entry
from autograder.specs.ex8_3.answers import RIGHT_WAYS
from autograder.specs.ex8_3.machine import Machine
from autograder.specs.ex8_3.mistakes import MISTAKES

NAMES = ("eager", "shipped")


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, rounds, warmup, share=1.0, **facts):
        """`share`: of the ratio that is measured, the target."""
        machine = dict(
            seed=int(rng.integers(2**31)),
            eager=float(rng.uniform(2e-4, 4e-4)),
            shipped=float(rng.uniform(5e-5, 1.5e-4)),
        )
        inputs = dict(machine=machine | facts, rounds=rounds, warmup=warmup)
        ratio = _ratio(*_ideal(**inputs))
        return Case(name, inputs | dict(target=float(ratio * share)))

    return [
        case("a quiet machine", rounds=40, warmup=3),
        case("slow first calls", rounds=30, warmup=5, first=4, share=0.9),
        case("a machine that slows down", rounds=60, warmup=2, drift=0.02, share=1.1),
        case("the first of a round pays for the second", rounds=50, warmup=4, cold=0.5, share=1.2),
        case("now and then a long call", rounds=201, warmup=2, spikes=0.04, share=0.5),
        case("few rounds", rounds=7, warmup=1, spikes=0.3, share=1.5),
        case("no warm-up asked for", rounds=12, warmup=0, first=3, share=0.8),
        case("the shipped one is slower", rounds=25, warmup=2, slower=3.0, share=1.3),
    ]


def call(race, machine, rounds, warmup, target):
    run = Machine(**machine)
    report = race(
        run.function("eager"),
        run.function("shipped"),
        target,
        rounds=rounds,
        warmup=warmup,
        clock=run.clock,
    )
    if not run.read:
        raise AnswerError(
            "The clock was never read. Take every time from `clock()`: the check has one of its own.",
            kind="OwnClock",
            slip="the clock was never read",
        )
    outputs = {}
    for name in NAMES:
        of_one = entry(report, name, "The report")
        for p in ("p50", "p99"):
            outputs[f"{p} of {name}"] = entry(of_one, p, f"`report[{name!r}]`")
    outputs["ratio"] = entry(report, "ratio", "The report")
    meets = entry(report, "meets", "The report")
    if not isinstance(meets, (bool, np.bool_)):
        raise AnswerError(f"`meets` is {meets!r:.40}; expected True or False.")
    calls = np.array([run.calls[name] for name in NAMES])
    return outputs | {"meets: 1 or 0": np.array(int(meets)), "calls of eager, shipped": calls}


def _ideal(machine, rounds, warmup):
    """The times of eager and shipped, each (rounds,), as the task asks to take them."""
    run = Machine(**machine)
    functions = {name: run.function(name) for name in NAMES}
    for function in (*functions.values(),) * warmup:
        function()
    times = {name: [] for name in NAMES}
    for number in range(rounds):
        for name in NAMES if number % 2 == 0 else NAMES[::-1]:
            start = run.clock()
            functions[name]()
            times[name].append(run.clock() - start)
    return times["eager"], times["shipped"]


def _ratio(eager, shipped):
    return np.median(np.divide(eager, shipped))


def reference(machine, rounds, warmup, target):
    eager, shipped = _ideal(machine, rounds, warmup)
    outputs = {}
    for name, times in zip(NAMES, (eager, shipped), strict=True):
        outputs[f"p50 of {name}"] = np.quantile(times, 0.5)
        outputs[f"p99 of {name}"] = np.quantile(times, 0.99, method="inverted_cdf")
    ratio = _ratio(eager, shipped)
    calls = np.full(2, rounds + warmup)
    return outputs | {
        "ratio": ratio,
        "meets: 1 or 0": np.array(int(ratio >= target)),
        "calls of eager, shipped": calls,
    }


def describe(inputs):
    return (
        f"rounds = {inputs['rounds']}, warmup = {inputs['warmup']}, target = "
        f"{inputs['target']:.4g}; eager {1e6 * inputs['machine']['eager']:.0f} µs, shipped "
        f"{1e6 * inputs['machine']['shipped']:.0f} µs on the check's own clock"
    )


EXERCISE = Exercise(
    id="8.3",
    title="Checkpoint: a race on the clock",
    answers=("race",),
    shows="race(eager, shipped, target, rounds, warmup, clock)",
    minutes=25,
    difficulty="moderate",
    points=4,
    read="Chapter 6.4, section “Is it faster?”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
