"""The pictures show what they are given."""

import matplotlib.pyplot as plt
import numpy as np

from bnlab.figures import RED
from bnlab.pictures.leak import ROWS, draw_heard, draw_leak, draw_pixels


def test_one_red_way_leads_from_a_stranger_to_your_answer():
    fig, ax = plt.subplots()
    draw_leak(ax)
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 2 * len(ROWS)
    red = [a for a in arrows if a.arrowprops["color"] == RED]
    assert len(red) == 2
    into, out = sorted(red, key=lambda arrow: arrow.xyann[0])
    assert into.xyann[0] < 2 < into.xy[0], "from a sample to the statistics"
    assert into.xyann[1] == 1.0, "the sample is a stranger's"
    assert out.xy[1] == 2.0, "the answer is yours"
    plt.close(fig)


def test_the_curve_is_the_median_and_the_silent_have_one_mark_each():
    fig, ax = plt.subplots()
    heard = {
        "loud": [[0.9, 0.5], [0.8, 0.3], [0.7, 0.6]],
        "eval": [[0.1], [0.2], [0.1]],
        "gn": [[0.1]],
    }
    draw_heard(ax, (0, 3), heard)
    curve, *marks = (line.get_xydata().tolist() for line in ax.lines[:3])
    assert curve == [[0, 0.8], [3, 0.5]]
    assert [[y for _, y in mark] for mark in marks] == [[0.1], [0.1]]
    assert [text.get_text() for text in ax.get_legend().texts] == list(heard)
    plt.close(fig)


def test_each_row_shows_its_own_images():
    fig, axes = plt.subplots(2, 3)
    rows = {name: np.random.default_rng(k).random((5, 64)) for k, name in enumerate("ab")}
    draw_pixels(axes, rows)
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        assert row[0].get_ylabel() == name
        for ax, picture in zip(row, pictures[:3], strict=True):
            assert np.array_equal(ax.images[0].get_array(), picture.reshape(8, 8))
    plt.close(fig)
