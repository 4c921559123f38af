"""7.3 What the numbers say: what learners get wrong, and what to tell them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex7_3.answers import ARMS, Reporter, variant


def _one_rate(self, valid, test, rates):
    """The rate that is best for batch norm, for both."""
    best = Reporter.chosen(self, valid, test, rates)["bn"]
    return dict.fromkeys(ARMS, best)


def _of_all_rates(self, runs, test):
    return dict(median=np.median(runs), low=test.min(), high=test.max())


def _two_deviations(self, runs, test):
    middle, deviation = np.median(runs), np.std(runs)
    return dict(median=middle, low=middle - 2 * deviation, high=middle + 2 * deviation)


def _over_seeds(self, found, n, runs):
    return np.sqrt(sum(np.var(runs[arm], ddof=1) / len(runs[arm]) for arm in ARMS))


def _sum_of_errors(self, found, n, runs):
    return sum(np.sqrt(self.variance(found[arm]["median"], n)) for arm in ARMS)


def _of_all_runs(self, found, n, runs):
    return Reporter.error(self, found, n * len(runs["bn"]), runs)


def _percent(self, report):
    arms = {arm: {k: v if k == "rate" else 100 * v for k, v in report[arm].items()} for arm in ARMS}
    numbers = {k: 100 * report[k] for k in ("difference", "standard_error")}
    return arms | numbers | {"answer": report["answer"]}


def _without_diverged(self, runs, test):
    runs = runs[runs > 0] if (runs > 0).any() else runs
    return Reporter.summary(self, runs, test)


def _sign_alone(self, found, difference, error):
    return "bn" if difference > 0 else "plain" if difference < 0 else "cannot tell"


def _never_plain(self, found, difference, error):
    answer = Reporter.answer(self, found, difference, error)
    return "bn" if answer == "bn" else "cannot tell"


MISTAKES = (
    Mistake(
        "rate chosen on the test images",
        "The rate is chosen on the test images, and then reported on them. The reported number is the "
        "largest of several noisy ones. Choose on the validation images.",
        variant(scores=lambda self, valid, test: np.median(test, axis=1)),
    ),
    Mistake(
        "validation accuracy reported",
        "The reported accuracies are those on the validation images, which chose the rate. Report the test "
        "images at that rate.",
        variant(runs=lambda self, valid, test, best: valid[best]),
    ),
    Mistake(
        "one rate for both arms",
        "Both arms are taken at the rate that is best for batch norm. Each arm gets the rate that is best "
        "for it: otherwise the other one is compared at a rate that nobody would choose for it.",
        variant(chosen=_one_rate),
    ),
    Mistake(
        "rate with the highest mean",
        "The rate is chosen by the mean over the seeds. One lucky or unlucky seed moves it; the task asks for "
        "the median.",
        variant(scores=lambda self, valid, test: valid.mean(axis=1)),
    ),
    Mistake(
        "rate of the best run",
        "The rate is chosen by its best seed. With more seeds any rate gets luckier. Choose by the median.",
        variant(scores=lambda self, valid, test: valid.max(axis=1)),
    ),
    Mistake(
        "largest of equal rates",
        "Of rates with the same median the largest is taken. Take the smallest.",
        variant(
            best=lambda self, scores, rates: max(
                np.flatnonzero(scores == scores.max()), key=lambda r: rates[r]
            )
        ),
    ),
    Mistake(
        "diverged runs left out of the choice",
        "Runs that diverged are left out when the rate is chosen. Then a rate at which most runs diverge can "
        "win. They count as accuracy 0.",
        variant(
            scores=lambda self, valid, test: np.array(
                [np.median(row[row > 0]) if (row > 0).any() else 0.0 for row in valid]
            )
        ),
    ),
    Mistake(
        "diverged runs left out of the range",
        "Runs that diverged are left out of the reported numbers. They count as accuracy 0: a rate that "
        "loses a run is not safe.",
        variant(summary=_without_diverged),
    ),
    Mistake(
        "mean reported",
        "The mean of the test accuracies is reported in place of the median.",
        variant(middle=lambda self, runs: runs.mean()),
    ),
    Mistake(
        "range over all rates",
        "The range is over all rates. It belongs to the chosen rate alone: how much do seeds differ there?",
        variant(summary=_of_all_rates),
    ),
    Mistake(
        "two deviations for a range",
        "`low` and `high` are the median ± two standard deviations. Asked for is the range: the lowest and "
        "the highest seed.",
        variant(summary=_two_deviations),
    ),
    Mistake(
        "standard error over the seeds",
        "The standard error is that of the seeds' mean. It says how much training differs. Asked for is "
        "what the choice of the test images contributes: √(p(1−p)/n) of each arm.",
        variant(error=_over_seeds),
    ),
    Mistake(
        "test images counted once for each seed",
        "n is the number of test images times the number of seeds. All seeds are tested on the same "
        "images: n is the number of images.",
        variant(error=_of_all_runs),
    ),
    Mistake(
        "standard error of one arm",
        "The standard error is that of one arm. The difference of two numbers has the error of both: "
        "add the variances.",
        variant(
            error=lambda self, found, n, runs: np.sqrt(self.variance(found["bn"]["median"], n))
        ),
    ),
    Mistake(
        "standard errors added",
        "The standard errors are added. Their squares add up: √(a² + b²).",
        variant(error=_sum_of_errors),
    ),
    Mistake(
        "root missing",
        "p(1−p)/n is the variance. The standard error is its root.",
        variant(
            error=lambda self, found, n, runs: sum(
                self.variance(found[arm]["median"], n) for arm in ARMS
            )
        ),
    ),
    Mistake(
        "n missing",
        "√(p(1−p)) is the deviation of one image. The standard error of an accuracy divides p(1−p) by "
        "the number of images.",
        variant(variance=lambda self, p, n: p * (1 - p)),
    ),
    Mistake(
        "one standard error is enough",
        "It answers as soon as the difference exceeds one standard error. Chance alone goes that far in "
        "about one study of three; ask for two.",
        variant(exceeds=lambda self, difference, error: abs(difference) > error),
    ),
    Mistake(
        "standard error not asked",
        "The answer follows from the ranges alone. With few test images all seeds can share the same luck: "
        "the difference must also exceed two standard errors.",
        variant(exceeds=lambda self, difference, error: difference != 0),
    ),
    Mistake(
        "seeds not asked",
        "The answer follows from the standard error alone, although the arms' ranges overlap. Another seed "
        "could turn it round.",
        variant(apart=lambda self, ahead, behind: True),
    ),
    Mistake(
        "answer from the sign",
        "The answer follows from the sign of the difference alone. That always has one.",
        variant(answer=_sign_alone),
    ),
    Mistake(
        "the plain arm never wins",
        "It cannot answer 'plain'. A study that can only confirm is none.",
        variant(answer=_never_plain),
    ),
    Mistake(
        "difference reversed",
        "The difference is plain minus bn. It is bn minus plain.",
        variant(difference=lambda self, found: -Reporter.difference(self, found)),
    ),
    Mistake(
        "percent",
        "The accuracies are in percent. They are shares, from 0 to 1.",
        variant(form=_percent),
    ),
)
