"""8.2 int8: what learners get wrong, and what to tell them."""

from __future__ import annotations

import numpy as np

from autograder.spec import Mistake
from autograder.specs.ex8_2.answers import variant


def _noise(self, batches):
    rng = np.random.default_rng(0)
    return [rng.normal(size=batch.shape).astype(np.float32) for batch in batches]


def _dynamic(source, target, batches):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, weight_type=QuantType.QUInt8)


def _float_file(source, target, batches):
    with open(source, "rb") as given, open(target, "wb") as copy:
        copy.write(given.read())


MISTAKES = (
    Mistake(
        "nothing quantised",
        "The file at `target` computes in float32 like the one at `source`.",
        (_float_file,),
    ),
    Mistake(
        "calibrated on the first batch",
        "The ranges are those of the first batch. What is larger later on is clipped: let the reader give all "
        "batches.",
        variant(images=lambda self, batches: batches[:1]),
    ),
    Mistake(
        "last batch left out",
        "The ranges lack the last batch: the reader stops one too early.",
        variant(images=lambda self, batches: batches[:-1]),
    ),
    Mistake(
        "calibrated on noise",
        "The ranges are those of random numbers. Int8 has 256 steps between the ends that calibration sees: "
        "they must be those of real images.",
        variant(images=_noise),
    ),
    Mistake(
        "calibrated on images from 0 to 255",
        "The calibration images are multiplied by 255. They must come in exactly as later on, and these are "
        "ready.",
        variant(images=lambda self, batches: [255 * batch for batch in batches]),
    ),
    Mistake(
        "one scale for all channels",
        "Each weight has one scale for all of its channels. After folding, channels differ in size, and "
        "the small ones are left with a few steps: per_channel=True.",
        variant(per_channel=False),
    ),
    Mistake(
        "ranges at run time",
        "The weights are in 8 bits, but the range of what a layer reads is measured anew in every call "
        "(quantize_dynamic). That costs time in each answer: calibrate once, with quantize_static.",
        (_dynamic,),
    ),
    Mistake(
        "convolutions alone",
        "The linear layer still computes in float32. Quantise all layers with weights.",
        variant(operators=["Conv"]),
    ),
    Mistake(
        "linear layer alone",
        "The convolutions, which hold nearly all of the work, still compute in float32.",
        variant(operators=["Gemm"]),
    ),
    Mistake(
        "activations in 16 bits",
        "What the layers read has 16 bits. Asked for are 8.",
        variant(activations="QInt16"),
    ),
    Mistake(
        "symmetric activations",
        "The range of the activations is made symmetric about 0. After a ReLU nothing is negative, so "
        "half of the 256 steps are never used.",
        variant(options=(("ActivationSymmetric", True),)),
    ),
    Mistake(
        "weights with a zero point",
        "The weights are uint8 with a zero point. Asked for are int8 weights, symmetric about 0: then the "
        "integer product needs no correction.",
        variant(weights="QUInt8", options=(("WeightSymmetric", False),)),
    ),
    Mistake(
        "seven bits",
        "The weights use 7 of their 8 bits (reduce_range). That is meant for processors whose int8 sums saturate; "
        "the task asks for 8.",
        variant(reduced=True),
    ),
    Mistake(
        "averaged ranges",
        "The ranges are moving averages over the batches. The task asks for the smallest and the largest value of all.",
        variant(
            options=(("CalibMovingAverage", True), ("CalibMovingAverageConstant", 0.5)),
        ),
    ),
)
