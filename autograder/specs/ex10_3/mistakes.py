"""10.3 The falsifier: wrong rules that learners write, and what to tell them."""

from __future__ import annotations

from math import comb

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex10_3.answers import (
    BEATEN,
    NOT_BEATEN,
    NOT_SUPPORTED,
    OPEN,
    SUPPORTED,
    UNDECIDED,
    Right,
)


def variant(**methods):
    return (type("decide", (Right,), methods)(),)


class _Unpaired(Right):
    """The median of one arm less the median of the other."""

    def differences(self, runs, arm, control):
        self.pair = runs[arm], runs[control]
        return super().differences(runs, arm, control)

    def middle(self, differences):
        mine, theirs = ([self.value(v) for v in runs.values()] for runs in self.pair)
        return float(np.median(mine) - np.median(theirs))


class _ByPosition(Right):
    def differences(self, runs, arm, control):
        pairs = zip(runs[arm].values(), runs[control].values(), strict=False)
        return np.array([self.value(a) - self.value(b) for a, b in pairs])


class _MissingIsZero(Right):
    def differences(self, runs, arm, control):
        theirs = runs[control]
        return np.array(
            [self.value(v) - self.value(theirs.get(s, 0)) for s, v in runs[arm].items()]
        )


class _Relative(Right):
    """Two percent of the control's accuracy."""

    def differences(self, runs, arm, control):
        seeds = self.seeds(runs[arm], runs[control])
        self.limits = self.margin * np.array([self.value(runs[control][s]) for s in seeds])
        return super().differences(runs, arm, control)

    def wins(self, differences):
        return int((differences > self.limits).sum())


def _finite_seeds(self, mine, theirs):
    return [s for s in mine if s in theirs and None not in (mine[s], theirs[s])]


def _harm_anywhere(self, clean, arm, controls):
    return any(Right.harmful(self, clean, arm, [c]) for c in controls if c in clean)


def _harm_by_any_loss(self, clean, arm, controls):
    differences = self.differences(clean, arm, controls[0])
    return bool(self.tail(int((differences < 0).sum()), len(differences)) <= self.level)


def _harm_by_the_worst_seed(self, clean, arm, controls):
    return bool(self.differences(clean, arm, controls[0]).min() < -self.margin)


def _first_control(self, opinions, harmful):
    return Right.verdict(self, opinions[:1], harmful)


def _any_beaten(self, opinions, harmful):
    if harmful:
        return NOT_SUPPORTED
    if BEATEN in opinions:
        return SUPPORTED
    return NOT_SUPPORTED if NOT_BEATEN in opinions else UNDECIDED


def _all_refuted(self, opinions, harmful):
    if harmful or all(o == NOT_BEATEN for o in opinions):
        return NOT_SUPPORTED
    return SUPPORTED if all(o == BEATEN for o in opinions) else UNDECIDED


def _never_undecided(self, opinions, harmful):
    supported = not harmful and all(o == BEATEN for o in opinions)
    return SUPPORTED if supported else NOT_SUPPORTED


def _never_refuted(self, opinions, harmful):
    supported = not harmful and all(o == BEATEN for o in opinions)
    return SUPPORTED if supported else UNDECIDED


MISTAKES = (
    Mistake(
        "medians compared",
        "`median` is the median of one arm less the median of the other. Seeds differ more than "
        "arms do: take the difference seed by seed, then its median.",
        (_Unpaired(),),
    ),
    Mistake(
        "paired by position",
        "Runs are paired by their place in the dict. The arms hold their seeds in different "
        "orders, and not all of them: pair by the key.",
        (_ByPosition(),),
    ),
    Mistake(
        "missing seeds as zero",
        "A seed that the control does not have counts as accuracy 0, a win for the arm. A pair "
        "needs both runs.",
        (_MissingIsZero(),),
    ),
    Mistake(
        "diverged runs left out",
        "Seeds with a None are left out. An arm that diverges is then judged by its good runs "
        "alone. A run that diverged counts as 0.",
        variant(seeds=_finite_seeds),
    ),
    Mistake(
        "arm and control exchanged",
        "The difference is control less arm. It is arm less control: positive where the arm is "
        "ahead.",
        variant(
            differences=lambda self, runs, arm, control: (
                -Right.differences(self, runs, arm, control)
            )
        ),
    ),
    Mistake(
        "mean of the differences",
        "`median` is the mean of the differences. One lucky seed moves it.",
        variant(middle=lambda self, differences: float(np.mean(differences))),
    ),
    Mistake(
        "margin ignored",
        "Any positive difference counts as a win. The rule was written with a margin: a win is a "
        "difference above 0.02.",
        variant(wins=lambda self, differences: int((differences > 0).sum())),
    ),
    Mistake(
        "margin in percent of the control",
        "The margin is 2 % of the control's accuracy. It is 0.02, two points, whatever the "
        "accuracy is.",
        (_Relative(),),
    ),
    Mistake(
        "two-sided test",
        "p is doubled. The claim has a direction, and the rule asks for one tail: the "
        "probability of at least that many wins.",
        variant(tail=lambda self, k, n: min(1.0, 2 * Right.tail(self, k, n))),
    ),
    Mistake(
        "more wins than seen",
        "p is the probability of more wins than were seen. It is that of at least as many: start "
        "the sum at k.",
        variant(tail=lambda self, k, n: Right.tail(self, k + 1, n)),
    ),
    Mistake(
        "exactly as many wins",
        "p is the probability of exactly that many wins. Add those of more.",
        variant(tail=lambda self, k, n: comb(n, k) / 2**n),
    ),
    Mistake(
        "no evidence taken for refutation",
        "A control that is not shown to be beaten is called “not beaten”. With few seeds nothing "
        "can be shown: “not beaten” needs its own test, of the seeds without a win.",
        variant(opinion=lambda self, p, q: BEATEN if p <= self.level else NOT_BEATEN),
    ),
    Mistake(
        "nothing is ever refuted",
        "A control that the arm does not beat is always “open”. Then no outcome counts against the "
        "gate, and the experiment tests nothing. Test the seeds without a win, too.",
        variant(opinion=lambda self, p, q: BEATEN if p <= self.level else OPEN),
    ),
    Mistake(
        "first control alone",
        "The verdict comes from the first control. Every control is another explanation of the "
        "same gain; all of them have to be beaten.",
        variant(verdict=_first_control),
    ),
    Mistake(
        "one beaten control is enough",
        "One control that is beaten makes the claim “supported”. All of them have to be beaten.",
        variant(verdict=_any_beaten),
    ),
    Mistake(
        "refuted only by all controls",
        "“not supported” needs every control not beaten. One is enough: what a control does as "
        "well, the gate did not do.",
        variant(verdict=_all_refuted),
    ),
    Mistake(
        "never undecided",
        "The verdict is “not supported” wherever it is not “supported”. If no control is “not "
        "beaten” but one is “open”, the runs have not decided.",
        variant(verdict=_never_undecided),
    ),
    Mistake(
        "never not supported",
        "The verdict is “undecided” wherever it is not “supported”. A control that is not beaten, "
        "or harm without a shift, speaks against the claim.",
        variant(verdict=_never_refuted),
    ),
    Mistake(
        "harm ignored",
        "A gate that costs accuracy where nothing has shifted is still “supported”. Harm makes the "
        "verdict “not supported”.",
        variant(verdict=lambda self, opinions, harmful: Right.verdict(self, opinions, False)),
    ),
    Mistake(
        "harm never looked for",
        "`harmful` is False whatever the runs without a shift say.",
        variant(harmful=lambda self, clean, arm, controls: False),
    ),
    Mistake(
        "harm against every control",
        "`harmful` looks at other controls, too. It compares with the first one, what would run "
        "without the gate.",
        variant(harmful=_harm_anywhere),
    ),
    Mistake(
        "harm by any loss",
        "Any loss counts as harm. As a win does, a loss has to pass the margin: a difference below "
        "−0.02.",
        variant(harmful=_harm_by_any_loss),
    ),
    Mistake(
        "harm by the worst seed",
        "One bad seed makes the gate harmful. Count the losses over the seeds, and test their "
        "number.",
        variant(harmful=_harm_by_the_worst_seed),
    ),
)
