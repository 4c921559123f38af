"""A model as a graph, and as an ONNX file that another runtime runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, fx, nn

from bnlab.shipping.quiet import quiet

if TYPE_CHECKING:  # half a second to import, and only some of the functions need them
    import onnxruntime as ort
    from torch.export import ExportedProgram


def program(model: nn.Module, example: Tensor) -> ExportedProgram:
    """The model's graph by `torch.export`, for batches of any size, in the mode it is in now.

    Args:
        example: (N, …), with N of 2 or more: 0 and 1 have cases of their own in PyTorch, and a
            graph taken from them may hold for them alone.

    Raises:
        ValueError: the example is a batch of one.
    """
    if len(example) < 2:
        raise ValueError(
            f"The example has shape {tuple(example.shape)}. Give one with a batch of 2 or more, so "
            "that the graph holds for any size."
        )
    batch = torch.export.Dim("batch")
    with quiet():
        return torch.export.export(model, (example,), dynamic_shapes=({0: batch},))


def to_onnx(model: nn.Module, path: str | Path, example: Tensor, optimise: bool = True) -> Path:
    """Writes an ONNX file for batches of any size.

    Args:
        model: in eval mode, or a graph that was exported in it; stays as it is.
        path: of the file.
        example: (N, …).
        optimise: False keeps the graph as it was translated, batch norms included.

    Raises:
        ValueError: a part of the model is in training mode.
    """
    training = [name or "the model" for name, m in model.named_modules() if m.training]
    # The mode of an exported graph is in its nodes; its training flags say nothing.
    if training and not isinstance(model, fx.GraphModule):
        raise ValueError(
            f"{len(training)} modules are in training mode, the first is {training[0]!r}. "
            "Exporting decides on the mode for good: call model.eval() first."
        )
    return write_onnx(model, path, example, optimise)


def write_onnx(
    model: nn.Module,
    path: str | Path,
    example: Tensor,
    optimise: bool = True,
    any_batch: bool = True,
) -> Path:
    """As `to_onnx`, in whatever mode the model is, and on request for the example's batch size
    alone: for showing what these do."""
    sizes = ({0: torch.export.Dim("batch")},) if any_batch else None
    with quiet():
        written = torch.onnx.export(
            model,
            (example,),
            input_names=["x"],
            output_names=["y"],
            dynamic_shapes=sizes,
            dynamo=True,
            optimize=optimise,
            verbose=False,
        )
        # At once: until then the weights are the model's own memory, and follow its training.
        written.save(str(path), external_data=False)
    return Path(path)


def session(path: str | Path, threads: int = 1) -> ort.InferenceSession:
    """Opens an ONNX file in onnxruntime, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no ONNX model that onnxruntime can run.
    """
    import onnxruntime as ort

    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:
        raise ValueError(f"onnxruntime cannot run {path}: {problem}") from problem


def runner(path: str | Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """An ONNX file with one input as a function from array to array; x is named as in the file."""
    opened = session(path, threads)
    [given] = opened.get_inputs()
    return lambda x: opened.run(None, {given.name: np.asarray(x)})[0]


def parity(model: nn.Module, run: Callable[[np.ndarray], np.ndarray], x: Tensor) -> float:
    """Largest absolute difference between the model, in the mode it is in, and another runtime."""
    with torch.no_grad():
        want = model(x).numpy()
    return float(np.abs(run(x.numpy()) - want).max())


def operators(path: str | Path) -> Counter[str]:
    """How often each operator stands in an ONNX file."""
    import onnx

    return Counter(node.op_type for node in onnx.load(str(path)).graph.node)


def weight_bytes(path: str | Path) -> int:
    """Bytes of the numbers in an ONNX file: weights, biases, scales; without the graph."""
    import onnx
    from onnx.numpy_helper import to_array

    return sum(to_array(tensor).nbytes for tensor in onnx.load(str(path)).graph.initializer)
