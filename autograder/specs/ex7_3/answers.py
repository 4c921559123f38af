"""7.3 What the numbers say: right answers."""

from __future__ import annotations

import math
import statistics

import numpy as np

ARMS = ("plain", "bn")


class Reporter:
    """Right in every step; a mistake replaces one."""

    def __call__(self, results):
        rates, n = results["rates"], results["images"]
        valid, test = (
            {arm: self.numbers(results[part][arm]) for arm in ARMS} for part in ("valid", "test")
        )
        best = self.chosen(valid, test, rates)
        found = {}
        for arm in ARMS:
            runs = self.runs(valid[arm], test[arm], best[arm])
            found[arm] = dict(rate=rates[best[arm]], **self.summary(runs, test[arm]))
        difference = self.difference(found)
        error = self.error(found, n, {arm: test[arm][best[arm]] for arm in ARMS})
        answer = self.answer(found, difference, error)
        return self.form(found | dict(difference=difference, standard_error=error, answer=answer))

    def numbers(self, accuracies):
        return np.where(np.isnan(accuracies), 0.0, accuracies)

    def chosen(self, valid, test, rates):
        """Per arm the position of the rate."""
        return {arm: self.best(self.scores(valid[arm], test[arm]), rates) for arm in ARMS}

    def scores(self, valid, test):
        return np.median(valid, axis=1)

    def best(self, scores, rates):
        return min(np.flatnonzero(scores == scores.max()), key=lambda r: rates[r])

    def runs(self, valid, test, best):
        return test[best]

    def summary(self, runs, test):
        return dict(median=self.middle(runs), low=runs.min(), high=runs.max())

    def middle(self, runs):
        return np.median(runs)

    def difference(self, found):
        return found["bn"]["median"] - found["plain"]["median"]

    def error(self, found, n, runs):
        return np.sqrt(sum(self.variance(found[arm]["median"], n) for arm in ARMS))

    def variance(self, p, n):
        return p * (1 - p) / n

    def answer(self, found, difference, error):
        if not self.exceeds(difference, error):
            return "cannot tell"
        ahead, behind = ("bn", "plain") if difference > 0 else ("plain", "bn")
        return ahead if self.apart(found[ahead], found[behind]) else "cannot tell"

    def exceeds(self, difference, error):
        return abs(difference) > 2 * error

    def apart(self, ahead, behind):
        return ahead["low"] > behind["high"]

    def form(self, report):
        return report


def variant(**methods):
    """An answer with some steps replaced."""
    return (type("Variant", (Reporter,), methods)(),)


def _in_python(results):
    """Lists and the standard library alone."""
    report = {}
    for arm in ("bn", "plain"):
        cells = {}
        for k, rate in enumerate(results["rates"]):
            pairs = zip(results["valid"][arm][k], results["test"][arm][k], strict=True)
            cells[rate] = [(0.0, 0.0) if math.isnan(v) else (float(v), float(t)) for v, t in pairs]
        rate = max(sorted(cells), key=lambda r: statistics.median(v for v, _ in cells[r]))
        tests = sorted(t for _, t in cells[rate])
        report[arm] = {
            "rate": rate,
            "median": statistics.median(tests),
            "low": tests[0],
            "high": tests[-1],
        }
    a, b = report["plain"], report["bn"]
    spread = math.hypot(
        *(math.sqrt(x["median"] * (1 - x["median"]) / results["images"]) for x in (a, b))
    )
    gap = b["median"] - a["median"]
    answer = "cannot tell"
    if gap > 2 * spread and b["low"] > a["high"]:
        answer = "bn"
    if -gap > 2 * spread and a["low"] > b["high"]:
        answer = "plain"
    return report | {"answer": answer, "standard_error": spread, "difference": gap}


def _by_sorting(results):
    """Both arms in one array; the rates sorted first, so that argmax takes the smallest."""
    order = np.argsort(results["rates"])
    rates = np.array(results["rates"])[order]
    valid, test = (
        np.nan_to_num(np.stack([results[part][arm] for arm in ARMS]))[:, order]
        for part in ("valid", "test")
    )
    best = np.median(valid, 2).argmax(1)
    runs = np.sort(test[[0, 1], best], 1)
    low, p, high = runs[:, 0], np.median(runs, 1), runs[:, -1]
    error = (p * (1 - p) / results["images"]).sum() ** 0.5
    gap = p[1] - p[0]
    clear = abs(gap) > 2 * error
    answer = (
        "bn"
        if clear and low[1] > high[0]
        else "plain"
        if clear and low[0] > high[1]
        else "cannot tell"
    )
    arms = {
        arm: dict(rate=rates[best[k]], median=p[k], low=low[k], high=high[k])
        for k, arm in enumerate(ARMS)
    }
    return dict(arms, difference=gap, standard_error=error, answer=answer)


RIGHT_WAYS = {
    "plain Python": (_in_python,),
    "both arms in one array, rates sorted": (_by_sorting,),
    "float32 numbers": variant(
        form=lambda self, report: {
            k: {n: np.float32(v) for n, v in value.items()}
            if isinstance(value, dict)
            else value
            if isinstance(value, str)
            else np.float32(value)
            for k, value in report.items()
        }
    ),
}
