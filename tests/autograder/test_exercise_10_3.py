"""Exercise 10.3: answers that nobody listed, wrong forms, and what the rule can and cannot say."""

import numpy as np
import pytest
from stopwatch import Stopwatch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex10_3.answers import Right
from autograder.specs.ex10_3.tables import TRAPS, table


def verdict(answer, seed="unlisted"):
    return judge(exercise("10.3"), (answer,), seed)


def variant(**methods):
    return type("decide", (Right,), methods)()


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    """What a first check loads is no part of its verdict's time."""
    verdict(Right())


def changed(shifted, clean, arm, controls):
    for runs in shifted.values():
        for seed, value in runs.items():
            runs[seed] = value or 0.0
    return Right()(shifted, clean, arm, controls)


def without(key):
    return lambda *a: {k: v for k, v in Right()(*a).items() if k != key}


UNLISTED = {
    "always supported": variant(verdict=lambda self, *a: "supported"),
    "always undecided": variant(verdict=lambda self, *a: "undecided"),
    "never open": variant(opinion=lambda self, p, q: "beaten" if p <= q else "not beaten"),
    "level 0.01": variant(level=0.01),
    "level 0.1": variant(level=0.1),
    "margin 0.01": variant(margin=0.01),
    "diverged as a guess": variant(value=lambda self, v: 0.6 if v is None else v),
    "mean of p": variant(tail=lambda self, k, n: k / n),
    "runs changed": changed,
    "no verdict": without("verdict"),
    "no harm": without("harmful"),
    "True for supported": variant(verdict=lambda self, *a: True),
    "harmful as a word": variant(harmful=lambda self, *a: "no"),
    "a string": lambda *a: "supported",
    "nothing": lambda *a: None,
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    seen = verdict(UNLISTED[name])
    assert not seen.ok and "Traceback" not in str(seen)
    assert watch.seconds < 1.0


def test_what_is_wrong_with_the_form_is_told():
    assert "has no entry 'verdict'" in str(verdict(UNLISTED["no verdict"]))
    assert "`verdict` is True; expected one of 'supported'" in str(
        verdict(UNLISTED["True for supported"])
    )
    assert "expected True or False" in str(verdict(UNLISTED["harmful as a word"]))
    assert "should be a dict, but is str" in str(verdict(UNLISTED["a string"]))
    assert "changed its input" in str(verdict(changed))


@pytest.mark.parametrize("name", TRAPS)
def test_no_trap_is_decided_by_a_rounding(name):
    for seed in range(20):
        inputs = table(np.random.default_rng(seed), **TRAPS[name])
        arm = inputs["arm"]
        for runs in (inputs["shifted"], inputs["clean"]):
            for control in set(runs) - {arm}:
                gaps = Right().differences(runs, arm, control)
                assert (np.abs(np.abs(gaps) - 0.02) > 1e-3).all()
                assert max(v or 0 for v in runs[control].values()) <= 1


def test_the_traps_have_every_outcome():
    seen = {
        name: Right()(**table(np.random.default_rng(0), **trap)) for name, trap in TRAPS.items()
    }
    assert {found["verdict"] for found in seen.values()} == {
        "supported",
        "not supported",
        "undecided",
    }
    assert {found["harmful"] for found in seen.values()} == {True, False}
    assert seen["four seeds"]["verdict"] == "undecided"
    assert seen["five seeds"]["verdict"] == "supported"


def test_a_gate_that_does_nothing_is_hardly_ever_supported():
    """Chance alone supports a claim in at most the share of cases that the level allows."""
    rng, supported = np.random.default_rng(0), 0
    for _ in range(500):
        runs = {who: dict(enumerate(rng.normal(0.8, 0.05, 10))) for who in ("gate", "shut")}
        supported += Right()(runs, runs, "gate", ["shut"])["verdict"] == "supported"
    assert supported / 500 < 0.05
