"""Outputs that have a limit, and outputs that only some cases have."""

import numpy as np

from autograder.judge import judge
from autograder.spec import Case, Exercise, Measured, Mistake


def exercise(call, mistakes, reference):
    return Exercise(
        id="9.9",
        title="toy",
        answers=("f",),
        shows="f(x)",
        minutes=1,
        difficulty="gentle",
        points=1,
        read="here",
        cases=lambda rng: [Case("one", {"x": 1.0}), Case("two", {"x": 2.0})],
        call=call,
        reference=reference,
        mistakes=tuple(mistakes),
        right_ways={},
    )


def measured():
    """f returns an amount and its kind; at most 4 is asked for."""
    return exercise(
        lambda f, x: {"passes": Measured(f(x)[0], f"It moved {f(x)[0]}.", f(x)[1])},
        [
            Mistake("temporaries", "New arrays.", (lambda x: (12.0, "temporaries"),)),
            Mistake("sweeps", "Sweeps.", (lambda x: (8.0, "sweeps"),)),
        ],
        lambda x: {"passes": np.asarray(4.0)},
    )


def test_an_amount_passes_up_to_the_limit():
    for amount, ok in ((0.0, True), (4.0, True), (4.001, False)):
        verdict = judge(measured(), (lambda x: (amount, ""),), "s")
        assert verdict.ok is ok and not verdict.mistakes


def test_an_amount_over_the_limit_is_told_in_the_answers_own_words():
    verdict = judge(measured(), (lambda x: (9.5, "other"),), "s")
    assert "It moved 9.5." in str(verdict) and "expected at most 4, got 9.5" in str(verdict)


def test_amounts_of_one_kind_are_one_mistake():
    for kind, name in (("temporaries", "temporaries"), ("sweeps", "sweeps")):
        assert judge(measured(), (lambda x: (31.0, kind),), "s").mistakes == (name,)


def test_a_slip_is_named_though_only_some_cases_have_its_output():
    def call(f, x):
        return {"y": f(x)[0], "z": f(x)[1]} if x == 1 else {"w": f(x)[2]}

    toy = exercise(
        call,
        [
            Mistake("y is off", "About y.", (lambda x: (0.0, 2.0, 3.0),)),
            Mistake("w is off", "About w.", (lambda x: (1.0, 2.0, 0.0),)),
        ],
        lambda x: {k: np.asarray(v) for k, v in call(lambda x: (1.0, 2.0, 3.0), x).items()},
    )
    assert judge(toy, (lambda x: (0.0, 2.0, 0.0),), "s").mistakes == ("y is off", "w is off")
    assert judge(toy, (lambda x: (1.0, 7.0, 0.0),), "s").mistakes == ("w is off",)


def test_an_amount_within_the_limit_is_no_wrong_output():
    def call(f, x):
        return {"passes": Measured(f(x)[0], "Too much.", f(x)[1]), "y": f(x)[2]}

    toy = exercise(
        call,
        [
            Mistake("other amount", "About passes.", (lambda x: (3.0, "", 8.0),)),
            Mistake("y is off", "About y.", (lambda x: (9.0, "sweeps", 0.0),)),
        ],
        lambda x: {"passes": np.asarray(4.0), "y": np.asarray(1.0)},
    )
    assert judge(toy, (lambda x: (2.0, "", 0.0),), "s").mistakes == ("y is off",)


def test_a_mistake_is_run_no_further_than_the_case_that_tells_it_apart():
    met = []

    def wrong(x):
        met.append(x)
        return 5.0

    toy = exercise(
        lambda f, x: {"y": f(x)},
        [Mistake("first", "…", (wrong,)), Mistake("second", "…", (lambda x: 6.0,))],
        lambda x: {"y": np.asarray(x)},
    )
    assert judge(toy, (lambda x: 6.0,), "s").mistakes == ("second",)
    assert met == [1.0]
