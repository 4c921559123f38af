"""The trees of chapter 3.2 add what they say, and their picture shows every addition."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import same_color

from bnlab.figures import RED
from bnlab.pictures.tree import FORMS, draw_tree, levels, lost


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [1, 2, 8, 256])
def test_nothing_is_lost_of_a_power_of_two(form, n):
    assert lost(n, form) == set()
    assert sum(map(len, levels(n, form))) == n - 1
    assert len(levels(n, form)) == n.bit_length() - 1


def test_halving_96_loses_a_third_and_rounding_up_loses_nothing():
    assert lost(96) == set(range(2, 96, 3))
    assert all(lost(n, "rounded up") == set() for n in range(1, 300))


def test_the_same_additions_by_other_threads():
    def additions(form):
        return [[addition[1:] for addition in level] for level in levels(8, form)]

    assert additions("modulo") == additions("strided")
    assert [thread for thread, *_ in levels(8, "modulo")[0]] == [0, 2, 4, 6]
    assert [thread for thread, *_ in levels(8, "strided")[0]] == [0, 1, 2, 3]


def test_an_unknown_form_is_named():
    with pytest.raises(ValueError, match="No form 'pairs'; there are halving, "):
        levels(8, "pairs")


def test_a_box_for_each_element_and_two_arrows_for_each_addition():
    fig, ax = plt.subplots()
    draw_tree(ax, 8)
    boxes = [text for text in ax.texts if text.get_bbox_patch()]
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    barriers = [line for line in ax.lines if line.get_linestyle() == "--"]
    plt.close(fig)
    assert len(boxes) == 4 * 8
    assert [b.get_text() for b in boxes if b.get_text().startswith("t")] == (
        ["t0", "t1", "t2", "t3", "t0", "t1", "t0"]
    )
    assert len(arrows) == 2 * 7 and len(barriers) == 4


def test_red_boxes_are_what_is_lost_and_where_it_is_left():
    fig, ax = plt.subplots()
    draw_tree(ax, 12)
    boxes = [text for text in ax.texts if text.get_bbox_patch()]
    plt.close(fig)
    red = [i for i, b in enumerate(boxes) if same_color(b.get_bbox_patch().get_edgecolor(), RED)]
    rows = [[i % 12 for i in red if i // 12 == row] for row in range(4)]
    assert rows == [sorted(lost(12)), [2], [2], [2]] and lost(12) == {2, 5, 8, 11}
