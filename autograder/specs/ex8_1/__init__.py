"""8.1 Checkpoint: a folded model, and its ONNX file."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from autograder.compare import NotNumbers, describe
from autograder.spec import AnswerError, Case, Exercise
from autograder.specs.ex8_1.answers import RIGHT_WAYS
from autograder.specs.ex8_1.mistakes import MISTAKES
from autograder.specs.ex8_1.models import MODELS, SINGLE, layers_of, make
from bnlab.shipping.quiet import quiet

BATCHES = (1, 3, 8)
INPUT, OUTPUT = "images", "logits"


def cases(rng: np.random.Generator) -> list[Case]:
    # What both libraries load on first use takes seconds, which must not count as the learner's.
    with quiet():
        import onnxruntime  # noqa: F401
        import torch._dynamo
        import torch.onnx._internal.exporter  # noqa: F401

    def case(kind):
        seed, training = int(rng.integers(1, 2**31)), bool(rng.integers(2))
        inputs = dict(kind=kind, seed=seed, training=training, exported=False)
        return Case(f"fold, {MODELS[kind]}", inputs)

    inputs = dict(kind="nested", seed=int(rng.integers(1, 2**31)), training=True, exported=True)
    return [*map(case, MODELS), Case("export, in training mode", inputs)]


def call(fold, export, kind, seed, training, exported):
    model, x = make(kind, seed)
    if kind in SINGLE:
        model, x = model.float(), x.float()
    model.train(training)
    before = _state(model), [m.training for m in model.modules()]
    random = torch.get_rng_state()
    try:
        outputs = _exported(export, model, x) if exported else _folded(fold, model, x)
    finally:
        torch.set_rng_state(random)
    changed = [name for name, value in _state(model).items() if not _same(value, before[0], name)]
    modes = [m.training for m in model.modules()]
    outputs["tensors of the given model that changed"] = np.array(len(changed))
    outputs["its parts whose mode changed"] = np.array(
        sum(a != b for a, b in zip(modes, before[1], strict=False))
    )
    return outputs


def _state(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _same(value, before, name):
    return name in before and torch.equal(value, before[name])


def _folded(fold, model, x):
    given = [id(t) for t in (*model.parameters(), *model.buffers())]
    layers_before = len(list(model.modules()))
    new = fold(model)
    if not isinstance(new, nn.Module):
        raise AnswerError(f"`fold` returned {describe(new)}; expected an nn.Module.")
    if new is model:
        raise AnswerError(
            "`fold` returned the model that it was given. Return a new one: the given one may be "
            "trained on.",
            kind="SameModel",
            slip="the same model",
        )
    if len(list(model.modules())) != layers_before:
        raise AnswerError(
            "`fold` took layers out of the model that it was given. Build a new one.",
            kind="TakenApart",
            slip="layers taken out",
        )
    training = sum(m.training for m in new.modules())
    norms = [m for m in new.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        y = new(x)
    return {
        "y": y,
        "batch norms that are left": np.array(len(norms)),
        "layers with parameters": np.array(sum(any(_own(m)) for m in new.modules())),
        "parts of it in training mode": np.array(training),
        "tensors shared with the given model": np.array(
            sum(id(t) in given for t in (*new.parameters(), *new.buffers()))
        ),
    }


def _own(module):
    return [p is not None for p in module._parameters.values()]


def _exported(export, model, x):
    import onnx
    import onnxruntime as ort

    model, x = model.float(), x.float()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        with quiet(), contextlib.redirect_stdout(io.StringIO()):
            export(model, str(path), x[:4])
        files = [p for p in Path(folder).iterdir()]
        if not path.exists():
            raise AnswerError("`export` wrote no file at the path that it was given.")
        content = path.read_bytes()
        try:
            # Alone, as it will be sent: what lies beside the file stays behind.
            graph = onnx.load_from_string(content).graph
            options = ort.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = 1, 4
            session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as problem:
            beside = [p.name for p in files if p != path]
            if beside:
                raise AnswerError(
                    f"onnxruntime cannot load the file alone: beside it lies {beside[0]}.",
                    kind="SecondFile",
                    slip="a second file",
                ) from problem
            says = " ".join(str(problem).split())[:200]
            raise AnswerError(f"onnxruntime cannot load the file: {says}") from problem
    inputs, outputs = (
        [v.name for v in part()] for part in (session.get_inputs, session.get_outputs)
    )
    if inputs != [INPUT] or outputs != [OUTPUT]:
        raise AnswerError(
            f"The file has the inputs {inputs} and the outputs {outputs}; expected [{INPUT!r}] and "
            f"[{OUTPUT!r}]. Who loads the file knows no other names.",
            kind="Names",
            slip="names",
        )
    ran, answers = [], []
    for n in BATCHES:
        try:
            answers.append(session.run(None, {INPUT: x[:n].numpy()})[0])
            ran.append(n)
        except Exception:
            continue
    nodes = sum(node.op_type == "BatchNormalization" for node in graph.node)
    found = np.concatenate(answers) if answers else NotNumbers("nothing: no batch size ran")
    return {
        "y of the file": found,
        "batch sizes that the file takes": np.array(ran, int),
        "BatchNormalization nodes": np.array(nodes),
    }


def reference(kind, seed, training, exported):
    model, x = make(kind, seed)
    zero = np.array(0)
    unchanged = {
        "tensors of the given model that changed": zero,
        "its parts whose mode changed": zero,
    }
    if exported:
        model, x = model.float().double(), x.float().double()
    with torch.no_grad():
        y = model.eval()(x).numpy()
    if exported:
        return {
            "y of the file": np.concatenate([y[:n] for n in BATCHES]),
            "batch sizes that the file takes": np.array(BATCHES),
            "BatchNormalization nodes": zero,
        } | unchanged
    layers = list(layers_of(model))
    left, weighted = _left(layers), sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in layers)
    return {
        "y": y,
        "batch norms that are left": np.array(left),
        "layers with parameters": np.array(weighted + left),
        "parts of it in training mode": zero,
        "tensors shared with the given model": zero,
    } | unchanged


def _left(layers):
    """How many batch norms no convolution or linear layer can take in."""
    left, can = 0, False
    for layer in layers:
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            can = can and layer.running_mean is not None
            left += not can
        else:
            can = isinstance(layer, (nn.Conv2d, nn.Linear))
    return left


def describe_case(inputs):
    mode = "training" if inputs["training"] else "eval"
    return f"model in {mode} mode: {MODELS[inputs['kind']]}"


EXERCISE = Exercise(
    id="8.1",
    title="Checkpoint: one file, no batch norm",
    answers=("fold", "export"),
    shows="folded = fold(model); export(model, path, x)",
    minutes=40,
    difficulty="demanding",
    points=4,
    read="Chapter 6.4, sections “Folding” and “Another runtime: ONNX”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    seconds=60,
    describe=describe_case,
)
