"""The picture names what passes between forward and backward, and in which form."""

import matplotlib.pyplot as plt

from bnlab.figures import GREEN, ORANGE
from bnlab.pictures.autograd import draw_function


def test_inputs_keep_their_history_and_results_do_not():
    fig, ax = plt.subplots()
    draw_function(ax)
    texts = {text.get_text(): text.get_color() for text in ax.texts}
    assert texts["x, γ\nwith their history"] == GREEN
    assert texts["mean, 1/σ\nbare numbers"] == ORANGE
    assert {"forward", "backward", "y", "dy", "dx,\ndγ, dβ"} <= texts.keys()
    plt.close(fig)
