"""The picture of the two orders: every box and word lies inside, and arrows do not overlap boxes."""

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from bnlab.shipping.picture import ROWS, two_orders


def test_boxes_hold_their_words_and_nothing_is_cut_off():
    fig, ax = plt.subplots(figsize=(5.2, 3.1))
    two_orders(ax)
    fig.canvas.draw()
    boxes = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    assert len(boxes) == sum(len(row[1]) for row in ROWS)
    frame = ax.get_window_extent()
    inside = {text for _, row, _ in ROWS for text, _ in row}
    for text in filter(Text.get_text, ax.texts):  # arrows have none
        extent = Text.get_window_extent(text)
        assert frame.x0 <= extent.x0 and extent.x1 <= frame.x1, text.get_text()
        assert frame.y0 <= extent.y0 and extent.y1 <= frame.y1, text.get_text()
        if text.get_text() in inside:
            around = [b.get_window_extent() for b in boxes]
            assert any(b.x0 < extent.x0 and extent.x1 < b.x1 for b in around), text.get_text()
    plt.close(fig)
