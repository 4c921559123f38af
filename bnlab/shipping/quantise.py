"""Weights and activations as int8, with torchao's PT2E flow.

Source: https://docs.pytorch.org/ao/stable/pt2e_quantization/, "PT2E Quantization"; it replaces
`torch.ao.quantization`, which PyTorch 2.13 calls deprecated.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, fx, nn

from bnlab.shipping.export import program
from bnlab.shipping.quiet import quiet


def observed(model: nn.Module, example: Tensor) -> fx.GraphModule:
    """The model's graph with batch norms folded, and an observer wherever int8 values will flow.

    Args:
        model: in eval mode.
        example: (N, …), N of 2 or more.

    Raises:
        ValueError: a part of the model is in training mode.
    """
    if any(m.training for m in model.modules()):
        raise ValueError("The model is in training mode: call eval() before quantising it.")
    with quiet():
        from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e
        from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
            X86InductorQuantizer,
            get_default_x86_inductor_quantization_config,
        )

        quantizer = X86InductorQuantizer()
        quantizer.set_global(get_default_x86_inductor_quantization_config())
        return prepare_pt2e(program(model, example).module(), quantizer)


def quantise(model: nn.Module, batches: Iterable[Tensor]) -> fx.GraphModule:
    """The model in int8: weights per channel, activations with the ranges seen on `batches`.

    The result computes with rounded numbers in float32 ("fake" int8): it shows the accuracy.
    `to_onnx` writes it for a runtime that computes in int8.

    Args:
        model: in eval mode; stays as it is.
        batches: inputs like those to come, without labels; the first is the export's example.

    Raises:
        ValueError: no batches, or a part of the model is in training mode.
    """
    batches = list(batches)
    if not batches:
        raise ValueError("Quantising needs batches to see the ranges of the activations on.")
    graph = observed(model, batches[0])
    with quiet(), torch.no_grad():
        for batch in batches:
            graph(batch)
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

        return convert_pt2e(graph)


def functions(graph: fx.GraphModule) -> list[str]:
    """The functions that a graph calls, in order, by short names: "conv2d", "batch_norm"."""
    targets = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    return [target.__name__.partition(".")[0] for target in targets]
