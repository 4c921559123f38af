"""8.2 int8: right answers."""

from __future__ import annotations

import tempfile
from pathlib import Path


class Quantiser:
    """Right in every decision; a mistake replaces one."""

    per_channel = True
    weights, activations = "QInt8", "QInt8"
    method = "MinMax"
    options = ()  # of the quantiser, as pairs
    operators = None
    reduced = False

    def __call__(self, source, target, batches):
        from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static

        quantize_static(
            source,
            target,
            self.reader(self.name(source), self.images(batches)),
            per_channel=self.per_channel,
            reduce_range=self.reduced,
            weight_type=QuantType[self.weights],
            activation_type=QuantType[self.activations],
            calibrate_method=CalibrationMethod[self.method],
            op_types_to_quantize=self.operators,
            extra_options=dict(self.options),
        )

    def images(self, batches):
        return batches

    def name(self, source):
        import onnx

        return onnx.load(source).graph.input[0].name

    def reader(self, name, batches):
        from onnxruntime.quantization import CalibrationDataReader

        class Reader(CalibrationDataReader):
            def __init__(self):
                self.rest = iter(batches)

            def get_next(self):
                batch = next(self.rest, None)
                return None if batch is None else {name: batch}

        return Reader()


def variant(**methods):
    """An answer with some decisions replaced."""
    return (type("Variant", (Quantiser,), methods)(),)


class _OneByOne:
    """A reader that is none of onnxruntime's: what counts is get_next."""

    def __init__(self, name, batches):
        self.rest = [{name: image[None]} for batch in batches for image in batch]

    def get_next(self):
        return self.rest.pop() if self.rest else None

    def __iter__(self):
        return self

    def __next__(self):
        if not self.rest:
            raise StopIteration
        return self.get_next()


def _prepared(source, target, batches):
    """The graph is simplified first, as onnxruntime recommends."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "prepared.onnx")
        quant_pre_process(source, path, skip_symbolic_shape=True)
        Quantiser()(path, target, batches)


RIGHT_WAYS = {
    "one image at a time, from behind": variant(
        reader=lambda self, name, batches: _OneByOne(name, batches)
    ),
    "activations as uint8": variant(activations="QUInt8"),
    "prepared first": (_prepared,),
}
