"""The schematic pictures show what their captions say."""

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from bnlab.pictures.layouts import CHANNELS, gradient_paths, memory_strips


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_a_strip_has_a_cell_per_value_in_the_order_of_memory(ax):
    memory_strips(ax, {"first": ((2, 3, 2), 1), "last": ((2, 2, 3), 2)})
    cells = [patch.get_facecolor() for patch in ax.patches]
    blue, orange, green = (to_rgba(c) for c in CHANNELS)
    assert cells[:12] == 2 * [blue, blue, orange, orange, green, green]
    assert cells[12:] == 4 * [blue, orange, green]
    assert set(Counter(cells).values()) == {8}
    assert np.all(np.diff([patch.get_x() for patch in ax.patches[:12]]) >= 1)


def test_the_graph_names_every_node_and_path(ax):
    gradient_paths(ax)
    labels = {text.get_text() for text in ax.texts}
    assert {"x", "μ", "x − μ", "σ²", "1/σ", "x̂", "y"} <= labels
    assert {"1 direct", "2 through the variance", "3 through the mean"} <= labels
