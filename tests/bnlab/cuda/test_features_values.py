"""Every feature of CUDA C++ that the lab has gives NumPy's values, in both schedules."""

import pytest
from features import FEATURES, Feature

from bnlab import cuda


def examined(feature: Feature, **options) -> tuple[cuda.Report, dict]:
    arguments = feature.copies()
    report = cuda.examine(
        feature.code,
        feature.kernel,
        feature.grid,
        feature.block,
        tuple(arguments.values()),
        shared_mem=feature.shared_mem,
        options=feature.options,
        **options,
    )
    return report, arguments


def check(feature: Feature, **options) -> None:
    """The feature's values, its printed lines and its races, as they have to be."""
    report, arguments = examined(feature, **options)
    assert report.error is None, report.error
    for name, difference in feature.difference(arguments).items():
        assert difference <= feature.tolerance, (name, difference)
    assert report.printed == (feature.printed or ())
    assert bool(report.races) == feature.races, [race.sentence for race in report.races]


def test_there_are_features_and_each_has_a_name_of_its_own():
    assert len(FEATURES) >= 72
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_feature(feature):
    check(feature)
    check(feature, schedule="warps", seed=1)
