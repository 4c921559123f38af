"""9.3 The study, reported: right answers."""

from __future__ import annotations

from statistics import median

import numpy as np

MARGIN, FEWEST = 0.02, 5
BETTER, WORSE, NONE, FEW = "better", "worse", "no difference", "too few seeds"


class Right:
    """Right in every step; mistakes replace one."""

    def __call__(self, runs, settings, controls):
        valid = {arm: self.of(runs, arm, "valid") for arm in [*settings, *controls]}
        test = {arm: self.of(runs, arm, "test") for arm in [*settings, *controls]}
        chosen = self.choose(valid, test, settings, controls)
        return {
            "chosen": chosen,
            "arms": {arm: self.summary(self.reported(valid, test, arm)) for arm in test},
            "optimism": self.optimism(valid, test, settings, chosen),
            "against": {control: self.against(test[chosen], test[control]) for control in controls},
        }

    def of(self, runs, arm, part):
        """Accuracies by seed."""
        return {run["seed"]: run[part] for run in runs if run["arm"] == arm}

    def reported(self, valid, test, arm):
        return test[arm]

    def choose(self, valid, test, settings, controls):
        return max(settings, key=lambda arm: self.score(valid[arm]))

    def score(self, accuracies):
        return self.middle(accuracies.values())

    def middle(self, values):
        return float(np.median(list(values)))

    def optimism(self, valid, test, settings, chosen):
        best = max(self.middle(test[arm].values()) for arm in settings)
        return best - self.middle(test[chosen].values())

    def summary(self, accuracies):
        low, high = self.ends(list(accuracies.values()))
        return {
            "median": self.middle(accuracies.values()),
            "low": low,
            "high": high,
            "seeds": len(accuracies),
        }

    def ends(self, values):
        return min(values), max(values)

    def against(self, mine, theirs):
        d = self.differences(mine, theirs)
        found = {"pairs": len(d), "median": self.middle_of(d, mine, theirs)}
        found["low"], found["high"] = min(d), max(d)
        found["verdict"] = self.verdict(d, mine, theirs)
        return found

    def differences(self, mine, theirs):
        return [mine[seed] - theirs[seed] for seed in mine if seed in theirs]

    def middle_of(self, d, mine, theirs):
        return self.middle(d)

    def verdict(self, d, mine, theirs):
        if self.too_few(d):
            return FEW
        return self.opinion(d, mine, theirs)

    def too_few(self, d):
        return len(d) < FEWEST

    def opinion(self, d, mine, theirs):
        if min(d) > MARGIN:
            return BETTER
        return WORSE if max(d) < -MARGIN else NONE


def _sorted_out(runs, settings, controls):
    """A table arm × seed with NaN where there is no run."""
    arms, seeds = [*settings, *controls], sorted({run["seed"] for run in runs})
    grid = np.full((2, len(arms), len(seeds)), np.nan)
    for run in runs:
        where = arms.index(run["arm"]), seeds.index(run["seed"])
        grid[(0, *where)], grid[(1, *where)] = run["valid"], run["test"]
    medians = np.nanmedian(grid, axis=2)
    best = int(np.argmax(medians[0, : len(settings)]))
    report = {"chosen": settings[best], "arms": {}, "against": {}}
    report["optimism"] = medians[1, : len(settings)].max() - medians[1, best]
    for k, arm in enumerate(arms):
        row = grid[1, k]
        report["arms"][arm] = dict(
            median=medians[1, k],
            low=np.nanmin(row),
            high=np.nanmax(row),
            seeds=int(np.isfinite(row).sum()),
        )
    for k, control in enumerate(controls, len(settings)):
        d = grid[1, best] - grid[1, k]
        d = np.sort(d[np.isfinite(d)])
        words = {d[0] > 0.02: "better", d[-1] < -0.02: "worse"}
        verdict = words.get(True, "no difference") if len(d) >= 5 else "too few seeds"
        report["against"][control] = dict(
            pairs=len(d), median=np.median(d), low=d[0], high=d[-1], verdict=verdict
        )
    return report


def _plain(runs, settings, controls):
    """Dicts and the standard library alone."""
    by_arm = {}
    for run in sorted(runs, key=lambda run: run["seed"]):
        by_arm.setdefault(run["arm"], {})[run["seed"]] = run["valid"], run["test"]

    def numbers(arm, part):
        return [pair[part] for pair in by_arm[arm].values()]

    chosen = settings[0]
    for arm in settings:
        if median(numbers(arm, 0)) > median(numbers(chosen, 0)):
            chosen = arm
    arms = {}
    for arm in by_arm:
        t = numbers(arm, 1)
        arms[arm] = {"median": median(t), "low": min(t), "high": max(t), "seeds": len(t)}
    against = {}
    for control in controls:
        common = by_arm[chosen].keys() & by_arm[control].keys()
        d = sorted(by_arm[chosen][s][1] - by_arm[control][s][1] for s in common)
        verdict = "no difference"
        if len(d) < 5:
            verdict = "too few seeds"
        elif all(x > 0.02 for x in d):
            verdict = "better"
        elif all(x < -0.02 for x in d):
            verdict = "worse"
        numbers_of = {"pairs": len(d), "median": median(d), "low": d[0], "high": d[-1]}
        against[control] = numbers_of | {"verdict": verdict}
    optimism = max(arms[s]["median"] for s in settings) - arms[chosen]["median"]
    return {"chosen": chosen, "arms": arms, "optimism": optimism, "against": against}


RIGHT_WAYS = {
    "step by step": (Right(),),
    "a table with gaps": (_sorted_out,),
    "dicts alone": (_plain,),
}
