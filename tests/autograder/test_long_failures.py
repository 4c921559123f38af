"""One slip that spoils many outputs, and errors that only differ in the order of shapes."""

import numpy as np

from autograder.judge import judge
from autograder.spec import Case, Exercise, Mistake
from autograder.verdict import SHOWN

OUTPUTS = "abcde"


def exercise(call, *mistakes):
    return Exercise(
        id="9.9",
        title="toy",
        answers=("f",),
        shows="f(x)",
        minutes=1,
        difficulty="gentle",
        points=1,
        read="here",
        cases=lambda rng: [Case("one", {"x": np.ones((2, 3)), "w": np.ones(2)})],
        call=call,
        reference=lambda x, w: {name: np.ones(()) for name in OUTPUTS},
        mistakes=mistakes,
        right_ways={},
    )


def test_a_verdict_shows_some_wrong_outputs_and_names_the_rest():
    toy = exercise(lambda f, x, w: {name: f(x) for name in OUTPUTS})
    verdict = judge(toy, (lambda x: 2.0,), "s")
    for text in (str(verdict), verdict._repr_html_()):
        assert text.count("is off by 1") == SHOWN == 3
        assert "Also wrong" in text
    assert "Also wrong: `d`, `e`" in str(verdict)


def test_a_broadcasting_error_is_recognised_in_either_order():
    toy = exercise(
        lambda f, x, w: {name: f(x, w).sum() for name in OUTPUTS},
        Mistake("not reshaped", "Give w an axis.", (lambda x, w: x * w,)),
    )
    assert judge(toy, (lambda x, w: w * x,), "s").mistakes == ("not reshaped",)
    assert judge(toy, (lambda x, w: w[:, :1],), "s").mistakes == ()
