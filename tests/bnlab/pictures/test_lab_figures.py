"""The figures of chapter 4.3 show the medians of the runs that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bnlab.pictures.training import accuracy_lines, gradient_lines, loss_lines, means_over
from bnlab.training import load, mlp, sweep


@pytest.fixture(scope="module")
def results():
    arms = {"He init": lambda s: mlp(1, 8, "none", seed=s), "BN": lambda s: mlp(1, 8, seed=s)}
    data = load().flat()
    return sweep(arms, "lr", [0.01, 1], seeds=range(3), data=data, epochs=1, watch=True)


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def test_means_over_stretches_drop_the_rest():
    curves = np.arange(14.0).reshape(2, 7)
    assert means_over(curves, 3).tolist() == [[1, 4], [8, 11]]
    assert means_over(np.stack([curves, curves], axis=-1), 3).shape == (2, 2, 2)
    assert means_over(curves, 8).shape == (2, 0)


def test_accuracies(results):
    accuracy_lines({"left": results, "right": results}, "learning rate", log=10)
    fig = plt.gcf()
    assert [ax.get_title() for ax in fig.axes] == ["left", "right"]
    for ax in fig.axes:
        for line, arm in zip(ax.lines, results.arms, strict=True):
            assert line.get_label() == arm and line.get_linestyle() == "-"
            assert np.array_equal(line.get_ydata(), np.median(results.accuracies(arm), axis=0))
            assert np.array_equal(line.get_xdata(), results.values)
    accuracy_lines(results, "learning rate")
    assert [t.get_text() for t in plt.gca().get_xticklabels()] == ["0.01", "1"]


def test_an_arm_of_another_name_is_dotted(results):
    other = type(results)(results.over, results.values, {
        ("BN, other", value): runs for (arm, value), runs in results.runs.items() if arm == "BN"
    })  # fmt: skip
    accuracy_lines(other, "learning rate")
    assert plt.gca().lines[0].get_linestyle() == ":"


def test_losses_and_gradients(results):
    loss_lines(results, 1, steps=11)
    expected = np.median(means_over(results.losses("BN", 1), 11), axis=0)
    assert np.array_equal(plt.gca().lines[1].get_ydata(), expected)
    gradient_lines(results, 1, 11, {"first": 0, "last": 1})
    expected = np.median(means_over(results.gradient_norms("BN", 1), 11), axis=0)
    for layer, ax in enumerate(plt.gcf().axes):
        assert np.array_equal(ax.lines[1].get_ydata(), expected[:, layer])
