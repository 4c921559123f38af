"""Exercise 9.3: answers that nobody listed, wrong forms, and traps that no rounding decides."""

import numpy as np
import pytest
from stopwatch import Stopwatch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex9_3.answers import Right
from autograder.specs.ex9_3.tables import TRAPS, table


def verdict(answer, seed="unlisted"):
    return judge(exercise("9.3"), (answer,), seed)


def variant(**methods):
    return type("report", (Right,), methods)()


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    """What a first check loads is no part of its verdict's time."""
    verdict(Right())


def sorted_in_place(runs, settings, controls):
    runs.sort(key=lambda run: run["seed"])
    return Right()(runs, settings, controls)


def without(key):
    return lambda *a: {k: v for k, v in Right()(*a).items() if k != key}


UNLISTED = {
    "first setting": variant(choose=lambda self, valid, test, settings, controls: settings[0]),
    "best on both": variant(
        choose=lambda self, valid, test, settings, controls: max(
            settings, key=lambda a: self.score(valid[a]) + self.score(test[a])
        )
    ),
    "always no difference": variant(verdict=lambda self, *a: "no difference"),
    "three seeds are enough": variant(too_few=lambda self, d: len(d) < 3),
    "six seeds are needed": variant(too_few=lambda self, d: len(d) < 6),
    "margin 0.01": variant(
        opinion=lambda self, d, *a: (
            "better" if min(d) > 0.01 else "worse" if max(d) < -0.01 else "no difference"
        )
    ),
    "no optimism": variant(optimism=lambda self, *a: 0.0),
    "position of the setting": lambda runs, settings, controls: (
        Right()(runs, settings, controls)
        | {"chosen": settings.index(Right()(runs, settings, controls)["chosen"])}
    ),
    "True for better": variant(verdict=lambda self, *a: True),
    "runs sorted in place": sorted_in_place,
    "without arms": without("arms"),
    "without a control": lambda runs, settings, controls: Right()(runs, settings, controls[:1]),
    "nothing": lambda *a: None,
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    seen = verdict(UNLISTED[name])
    assert not seen.ok and "Traceback" not in str(seen)
    assert watch.seconds < 1.0


def test_what_is_wrong_with_the_form_is_told():
    assert "has no entry 'arms'" in str(verdict(UNLISTED["without arms"]))
    assert "`chosen` is" in str(verdict(UNLISTED["position of the setting"]))
    assert "is True; expected one of" in str(verdict(UNLISTED["True for better"]))
    assert "changed its input" in str(verdict(sorted_in_place))
    assert "has no entry" in str(verdict(UNLISTED["without a control"]))


@pytest.mark.parametrize("name", TRAPS)
def test_no_trap_is_decided_by_a_rounding(name):
    for seed in range(20):
        inputs = table(np.random.default_rng(seed), **TRAPS[name])
        found = Right()(**inputs)
        by_arm = {}
        for run in inputs["runs"]:
            assert 0 < run["valid"] < 1 and 0 < run["test"] <= 1
            by_arm.setdefault(run["arm"], {})[run["seed"]] = run
        mine = by_arm[found["chosen"]]
        for control in inputs["controls"]:
            theirs = by_arm[control]
            gaps = [mine[s]["test"] - theirs[s]["test"] for s in mine if s in theirs]
            assert abs(min(gaps) - 0.02) > 1e-3 and abs(max(gaps) + 0.02) > 1e-3
        middles = sorted(
            np.median([r["valid"] for r in by_arm[arm].values()]) for arm in inputs["settings"]
        )
        apart = np.diff(middles)
        assert all(gap == 0 or gap > 1e-3 for gap in apart)


def test_the_traps_have_every_verdict():
    seen = {
        of["verdict"]
        for trap in TRAPS.values()
        for of in Right()(**table(np.random.default_rng(0), **trap))["against"].values()
    }
    assert seen == {"better", "worse", "no difference", "too few seeds"}
