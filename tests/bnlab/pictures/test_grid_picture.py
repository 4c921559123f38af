"""The picture of chapter 3.1 shows every thread once, and hollow past the last number."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import same_color

from bnlab.figures import BLUE, GREEN, ORANGE
from bnlab.pictures.grid import draw_grid, rows


def test_warps_fill_the_blocks_and_the_last_of_a_block_may_be_short():
    assert rows(128, 64) == [(0, 0, 0, 32), (0, 1, 32, 32), (1, 0, 64, 32), (1, 1, 96, 32)]
    assert rows(80, 40) == [(0, 0, 0, 32), (0, 1, 32, 8), (1, 0, 40, 32), (1, 1, 72, 8)]
    with pytest.raises(ValueError, match="100 threads do not fill blocks of 64"):
        rows(100, 64)


def test_a_box_for_each_thread_in_the_colour_of_its_number():
    colours = [(BLUE, ORANGE, GREEN)[i // 42] for i in range(126)]
    fig, ax = plt.subplots()
    draw_grid(ax, 64, colours, mark=100)
    boxes = [bar.patches[0] for bar in ax.containers]
    labels = [text.get_text() for text in ax.texts]
    plt.close(fig)
    assert len(boxes) == 128
    assert all(
        same_color(box.get_facecolor(), colour)
        for box, colour in zip(boxes[:126], colours, strict=True)
    )
    assert [box.get_facecolor()[3] for box in boxes[126:]] == [0, 0]
    assert [i for i, box in enumerate(boxes) if box.get_linewidth() > 2] == [100]
    assert "thread 36 of block 1: warp 1, lane 4" in labels
    assert {"x[0] … x[31]", "x[96] … x[125]"} <= set(labels)
