"""The drawn projection is batch norm's gradient, and both pictures draw without a warning."""

import warnings

import matplotlib
import numpy as np
import torch
from torch.nn import functional as F

from bnlab.pictures.backward_graph import draw_graph, draw_projection, projection

X, DY = [0.2, 2.0, 1.1], [0.6, 2.6, -0.6]


def test_the_tangent_is_dx_without_its_factor():
    x = torch.tensor(X, dtype=torch.float64)[:, None].requires_grad_()
    y = F.batch_norm(x, None, None, training=True, eps=1e-12)
    (dx,) = torch.autograd.grad(y, x, torch.tensor(DY, dtype=torch.float64)[:, None])
    parts = projection(X, DY)
    np.testing.assert_allclose(parts["tangent"] / np.std(X), dx[:, 0].numpy(), atol=1e-9)
    np.testing.assert_allclose(parts["one"] + parts["radial"] + parts["tangent"], DY)
    assert abs(parts["tangent"].sum()) < 1e-12
    assert abs(parts["tangent"] @ parts["x_hat"]) < 1e-12


def test_both_pictures_draw():
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig, (graph, side, top) = plt.subplots(1, 3)
        draw_graph(graph)
        draw_projection(side, top, X, DY)
        fig.canvas.draw()
    assert {"dx", "dmean", "dvar", "dx_hat", "dy"} <= {text.get_text() for text in graph.texts}
    plt.close(fig)
