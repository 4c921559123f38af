"""The picture of passes counts main memory, and draws every walk."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from bnlab.pictures.passes import draw_passes, passes

LADDER = {"copy": [("copy", "RW")], "cached": [("load", "Rw"), ("sum", "r"), ("store", "rW")]}


def test_only_main_memory_counts():
    assert passes(LADDER["copy"]) == passes(LADDER["cached"]) == 2


def test_a_block_for_each_walk_and_hollow_ones_for_the_cache():
    fig, ax = plt.subplots()
    draw_passes(ax, LADDER)
    blocks = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    plt.close(fig)
    assert len(blocks) == 7
    assert sum(block.get_facecolor()[3] == 0 for block in blocks) == 3
