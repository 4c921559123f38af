"""The picture of chapter 2.4 says of each layer what its code says."""

import matplotlib.pyplot as plt
import numpy as np

from bnlab.numpy_net import Linear, ReLU
from bnlab.pictures.layer import LAYERS, layer_protocol


def test_the_picture_shows_every_entry():
    fig, ax = plt.subplots()
    layer_protocol(ax)
    shown = [text.get_text() for text in ax.texts]
    plt.close(fig)
    assert all(entry in shown for layer in LAYERS for entry in layer)


def test_parameters_of_the_networks_own_layers():
    x = np.ones((2, 3))
    for layer in (Linear(3, 4, np.random.default_rng(0)), ReLU()):
        layer.backward(layer.forward(x))
        listed = dict((name, parameters) for name, parameters, *_ in LAYERS)
        count = len([p for p in listed[type(layer).__name__].split(", ") if p != "–"])
        assert len(layer.parameters()) == count
