"""4.4 The sweep: wrong conclusions, and what to tell those who draw them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex4_4.answers import RIGHT_SWEEP, Concluder, concludes


def _raw(self, accuracies):
    return np.asarray(accuracies)


def _argmax(self, scores, rates):
    return int(np.argmax(scores))


class _NanMedian(Concluder):
    numbers = _raw

    def scores(self, valid, test):
        return np.nan_to_num(np.nanmedian(valid, axis=1))

    def report(self, runs, test):
        return np.nan_to_num(np.nanmedian(runs))


def _in_place(self, accuracies):
    accuracies[np.isnan(accuracies)] = 0
    return accuracies


def _largest(self, scores, rates):
    tied = np.flatnonzero(scores == scores.max())
    return max(tied, key=lambda r: rates[r])


def _good_by(limit):
    def good(self, scores, rates):
        least = limit(scores.max())
        return sorted(r for r, s in zip(rates, scores, strict=True) if s >= least)

    return good


def _range_of_good(self, scores, rates):
    good = Concluder.good(self, scores, rates)
    return [good[0], good[-1]]


def _unsorted(self, scores, rates):
    return [r for r, s in zip(rates, scores, strict=True) if s >= scores.max() - 0.02]


def _good_on_test(self, valid, test):
    self.on_test = np.median(test, axis=1)
    return np.median(valid, axis=1)


def _highest(self, at_best, found):
    return max(found, key=lambda norm: found[norm]["test"])


def _one_standard_deviation(self, at_best, found):
    first, second = sorted(found, key=lambda norm: found[norm]["test"], reverse=True)[:2]
    gap = found[first]["test"] - found[second]["test"]
    return first if gap > max(np.std(at_best[first]), np.std(at_best[second])) else None


class _FirstRateForAll(Concluder):
    """The winner at the rate that is best for the first norm."""

    def at_best(self, test, valid, k, best, scores):
        self.common = best if k == 0 else self.common
        self.own = test[k, best]
        return test[k, self.common]

    def report(self, runs, test):
        return np.median(self.own)


class _ValidReported(Concluder):
    """The validation accuracy of the chosen rate in place of its test accuracy."""

    def scores(self, valid, test):
        self.high = np.median(valid, axis=1).max()
        return np.median(valid, axis=1)

    def report(self, runs, test):
        return self.high


class _WinnerOnValid(Concluder):
    """Compares the norms by the accuracies that their rates were chosen by."""

    def __call__(self, results):
        valid = Concluder()(results | {"test": results["valid"]})
        return super().__call__(results) | {"winner": valid["winner"]}


OF_CONCLUDE = (
    Mistake(
        "rate chosen on the test images",
        "The rate is chosen by the test accuracy. Then the test accuracy of that rate is the best "
        "of several, and too good. Choose by the validation accuracy.",
        concludes(scores=lambda self, valid, test: np.median(test, axis=1)),
    ),
    Mistake(
        "best test accuracy reported",
        "`test` is the best test accuracy of any rate. Report the one of the rate that the "
        "validation images chose.",
        concludes(report=lambda self, runs, test: np.median(test, axis=1).max()),
    ),
    Mistake(
        "validation accuracy reported",
        "`test` is the validation accuracy of the chosen rate. That rate was chosen since its "
        "validation accuracy is high, so it is too good.",
        (RIGHT_SWEEP, _ValidReported()),
    ),
    Mistake(
        "best seed",
        "A rate is judged by its best seed. One lucky run then decides. Take the median over the "
        "seeds.",
        concludes(scores=lambda self, valid, test: valid.max(axis=1)),
    ),
    Mistake(
        "best seed reported",
        "`test` is the test accuracy of the best seed. Report the median over the seeds.",
        concludes(report=lambda self, runs, test: max(runs)),
    ),
    Mistake(
        "mean over the seeds",
        "A rate is judged by the mean over its seeds, which one failed run pulls down. Take the "
        "median.",
        concludes(
            scores=lambda self, valid, test: valid.mean(axis=1),
            report=lambda self, runs, test: np.mean(runs),
        ),
    ),
    Mistake(
        "first seed alone",
        "The conclusions come from the first seed alone. Take the median over all seeds.",
        concludes(
            scores=lambda self, valid, test: valid[:, 0],
            report=lambda self, runs, test: runs[0],
        ),
    ),
    Mistake(
        "argmax of NaN",
        "A rate with a diverged run has the median NaN, and argmax takes NaN for the largest "
        "number. A diverged run counts as 0.",
        concludes(numbers=_raw, best=_argmax),
    ),
    Mistake(
        "diverged runs left out",
        "Diverged runs are left out (nanmedian), so a rate at which two of three seeds fail can "
        "win. A diverged run counts as 0.",
        (RIGHT_SWEEP, _NanMedian()),
    ),
    Mistake(
        "results changed in place",
        "`conclude` writes zeros into the results that it was given. Work on a copy: np.where or "
        "np.nan_to_num returns one.",
        concludes(numbers=_in_place),
    ),
    Mistake(
        "first of tied rates",
        "Of rates with the same median the first in the list is chosen. The task asks for the "
        "smallest.",
        concludes(best=_argmax),
    ),
    Mistake(
        "largest of tied rates",
        "Of rates with the same median the largest is chosen. The task asks for the smallest.",
        concludes(best=_largest),
    ),
    Mistake(
        "two percent of the best",
        "A good rate reaches 98 % of the best median. Two points are 0.02, whatever the best is.",
        concludes(good=_good_by(lambda best: 0.98 * best)),
    ),
    Mistake(
        "0.2 points",
        "A good rate is within 0.2 points of the best. Two points are 0.02.",
        concludes(good=_good_by(lambda best: best - 0.002)),
    ),
    Mistake(
        "first and last of the good rates",
        "`good` holds the smallest and the largest good rate alone. It holds all of them: there "
        "can be gaps in between.",
        concludes(good=_range_of_good),
    ),
    Mistake(
        "good rates not sorted",
        "`good` has the order of the given rates. Sort it.",
        concludes(good=_unsorted),
    ),
    Mistake(
        "good rates by the test images",
        "`good` is made from the test accuracies. It comes from the validation accuracies, as the "
        "chosen rate does.",
        concludes(
            scores=_good_on_test,
            good=lambda self, scores, rates: Concluder.good(self, self.on_test, rates),
        ),
    ),
    Mistake(
        "highest median wins",
        "The norm with the highest median always wins. A difference that is no larger than the "
        "spread over the seeds is none: then `winner` is None.",
        concludes(winner=_highest),
    ),
    Mistake(
        "difference against one standard deviation",
        "The difference of the medians is compared with a standard deviation over the seeds. The "
        "task asks for more: the worst seed of the winner beats the best of every other norm.",
        concludes(winner=_one_standard_deviation),
    ),
    Mistake(
        "norms compared at one rate",
        "The norms are compared at the same rate, the best one of the first norm. That favours it: "
        "each norm is compared at its own best rate.",
        (RIGHT_SWEEP, _FirstRateForAll()),
    ),
    Mistake(
        "winner by the validation images",
        "The winner is found with the validation accuracies, by which the rates were chosen. "
        "Compare test accuracies.",
        (RIGHT_SWEEP, _WinnerOnValid()),
    ),
)
