"""Checkpoints 8.1 to 8.3: answers that nobody listed, wrong forms, and what a verdict says of them."""

import copy

import pytest
import torch
from stopwatch import Stopwatch
from torch import nn

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex8_1.answers import Exporter, Folder
from autograder.specs.ex8_1.models import MODELS, layers_of, make
from autograder.specs.ex8_2.answers import Quantiser
from autograder.specs.ex8_2.float_file import network, write
from autograder.specs.ex8_3.answers import Racer
from autograder.specs.ex8_3.machine import Machine
from bnlab.shipping.export import to_onnx


def said(id, *answers, seed="unlisted"):
    return judge(exercise(id), answers, seed)


def altered(kind, **methods):
    return type("Variant", (kind,), methods)()


class Affine(nn.Module):
    """A batch norm in disguise: it is as slow as one."""

    def __init__(self, norm):
        super().__init__()
        self.norm = copy.deepcopy(norm).eval()
        self.scale = nn.Parameter(torch.ones(()).double())

    def forward(self, x):
        m, v = self.norm.running_mean, self.norm.running_var
        shape = -1, *[1] * (x.dim() - 2)
        w = 1 if self.norm.weight is None else self.norm.weight.view(shape)
        b = 0 if self.norm.bias is None else self.norm.bias.view(shape)
        return (x - m.view(shape)) / (v.view(shape) + self.norm.eps).sqrt() * w * self.scale + b


def disguised(model):
    layers = []
    for layer in layers_of(copy.deepcopy(model).eval()):
        norm = isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None
        layers.append(Affine(layer) if norm else layer)
    return nn.Sequential(*layers).eval()


def in_place(model):
    for module in list(model.modules()):
        if isinstance(module, nn.Sequential):
            for name, part in list(module.named_children()):
                if isinstance(part, nn.BatchNorm2d):
                    delattr(module, name)
    return Folder()(model)


FOLDS = {
    "the model itself": (lambda model: model.eval(), "was given"),
    "nothing": (lambda model: None, "expected an nn.Module"),
    "disguised": (disguised, "layers with parameters"),
    "taken apart": (in_place, "took layers out"),
    "shared": (
        altered(Folder, copied=lambda self, model: copy.copy(model)),
        "shared with the given model",
    ),
}


@pytest.mark.parametrize("name", FOLDS)
def test_folds_that_are_wrong_in_another_way(name):
    fold, words = FOLDS[name]
    found = said("8.1", fold, Exporter())
    assert not found.ok and words in str(found), str(found)


def no_file(model, path, x):
    """Forgets the path."""


def no_onnx(model, path, x):
    torch.save(model, path)


def other_answers(model, path, x):
    Exporter()(make("nested", 7)[0].float(), path, x)


@pytest.mark.parametrize(
    ("export", "words"),
    [
        (no_file, "wrote no file"),
        (no_onnx, "cannot load"),
        (other_answers, "`y of the file` is wrong"),
    ],
)
def test_exports_that_are_wrong_in_another_way(export, words):
    found = said("8.1", Folder(), export)
    assert not found.ok and words in str(found), str(found)


def test_todays_exporter_passes():
    def export(model, path, x):
        torch.onnx.export(
            Folder()(model),
            (x,),
            path,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
        )

    assert said("8.1", Folder(), export).ok


def test_the_course_library_does_not_solve_the_checkpoint():
    """Its `fold_all` stays inside blocks, and its export has other names."""
    from bnlab.shipping.fold import fold_all

    found = said("8.1", lambda m: fold_all(m.eval()), lambda m, p, x: to_onnx(m.eval(), p, x))
    assert not found.ok


def test_every_kind_of_model_is_one_that_the_others_are_not():
    models = {kind: make(kind, 3)[0] for kind in MODELS}
    norms = {
        kind: [m for m in layers_of(model) if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        for kind, model in models.items()
    }
    assert all(norms.values())
    assert [
        kind for kind, found in norms.items() if any(n.running_mean is None for n in found)
    ] == ["blind"]
    assert len({str(model) for model in models.values()}) == len(MODELS)


def scaled_output(source, target, batches):
    """All scales are right, and the last weights are not."""
    import onnx
    from onnx.numpy_helper import from_array, to_array

    Quantiser()(source, target, batches)
    model = onnx.load(target)
    for tensor in model.graph.initializer:
        if tensor.name == "weight3_quantized":
            tensor.CopyFrom(from_array(-to_array(tensor), tensor.name))
    onnx.save(model, target)


def to_the_source(source, target, batches):
    Quantiser()(source, source, batches)


def in_place_images(source, target, batches):
    for batch in batches:
        batch -= batch.mean()
    Quantiser()(source, target, batches)


def padded(source, target, batches):
    import onnx

    Quantiser()(source, target, batches)
    model = onnx.load(target)
    onnx.save(onnx.load(source), target)
    model.doc_string = " " * 40_000
    onnx.save(model, target)


def operators(source, target, batches):
    from onnxruntime.quantization import QuantFormat, quantize_static

    reader = Quantiser().reader(Quantiser().name(source), batches)
    quantize_static(source, target, reader, quant_format=QuantFormat.QOperator, per_channel=True)


QUANTISED = {
    "wrong weights": (scaled_output, "The logits differ"),
    "over the source": (to_the_source, "no file at `target`"),
    "images changed": (in_place_images, "changed its input"),
    "too large": (padded, "times the bytes"),
    "other form": (operators, "QuantFormat.QDQ"),
    "a fixed name": (
        altered(Quantiser, name=lambda self, source: "images"),
        "raised",
    ),
    "no file": (lambda source, target, batches: None, "no file at `target`"),
}


@pytest.mark.parametrize("name", QUANTISED)
def test_files_that_are_wrong_in_another_way(name):
    quantise, words = QUANTISED[name]
    found = said("8.2", quantise)
    assert not found.ok and words in str(found), str(found)
    assert not found.mistakes


def test_the_float_file_computes_what_the_reference_takes_its_ranges_from(tmp_path):
    import numpy as np
    import onnxruntime as ort
    from torch.nn import functional as F

    net, path = network(1, 3, (4, 5), 0.3), tmp_path / "float.onnx"
    write(net, path, "x")
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    [y] = ort.InferenceSession(path).run(None, {"x": x})
    want = torch.from_numpy(x)
    for weight, bias in net[:2]:
        want = F.conv2d(want, torch.from_numpy(weight), torch.from_numpy(bias), 2, 1).relu()
    want = want.mean((2, 3)) @ torch.from_numpy(net[2][0]).T + torch.from_numpy(net[2][1])
    assert np.abs(y - want.numpy()).max() < 1e-5


def extra_call(self, functions, warmup):
    functions["eager"]()
    Racer.warm_up(self, functions, warmup)


def clock_in_between(self, function, clock):
    start = clock()
    clock()
    function()
    return clock() - start


RACES = {
    "one call more": (altered(Racer, warm_up=extra_call), "calls of eager, shipped"),
    "a clock read in between": (altered(Racer, time=clock_in_between), "p50"),
    "no report": (lambda *a, **k: Racer()(*a, **k) and None, "should be a dict"),
    "a word": (lambda *a, **k: Racer()(*a, **k) | {"meets": "yes"}, "True or False"),
    "no clock": (lambda *a, **k: {}, "never read"),
    "numbers without names": (
        lambda *a, **k: Racer()(*a, **k) | {"eager": (0.1, 0.2)},
        "should be a dict",
    ),
}


@pytest.mark.parametrize("name", RACES)
def test_races_that_are_wrong_in_another_way(name):
    race, words = RACES[name]
    found = said("8.3", race)
    assert not found.ok and words in str(found), str(found)


def test_on_the_machine_time_passes_in_calls_alone():
    machine = Machine(seed=0, eager=1e-3, shipped=1e-4, first=1, drift=0.1)
    run = machine.function("eager")
    before = machine.now
    run()
    first = machine.now - before
    run()
    assert first > 3 * (machine.now - before - first)
    assert machine.clock() < machine.clock()
    assert machine.calls == {"eager": 2}


@pytest.mark.parametrize(("id", "answer"), [("8.2", Quantiser()), ("8.3", Racer())])
def test_a_verdict_is_quick(id, answer):
    assert said(id, answer).ok  # and everything is imported
    watch = Stopwatch()
    assert said(id, answer, seed="again").ok
    assert watch.seconds < 1
