"""8.2 The float file that is quantised: convolutions with ReLU, the mean over the map, a linear layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

Network = list[tuple[np.ndarray, np.ndarray]]  # weight and bias of each layer, float32


def network(seed: int, channels: int, widths: tuple[int, ...], spread: float) -> Network:
    """Weights as after folding: the channels of a layer differ in size, by e^spread."""
    rng, layers = np.random.default_rng(seed), []
    for width in widths:
        weight = rng.normal(size=(width, channels, 3, 3)) * np.sqrt(2 / (9 * channels))
        weight *= np.exp(spread * rng.normal(size=(width, 1, 1, 1)))
        layers.append((weight, 0.1 * rng.normal(size=width)))
        channels = width
    layers.append((rng.normal(size=(10, channels)) / np.sqrt(channels), rng.normal(size=10)))
    return [(weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in layers]


def write(net: Network, path: Path, input: str) -> None:
    """As an ONNX file for batches of any size; convolutions have stride 2 and padding 1."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, value = [], [], input
    for number, (weight, bias) in enumerate(net, 1):
        names = [f"weight{number}", f"bias{number}"]
        weights += [
            numpy_helper.from_array(a, n) for a, n in zip((weight, bias), names, strict=True)
        ]
        if weight.ndim == 4:
            settings = dict(pads=[1] * 4, strides=[2, 2])
            nodes += [helper.make_node("Conv", [value, *names], [f"conv{number}"], **settings)]
            nodes += [helper.make_node("Relu", [f"conv{number}"], [f"relu{number}"])]
            value = f"relu{number}"
        else:
            nodes += [helper.make_node("GlobalAveragePool", [value], ["mean"])]
            nodes += [helper.make_node("Flatten", ["mean"], ["row"])]
            nodes += [helper.make_node("Gemm", ["row", *names], ["logits"], transB=1)]
    channels = net[0][0].shape[1]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
        for name, shape in ((input, (channels, 8, 8)), ("logits", (10,)))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], weights)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)


def ranges(net: Network, batches: list[np.ndarray]) -> list[tuple[float, float]]:
    """The smallest and the largest value that each layer reads, over all batches."""
    seen = []
    for batch in batches:
        x, row = torch.from_numpy(batch), []
        for weight, bias in net:
            x = x.mean((2, 3)) if weight.ndim == 2 else x
            row.append((x.min().item(), x.max().item()))
            if weight.ndim == 4:
                x = F.conv2d(x, torch.from_numpy(weight), torch.from_numpy(bias), 2, 1).relu()
        seen.append(row)
    seen = np.array(seen)  # (batches, layers, 2)
    return [
        (float(low), float(high))
        for low, high in zip(seen[..., 0].min(0), seen[..., 1].max(0), strict=True)
    ]
