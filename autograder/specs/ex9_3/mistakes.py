"""9.3 The study, reported: wrong reports that learners write, and what to tell them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex9_3.answers import BETTER, MARGIN, NONE, WORSE, Right


def variant(**methods):
    return (type("report", (Right,), methods)(),)


def _on_test(self, valid, test, settings, controls):
    return max(settings, key=lambda arm: self.score(test[arm]))


def _last_of_tied(self, valid, test, settings, controls):
    return max(reversed(settings), key=lambda arm: self.score(valid[arm]))


def _any_arm(self, valid, test, settings, controls):
    return max([*settings, *controls], key=lambda arm: self.score(valid[arm]))


class _MeanReported(Right):
    """The mean wherever a median belongs, except in the choice."""

    def score(self, accuracies):
        return float(np.median(list(accuracies.values())))

    def middle(self, values):
        return float(np.mean(list(values)))


def _deviation(self, values):
    middle, std = np.mean(values), np.std(values)
    return middle - std, middle + std


def _quartiles(self, values):
    return tuple(np.percentile(values, [25, 75]))


def _by_position(self, mine, theirs):
    return [a - b for a, b in zip(mine.values(), theirs.values(), strict=False)]


def _missing_is_zero(self, mine, theirs):
    return [value - theirs.get(seed, 0) for seed, value in mine.items()]


def _of_medians(self, d, mine, theirs):
    return self.middle(mine.values()) - self.middle(theirs.values())


def _by_ranges(self, d, mine, theirs):
    if min(mine.values()) > max(theirs.values()):
        return BETTER
    return WORSE if max(mine.values()) < min(theirs.values()) else NONE


def _by_median(self, d, mine, theirs):
    middle = self.middle(d)
    return BETTER if middle > MARGIN else WORSE if middle < -MARGIN else NONE


def _without_margin(self, d, mine, theirs):
    return BETTER if min(d) > 0 else WORSE if max(d) < 0 else NONE


def _never_worse(self, d, mine, theirs):
    return BETTER if min(d) > MARGIN else NONE


MISTAKES = (
    Mistake(
        "chosen on the test images",
        "The setting is chosen by its test accuracy, so that accuracy is the best of several, and "
        "too good. Choose on the validation images.",
        variant(choose=_on_test),
    ),
    Mistake(
        "chosen by the best seed",
        "The setting is chosen by its best seed: one lucky run decides. Take the median.",
        variant(score=lambda self, accuracies: max(accuracies.values())),
    ),
    Mistake(
        "chosen by the mean",
        "The setting is chosen by the mean over its seeds, which one failed run pulls down. Take "
        "the median.",
        variant(score=lambda self, accuracies: float(np.mean(list(accuracies.values())))),
    ),
    Mistake(
        "chosen by the worst seed",
        "The setting is chosen by its worst seed. The task asks for the median.",
        variant(score=lambda self, accuracies: min(accuracies.values())),
    ),
    Mistake(
        "last of tied settings",
        "Of settings with the same median the last one is chosen. The task asks for the first.",
        variant(choose=_last_of_tied),
    ),
    Mistake(
        "a control chosen",
        "A control is chosen as a setting. Only the `settings` compete; the controls are what the "
        "winner has to be compared with.",
        variant(choose=_any_arm),
    ),
    Mistake(
        "mean for median",
        "The report gives means. One failed run moves a mean; give medians.",
        (_MeanReported(),),
    ),
    Mistake(
        "deviation for range",
        "`low` and `high` are the mean less and plus a standard deviation. Give the range, the "
        "lowest and the highest seed: with few runs, that hides nothing.",
        variant(ends=_deviation),
    ),
    Mistake(
        "quartiles for range",
        "`low` and `high` are quartiles. Give the lowest and the highest seed.",
        variant(ends=_quartiles),
    ),
    Mistake(
        "validation accuracy reported",
        "`arms` holds validation accuracies. The settings were chosen on those images; report the "
        "test images.",
        variant(reported=lambda self, valid, test, arm: valid[arm]),
    ),
    Mistake(
        "optimism of the validation images",
        "`optimism` is the difference between validation and test accuracy of the chosen setting. "
        "It is what choosing on the *test* images would have added: the best median there less "
        "the chosen one's.",
        variant(
            optimism=lambda self, valid, test, settings, chosen: (
                self.middle(valid[chosen].values()) - self.middle(test[chosen].values())
            )
        ),
    ),
    Mistake(
        "optimism over all arms",
        "`optimism` looks at the controls, too. Only the settings could have been chosen.",
        variant(
            optimism=lambda self, valid, test, settings, chosen: (
                max(self.middle(of.values()) for of in test.values())
                - self.middle(test[chosen].values())
            )
        ),
    ),
    Mistake(
        "optimism with the sign turned",
        "`optimism` has the wrong sign: the best median less the chosen one's is never negative.",
        variant(
            optimism=lambda self, *a: -Right.optimism(self, *a),
        ),
    ),
    Mistake(
        "paired by position",
        "Runs are paired by their place in the list. They come in any order: pair by the seed.",
        variant(differences=_by_position),
    ),
    Mistake(
        "missing runs as zero",
        "A seed that the control does not have counts as accuracy 0. A pair needs both runs.",
        variant(differences=_missing_is_zero),
    ),
    Mistake(
        "difference of the medians",
        "`median` in `against` is the difference of two medians. Runs of a seed share weights and "
        "stream: take the differences first, then their median.",
        variant(middle_of=_of_medians),
    ),
    Mistake(
        "control less setting",
        "The differences have the wrong sign: chosen setting less control.",
        variant(
            differences=lambda self, mine, theirs: Right.differences(self, theirs, mine),
        ),
    ),
    Mistake(
        "ranges compared",
        "The verdict compares the two ranges. Seeds differ more than arms do, so ranges overlap "
        "although every pair says the same. Look at the differences.",
        variant(opinion=_by_ranges),
    ),
    Mistake(
        "median difference decides",
        "The verdict looks at the median difference alone. “better” and “worse” need every pair.",
        variant(opinion=_by_median),
    ),
    Mistake(
        "margin left out",
        "Any difference counts. The margin is two points: above 0.02, or below −0.02.",
        variant(opinion=_without_margin),
    ),
    Mistake(
        "never worse",
        "The verdict is “better” or “no difference”. Where a control wins in every pair it is "
        "“worse”, and that is a result, too.",
        variant(opinion=_never_worse),
    ),
    Mistake(
        "too few seeds overlooked",
        "A verdict is given from fewer than five pairs. By chance alone all of four differences "
        "have the same sign in one of eight studies: “too few seeds”.",
        variant(too_few=lambda self, d: False),
    ),
)
