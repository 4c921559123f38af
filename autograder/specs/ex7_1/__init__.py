"""7.1 Checkpoint: one network in two arms, from the same initial weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from autograder.compare import describe
from autograder.spec import AnswerError, Case, Exercise
from autograder.specs.ex7_1.answers import RIGHT_WAYS
from autograder.specs.ex7_1.mistakes import MISTAKES

ARMS = ("plain", "bn")
CLASSES = 10
SEEN = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)


def cases(rng: np.random.Generator) -> list[Case]:
    def case(name, widths, strides, channels=1, n=4, size=(8, 8)):
        inputs = dict(
            seed=int(rng.integers(1, 2**31)),
            widths=widths,
            strides=strides,
            channels=channels,
            x=rng.normal(size=(n, channels, *size)),
        )
        return Case(name, inputs)

    def draw(n):
        return tuple(int(w) for w in rng.permutation(np.arange(3, 9))[:n])

    return [
        case("digits, three convolutions", (16, 32, 32), (1, 2, 2)),
        case("three channels, odd sizes", draw(3), (2, 1, 3), 3, 3, (9, 7)),
        case("one convolution", draw(1), (1,), 2, 2, (5, 4)),
        case("five convolutions of one width", (6,) * 5, (1, 2, 1, 2, 1), 1, 3, (7, 10)),
    ]


def call(build, seed, widths, strides, channels, x):
    outputs, x = {}, torch.from_numpy(x)
    before = torch.get_rng_state()
    try:
        for number, arm in enumerate(ARMS):
            # What happened before must not matter: the arms of a study are not built alone.
            torch.default_generator.manual_seed(seed + 1 + number)
            model = build(arm, seed, widths, strides, channels)
            outputs |= _looked_at(_module(model, arm), arm, x)
    finally:
        torch.set_rng_state(before)
    return outputs


def _module(model, arm):
    if not isinstance(model, nn.Module):
        raise AnswerError(
            f"`build({arm!r}, …)` returned {describe(model)}; expected an nn.Module. A list of "
            "layers becomes one with nn.Sequential(*layers)."
        )
    return model


def _looked_at(model, arm, x):
    """What an arm is made of, what it starts from, and what it computes."""
    model.double()
    layers, y = _run(model.train(), x)
    convs, heads, norms = ([m for m in layers if isinstance(m, kind)] for kind in SEEN)
    if not convs or not heads:
        raise AnswerError(
            f"No {'nn.Linear' if convs else 'nn.Conv2d'} ran in `build({arm!r}, …)`. Use "
            "nn.Conv2d, nn.BatchNorm2d and nn.Linear: the check looks for them."
        )
    _registered(model, layers, arm)
    rows = [[c.in_channels, c.out_channels, c.stride[0], c.bias is not None] for c in convs]
    biases = [m.bias for m in (*convs, *heads) if m.bias is not None]
    affine = [p for norm in norms for p in (norm.weight, norm.bias) if p is not None]
    with torch.no_grad():
        y_eval = model.eval()(x)
    return {
        f"{arm}: convolutions, each channels in, out, stride, bias": np.array(rows, int).ravel(),
        f"{arm}: features of the batch norms": np.array([n.num_features for n in norms], int),
        f"{arm}: weights at the start": _in_a_row([m.weight for m in (*convs, *heads)]),
        f"{arm}: biases at the start": _in_a_row(biases),
        f"{arm}: γ and β at the start": _in_a_row(affine),
        f"{arm}: numbers that train": sum(p.numel() for p in model.parameters() if p.requires_grad),
        f"{arm}: y in training mode": y,
        f"{arm}: y in eval mode": y_eval,
    }


def _run(model, x):
    """The layers that ran, in order, and the output."""
    layers = []

    def note(module, args, output):
        if isinstance(module, SEEN):
            layers.append(module)

    handle = nn.modules.module.register_module_forward_hook(note)
    try:
        y = model(x)
    finally:
        handle.remove()
    return layers, y


def _registered(model, layers, arm):
    known = {id(p) for p in model.parameters()}
    for layer in layers:
        if any(id(p) not in known for p in layer.parameters()):
            raise AnswerError(
                f"`build({arm!r}, …)` runs a {type(layer).__name__} whose parameters are not in "
                "`parameters()`: an optimiser would not train them. Keep layers in nn.Sequential "
                "or nn.ModuleList, not in a Python list.",
                kind="NotRegistered",
            )


def _in_a_row(tensors):
    return torch.cat([t.detach().flatten() for t in tensors]) if tensors else np.zeros(0)


def reference(seed, widths, strides, channels, x):
    """By functions of PyTorch on plain tensors; no module is built."""
    f, x = nn.functional, torch.from_numpy(x)
    generator = torch.Generator().manual_seed(seed)
    inputs = [channels, *widths[:-1]]
    shapes = [(b, a, 3, 3) for a, b in zip(inputs, widths, strict=True)]
    shapes += [(CLASSES, widths[-1])]
    weights = [
        (torch.randn(s, generator=generator) * (2 / np.prod(s[1:])) ** 0.5).double() for s in shapes
    ]
    outputs = {}
    for arm in ARMS:
        train = evaluate = x
        for weight, stride in zip(weights[:-1], strides, strict=True):
            train, evaluate = (f.conv2d(v, weight, None, stride, 1) for v in (train, evaluate))
            if arm == "bn":
                count = train.numel() / train.shape[1]
                var, mean = torch.var_mean(train, (0, 2, 3), correction=0, keepdim=True)
                running = 0.9 + 0.1 * var * count / (count - 1)
                train = (train - mean) / torch.sqrt(var + 1e-5)
                evaluate = (evaluate - 0.1 * mean) / torch.sqrt(running + 1e-5)
            train, evaluate = train.clamp(min=0), evaluate.clamp(min=0)
        rows = [[a, b, s, arm == "plain"] for a, b, s in zip(inputs, widths, strides, strict=True)]
        biases = CLASSES + (sum(widths) if arm == "plain" else 0)
        affine = [v for w in widths for v in [1.0] * w + [0.0] * w] if arm == "bn" else []
        outputs |= {
            f"{arm}: convolutions, each channels in, out, stride, bias": np.array(
                rows, int
            ).ravel(),
            f"{arm}: features of the batch norms": np.array(widths if arm == "bn" else (), int),
            f"{arm}: weights at the start": torch.cat([w.flatten() for w in weights]).numpy(),
            f"{arm}: biases at the start": np.zeros(biases),
            f"{arm}: γ and β at the start": np.array(affine),
            f"{arm}: numbers that train": sum(w.numel() for w in weights) + biases + len(affine),
            f"{arm}: y in training mode": (train.mean((2, 3)) @ weights[-1].T).numpy(),
            f"{arm}: y in eval mode": (evaluate.mean((2, 3)) @ weights[-1].T).numpy(),
        }
    return outputs


def describe_call(inputs):
    """The call of a case as a learner would write it."""
    rest = ", ".join(f"{inputs[name]}" for name in ("seed", "widths", "strides", "channels"))
    return f"build('plain', {rest}) and build('bn', {rest}), x: {inputs['x'].shape}"


EXERCISE = Exercise(
    id="7.1",
    title="Checkpoint: one network, two arms",
    answers=("build",),
    shows="model = build(arm, seed, widths, strides, channels); y = model(x)",
    minutes=25,
    difficulty="moderate",
    points=4,
    read="Chapter 4.3, sections “The lab” and “The bias before BN”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe_call,
)
