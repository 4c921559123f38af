"""8.2 Checkpoint: int8 with ranges from calibration images."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from autograder.spec import AnswerError, Case, Exercise, Measured
from autograder.specs.ex8_2.answers import RIGHT_WAYS
from autograder.specs.ex8_2.float_file import network, ranges, write
from autograder.specs.ex8_2.int8_file import Layer, layers_of
from autograder.specs.ex8_2.mistakes import MISTAKES
from bnlab.shipping.quiet import quiet

BYTES = 0.5  # of the float file; weights alone would be a quarter, scales and graph come to it
ERROR = 0.1  # of the logits, root mean square over their spread
SIZES = (1, 5)


def cases(rng: np.random.Generator) -> list[Case]:
    # What onnxruntime's quantiser loads on first use must not count as the learner's time.
    with quiet():
        import onnxruntime.quantization  # noqa: F401

    def case(name, channels, widths, batches, low, high, spread=0.3, **more):
        inputs = dict(seed=int(rng.integers(2**31)), channels=channels, widths=widths)
        inputs |= dict(input=str(rng.choice(["images", "x", "pixels"])), spread=spread)
        shapes = [(n, channels, 8, 8) for n in batches]
        images = [rng.uniform(low, high, shape).astype(np.float32) for shape in shapes]
        # No single batch has both ends, and neither end is in the first.
        images[-1][0, 0, 3, 4], images[-2][1, 0, 2, 2] = 1.5 * high, low - 0.5 * (high - low)
        return Case(name, inputs | dict(batches=images) | more)

    return [
        case("grey images from 0 to 1", 1, (24, 32), (8, 8, 5), 0.0, 1.0),
        case("three channels, standardised", 3, (16, 40), (6, 6, 6, 3), -1.5, 1.5),
        case("channels of very different size", 1, (24, 32), (8, 8), -1.0, 1.0, spread=1.5),
    ]


def call(quantise, seed, channels, widths, input, spread, batches):
    import onnx
    import onnxruntime as ort

    net = network(seed, channels, widths, spread)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        write(net, source, input)
        before = source.read_bytes()
        with quiet():
            quantise(str(source), str(target), batches)
        if not target.exists():
            raise AnswerError("`quantise` wrote no file at `target`.")
        if source.read_bytes() != before:
            raise AnswerError(
                "`quantise` changed the file at `source`. Leave it: it is the reference."
            )
        content = target.read_bytes()
    try:
        graph = onnx.load_from_string(content).graph
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        files = [
            ort.InferenceSession(c, options, providers=["CPUExecutionProvider"])
            for c in (before, content)
        ]
    except Exception as problem:
        says = " ".join(str(problem).split())[:200]
        raise AnswerError(f"onnxruntime cannot load the file at `target`: {says}") from problem
    layers = _layers(layers_of(graph), len(widths) + 1)
    # Behaviour that no scale explains is no named mistake.
    right = _same(layers, _wanted_layers(net, batches))
    how = "though all scales are right" if right else "as the scales say"
    return layers | _behaviour(files, len(content) / len(before), input, batches, how)


def _same(layers, wanted):
    return all(
        layers.get(name) is not None
        and np.shape(layers[name]) == np.shape(value)
        and np.allclose(layers[name], value, rtol=1e-3)
        for name, value in wanted.items()
    )


def _layers(found: list[Layer], expected: int):
    """What the file says of each layer with weights."""
    if len(found) != expected:
        raise AnswerError(
            f"The file has {len(found)} convolutions and linear layers; expected {expected}. Other "
            "operators than Conv, Gemm and MatMul are not looked for: use QuantFormat.QDQ."
        )
    outputs = {
        "weights of the layers, bits": np.array([layer.weight_bits for layer in found]),
        "what the layers read, bits": np.array([layer.input_bits for layer in found]),
    }
    for number, layer in enumerate(found, 1):
        outputs[f"scales of the weights of layer {number}"] = layer.weight_scales
        outputs[f"scale of what layer {number} reads"] = layer.input_scale
    return {name: value for name, value in outputs.items() if value is not None}


def _behaviour(files, share, name, batches, how):
    """Size, error and batch sizes: what a user of the file notices."""
    x, ran = np.concatenate(batches), []
    for n in SIZES:
        try:
            files[1].run(None, {name: x[:n]})
            ran.append(n)
        except Exception:
            continue
    error = float("inf")
    if ran == list(SIZES):
        want, got = (np.concatenate([f.run(None, {name: v[None]})[0] for v in x]) for f in files)
        error = float(np.sqrt(np.mean((got - want) ** 2)) / want.std())
    return {
        "bytes of the file, share of the float file": Measured(
            share,
            f"The file has {share:.2f} times the bytes of the float file.",
            f"size, {how}" if share > BYTES else "",
        ),
        "error of the logits": Measured(
            error,
            f"The logits differ from those of the float file by {error:.2g} of their spread.",
            f"error, {how}" if not error <= ERROR else "",
        ),
        "batch sizes that the file takes": np.array(ran, int),
    }


def reference(seed, channels, widths, input, spread, batches):
    return _wanted_layers(network(seed, channels, widths, spread), batches) | {
        "bytes of the file, share of the float file": BYTES,
        "error of the logits": ERROR,
        "batch sizes that the file takes": np.array(SIZES),
    }


def _wanted_layers(net, batches):
    """Bits and scales by the formulas of the task."""
    reads, count = ranges(net, batches), len(net)
    outputs = {
        "weights of the layers, bits": np.full(count, 8),
        "what the layers read, bits": np.full(count, 8),
    }
    for number, ((weight, _), (low, high)) in enumerate(zip(net, reads, strict=True), 1):
        largest = np.abs(weight.reshape(len(weight), -1)).max(axis=1)
        outputs[f"scales of the weights of layer {number}"] = largest / 127
        outputs[f"scale of what layer {number} reads"] = (max(high, 0) - min(low, 0)) / 255
    return outputs


def describe(inputs):
    sizes = ", ".join(str(len(batch)) for batch in inputs["batches"])
    shape = inputs["batches"][0].shape[1:]
    return f"input {inputs['input']!r}: (N, {shape[0]}, 8, 8); batches of {sizes} images"


EXERCISE = Exercise(
    id="8.2",
    title="Checkpoint: int8",
    answers=("quantise",),
    shows="quantise(source, target, batches)",
    minutes=35,
    difficulty="demanding",
    points=4,
    read="Chapter 6.4, section “Eight bits”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=20,
    describe=describe,
)
