"""The picture says of every entry of the module what is true of it."""

import copy

import matplotlib.pyplot as plt
import torch

from bnlab.norms.batch_norm import BatchNorm
from bnlab.pictures.module import BANDS, CARRIERS, module_memory


def test_every_name_stands_in_the_band_that_it_belongs_to():
    layer = BatchNorm(2)
    bands = {kind: names.replace("\n", " ").split(", ") for kind, names, *_ in BANDS}
    assert bands["parameters"] == [name for name, _ in layer.named_parameters()]
    assert bands["buffers"] == [name for name, _ in layer.named_buffers()]
    attributes = [name for name in bands["attributes"] if name != "…"]
    assert attributes and all(name in vars(layer) for name in attributes)


def test_the_dots_are_true():
    layer = BatchNorm(2)
    layer(torch.randn(4, 2))
    state, twin, wide = layer.state_dict(), copy.deepcopy(layer), copy.deepcopy(layer).double()
    for _, names, _, _, carried in BANDS:
        for name in (n for n in names.replace("\n", " ").split(", ") if n != "…"):
            value = getattr(layer, name)
            assert (name in state) == carried[0]
            moved = torch.is_tensor(value) and (
                not value.dtype.is_floating_point or getattr(wide, name).dtype == torch.float64
            )
            assert moved == carried[1]
            copied = getattr(twin, name)
            same = torch.equal(copied, value) if torch.is_tensor(value) else copied == value
            assert same == carried[2]


def test_it_is_drawn():
    fig, ax = plt.subplots()
    module_memory(ax)
    texts = [text.get_text() for text in ax.texts]
    assert all(text in texts for band in BANDS for text in band[:3])
    assert all(carrier in texts for carrier in CARRIERS)
    assert len(ax.lines) == 9
    plt.close(fig)
