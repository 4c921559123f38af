"""8.2 Reads an ONNX file with quantised layers in the QDQ form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Bits of ONNX's element types by number: FLOAT, UINT8, INT8, UINT16, INT16, INT32, FLOAT16.
BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 10: 16}
WITH_WEIGHTS = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True)
class Layer:
    """A layer with weights: how weights and input are stored, and by which scales.

    Scales are None where nothing is quantised.
    """

    weight_bits: int
    weight_scales: np.ndarray | None
    input_bits: int
    input_scale: np.ndarray | None


def layers_of(graph) -> list[Layer]:
    """The layers in the order in which they run; operators of other forms are left out."""
    from onnx.numpy_helper import to_array

    weights = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}

    def quantised(name):
        """Bits and scale of a value, looking through what passes numbers on unchanged."""
        node = made_by.get(name)
        while node is not None and node.op_type in ("Flatten", "Reshape", "Transpose", "Relu"):
            node = made_by.get(node.input[0])
        if node is None or node.op_type != "DequantizeLinear":
            return 32, None
        scale = to_array(weights[node.input[1]])
        zero = weights[node.input[2]] if len(node.input) > 2 else weights[node.input[0]]
        return BITS.get(zero.data_type, 0), scale

    layers = []
    for node in graph.node:
        if node.op_type in WITH_WEIGHTS:
            layers.append(Layer(*quantised(node.input[1]), *quantised(node.input[0])))
        elif node.op_type in ("ConvInteger", "MatMulInteger"):
            # Weights in 8 bits; what they read is quantised anew for every call.
            layers.append(Layer(8, None, 0, None))
    return layers
