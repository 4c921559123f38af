"""10.3 The falsifier: the rule, and right answers."""

from __future__ import annotations

from math import comb

import numpy as np

SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
BEATEN, NOT_BEATEN, OPEN = "beaten", "not beaten", "open"


class Right:
    """Right in every step; mistakes replace one."""

    margin, level = 0.02, 0.05

    def __call__(self, shifted, clean, arm, controls):
        found = {}
        for control in controls:
            found[control] = self.against(self.differences(shifted, arm, control))
        harmful = self.harmful(clean, arm, controls)
        opinions = [of["verdict"] for of in found.values()]
        return {
            "controls": found,
            "harmful": harmful,
            "verdict": self.verdict(opinions, harmful),
        }

    def differences(self, runs, arm, control):
        """Arm less control, a number per seed that both have."""
        seeds = self.seeds(runs[arm], runs[control])
        return np.array([self.value(runs[arm][s]) - self.value(runs[control][s]) for s in seeds])

    def seeds(self, mine, theirs):
        return [seed for seed in mine if seed in theirs]

    def value(self, accuracy):
        return 0.0 if accuracy is None else accuracy

    def against(self, differences):
        n, wins = len(differences), self.wins(differences)
        p_beaten, p_not = self.tail(wins, n), self.tail(n - wins, n)
        return {
            "pairs": n,
            "median": self.middle(differences),
            "p": p_beaten,
            "verdict": self.opinion(p_beaten, p_not),
        }

    def wins(self, differences):
        return int((differences > self.margin).sum())

    def middle(self, differences):
        return float(np.median(differences))

    def tail(self, k, n):
        """P(at least k heads in n throws of a fair coin)."""
        return sum(comb(n, i) for i in range(k, n + 1)) / 2**n

    def opinion(self, p_beaten, p_not):
        if p_beaten <= self.level:
            return BEATEN
        return NOT_BEATEN if p_not <= self.level else OPEN

    def harmful(self, clean, arm, controls):
        differences = self.differences(clean, arm, controls[0])
        losses = int((differences < -self.margin).sum())
        return bool(self.tail(losses, len(differences)) <= self.level)

    def verdict(self, opinions, harmful):
        if harmful or NOT_BEATEN in opinions:
            return NOT_SUPPORTED
        return SUPPORTED if all(o == BEATEN for o in opinions) else UNDECIDED


def _with_scipy(shifted, clean, arm, controls, margin=0.02, level=0.05):
    """SciPy's binomial test; arrays aligned by sorted seeds."""
    from scipy.stats import binomtest

    def test(hits):
        return binomtest(int(hits.sum()), len(hits), 0.5, alternative="greater").pvalue

    def paired(runs, other):
        common = sorted(set(runs[arm]) & set(runs[other]))
        both = [[runs[name][s] or 0 for s in common] for name in (arm, other)]
        return np.subtract(*np.array(both))

    report = {"controls": {}}
    for control in controls:
        d = paired(shifted, control)
        p, q = test(d > margin), test(d <= margin)
        opinion = BEATEN if p <= level else NOT_BEATEN if q <= level else OPEN
        report["controls"][control] = dict(pairs=d.size, median=np.median(d), p=p, verdict=opinion)
    report["harmful"] = test(paired(clean, controls[0]) < -margin) <= level
    opinions = {of["verdict"] for of in report["controls"].values()}
    if report["harmful"] or NOT_BEATEN in opinions:
        report["verdict"] = NOT_SUPPORTED
    else:
        report["verdict"] = SUPPORTED if opinions == {BEATEN} else UNDECIDED
    return report


def _by_counting(shifted, clean, arm, controls, margin=0.02, level=0.05):
    """The tail by going through Pascal's triangle; medians by sorting."""

    def fair_coins(n):
        row = [1.0]
        for _ in range(n):
            row = [(a + b) / 2 for a, b in zip([0, *row], [*row, 0], strict=True)]
        return row

    def gains(runs, other):
        number = {
            k: [0 if v is None else v for v in (runs[arm][k], runs[other][k])]
            for k in runs[arm].keys() & runs[other].keys()
        }
        return sorted(a - b for a, b in number.values())

    def p_of(hits, n):
        return sum(fair_coins(n)[hits:])

    found, doubt, refuted = {}, False, False
    for control in controls:
        d = gains(shifted, control)
        n, wins = len(d), sum(v > margin for v in d)
        p = p_of(wins, n)
        middle = (d[n // 2] + d[(n - 1) // 2]) / 2
        opinion = OPEN
        if p <= level:
            opinion = BEATEN
        elif p_of(n - wins, n) <= level:
            opinion, refuted = NOT_BEATEN, True
        doubt = doubt or opinion == OPEN
        found[control] = {"verdict": opinion, "p": p, "pairs": n, "median": middle}
    d = gains(clean, controls[0])
    harmful = p_of(sum(v < -margin for v in d), len(d)) <= level
    verdict = UNDECIDED if doubt else SUPPORTED
    verdict = NOT_SUPPORTED if refuted or harmful else verdict
    return {"verdict": verdict, "controls": found, "harmful": harmful}


RIGHT_WAYS = {
    "step by step": (Right(),),
    "SciPy": (_with_scipy,),
    "by counting": (_by_counting,),
}
