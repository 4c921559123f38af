"""The picture shows one way from a stranger's sample to your answer."""

import matplotlib.pyplot as plt

from bnlab.figures import RED
from bnlab.leak_picture import ROWS, draw_leak


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
