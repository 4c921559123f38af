"""The picture of chapter 4.3 names what a run really leaves behind."""

from dataclasses import fields

import matplotlib.pyplot as plt

from bnlab.pictures.cuda_lab import ARMS, OUTPUTS, SEEDS, VALUES, lab
from bnlab.training import Run


def test_a_dot_per_run():
    fig, ax = plt.subplots()
    lab(ax)
    plt.close(fig)
    assert len(ax.lines) == len(ARMS) * len(VALUES) * SEEDS


def test_every_output_is_shown_and_is_a_field_of_a_run():
    fig, ax = plt.subplots()
    lab(ax)
    shown = [text.get_text() for text in ax.texts]
    plt.close(fig)
    assert set(OUTPUTS) <= set(shown)
    assert set(OUTPUTS.values()) <= {field.name for field in fields(Run)}
