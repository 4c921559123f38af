"""The decision tree's picture: its boxes hold their text, and it says what exercise 5.5 knows."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import FancyBboxPatch

from autograder.specs.ex5_5.rules import HAS
from bnlab.pictures.decision import BRANCHES, REST, tree


@pytest.fixture
def drawn():
    fig, ax = plt.subplots(figsize=(4.8, 5), layout="constrained")
    tree(ax)
    fig.canvas.draw()
    yield ax
    plt.close(fig)


def test_every_text_of_a_box_lies_inside_one(drawn):
    boxes = [p.get_window_extent() for p in drawn.patches if isinstance(p, FancyBboxPatch)]
    assert len(boxes) == 2 * len(BRANCHES) + 1
    texts = [t for t in drawn.texts if t.get_text() not in ("", "yes", "no")]
    assert len(texts) == 3 * len(BRANCHES) + 2
    for text in texts:
        inner = text.get_window_extent()
        assert any(
            box.x0 < inner.x0 and inner.x1 < box.x1 and box.y0 < inner.y0 and inner.y1 < box.y1
            for box in boxes
        ), text.get_text()


def test_the_properties_are_those_of_the_norms():
    for _, norms, properties, _ in BRANCHES:
        first = norms.replace(",", " ").split()[0]
        assert set(properties.split(", ")) <= HAS[first]
    assert REST[0].startswith("BN")
