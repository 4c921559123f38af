"""2.6 A batch norm layer in a network from nothing but NumPy."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autograder.compare import describe
from autograder.draw import batch
from autograder.spec import AnswerError, Case, Exercise, attribute, condition_number
from autograder.specs.ex2_6.answers import RIGHT_WAYS
from autograder.specs.ex2_6.mistakes import MISTAKES
from bnlab.digits import digits
from bnlab.numpy_net import Linear, Sigmoid, accuracy, mlp, sgd_step, train_step

# Two hidden layers of 32 sigmoids, batches of 128. After 30 steps a network with batch
# norm is above 0.75 for each of 40 seeds, one without below 0.25: a test measures both.
DEPTH, WIDTH, BATCH, LR = 2, 32, 128, 0.5
STEPS, ENOUGH = 30, 0.7
# A relative change of the weights moves what is compared by no more than this factor,
# even over 30 steps, as a test measures: there are no kinks in a sigmoid.
AMPLIFIED = 5.0


def cases(rng: np.random.Generator) -> list[Case]:
    def alone(name, n, d, scale=1.0, offset=0.0, eps=1e-5, momentum=0.1):
        x = {
            key: np.stack([batch(rng, n, scale, offset) for _ in range(d)], axis=1)
            for key in ("first", "second", "third")
        }
        gamma, beta, dy = rng.normal(size=d) + 0.5, rng.normal(size=d), rng.normal(size=(n, d))
        inputs = x | dict(dy=dy, gamma=gamma, beta=beta, eps=eps, momentum=momentum)
        size = np.abs(dy).sum(axis=0).max()
        return Case(
            name,
            inputs,
            max(condition_number(batch) for batch in x.values()),
            scale={
                "dx": np.abs(gamma).max() * np.abs(dy).max() / x["second"].std(axis=0).min(),
                "dgamma": size,
                "dbeta": size,
                "gamma after a step": size,
                "beta after a step": size,
            },
        )

    def in_a_net(name, steps, **more):
        rows = np.stack([rng.choice(1437, BATCH, replace=False) for _ in range(steps)])
        inputs = dict(seed=int(rng.integers(2**31)), rows=rows, lr=LR) | more
        return Case(name, inputs, AMPLIFIED)

    return [
        alone("the layer alone, 8 samples, 5 features", 8, 5),
        alone("the layer alone, two samples, m = 2", 2, 4),
        alone("the layer alone, one feature, momentum 0.3, eps 0.1", 9, 1, eps=0.1, momentum=0.3),
        alone("the layer alone, small values, std 0.01", 6, 6, scale=1e-2),
        alone("the layer alone, large offset, mean 1000", 12, 3, offset=1e3),
        in_a_net("in a network, 4 steps", 4),
        in_a_net(f"in a network, {STEPS} steps", STEPS, enough=ENOUGH),
    ]


def call(BatchNorm, **inputs):
    if "enough" in inputs:
        return _accuracy(BatchNorm, **inputs)
    return _network(BatchNorm, **inputs) if "rows" in inputs else _alone(BatchNorm, **inputs)


def _alone(BatchNorm, first, second, third, dy, gamma, beta, eps, momentum):
    layer = BatchNorm(len(gamma), eps=eps, momentum=momentum)
    if not attribute(layer, "training", "A new layer"):
        raise AnswerError(f"`training` of a new layer is {layer.training!r}; it starts as True.")
    for name, value in (("gamma", gamma), ("beta", beta)):
        array = attribute(layer, name, "A new layer")
        if not isinstance(array, np.ndarray) or array.shape != value.shape:
            raise AnswerError(
                f"`{name}` of a new layer is {describe(array)}; "
                f"expected an array of shape {value.shape}."
            )
        array[...] = value
    for x in (first, second):
        y = layer.forward(x)
        dx = layer.backward(dy)
        pairs = _pairs(layer)
    for name in ("dgamma", "dbeta"):
        if not hasattr(layer, name):
            raise AnswerError(f"The layer has no attribute `{name}`. Store it in `backward`.")
    outputs = {"y": y, "dx": dx, "len(parameters())": len(pairs)}
    outputs |= _attributes(layer, "dgamma", "dbeta", *RUNNING)
    sgd_step(pairs, 0.1)
    outputs |= _attributes(layer, "gamma", "beta", when=" after a step")
    layer.training = False
    outputs["y in eval mode"] = np.array(layer.forward(third))
    outputs["y in eval mode, again"] = np.array(layer.forward(third))
    outputs |= _attributes(layer, *RUNNING, when=" after eval mode")
    layer.training = True
    outputs["y back in training mode"] = layer.forward(first)
    return outputs


RUNNING = ("running_mean", "running_var")
OF_BOTH = {
    "gamma and beta of both layers": ("gamma", "beta"),
    "running statistics of both layers": RUNNING,
}
LOSSES = "losses of the steps, and of one after eval mode"


def _attributes(layer, *names, when=""):
    """Copies of the layer's attributes as they are now."""
    return {f"{name}{when}": np.array(attribute(layer, name, "The layer")) for name in names}


def _pairs(layer):
    """What `parameters()` returns, if it is what a network asks for."""
    found = layer.parameters()
    try:
        pairs = [(value, gradient) for value, gradient in found]
    except (TypeError, ValueError):
        raise AnswerError(
            "`parameters()` should return a list of (value, gradient) pairs: "
            f"[(gamma, dgamma), (beta, dbeta)]. It returned {_shown(found)}."
        ) from None
    for value, gradient in pairs:
        if np.shape(value) != np.shape(gradient) or not isinstance(value, np.ndarray):
            raise AnswerError(
                f"A pair of `parameters()` holds {describe(value)} and {describe(gradient)}; "
                "expected two arrays of the same shape."
            )
    return pairs


def _shown(found):
    return (
        f"{type(found).__name__} of {len(found)}" if hasattr(found, "__len__") else describe(found)
    )


def _network(BatchNorm, seed, rows, lr):
    data, net = digits(), mlp(DEPTH, WIDTH, BatchNorm, Sigmoid, seed=seed)
    images = data.x_train.astype(np.float64)
    losses = [train_step(net, images[r], data.y_train[r], lr) for r in rows]
    layers, first = net.layers[1::3], rows[0]
    outputs = {
        what: np.array(
            [[attribute(layer, name, "The layer") for layer in layers] for name in names]
        )
        for what, names in OF_BOTH.items()
    }
    net.eval()
    outputs["logits in eval mode"] = np.array(net.forward(images[first]))
    outputs["logits in eval mode, again"] = np.array(net.forward(images[first]))
    net.train()
    losses.append(train_step(net, images[first], data.y_train[first], lr))
    return outputs | {LOSSES: np.array(losses)}


def _accuracy(BatchNorm, seed, rows, lr, enough):
    data, net = digits(), mlp(DEPTH, WIDTH, BatchNorm, Sigmoid, seed=seed)
    for r in rows:
        train_step(net, data.x_train[r], data.y_train[r], lr)
    return {f"test accuracy, counted up to {enough}": min(accuracy(net), enough)}


def reference(**inputs):
    if "enough" in inputs:
        return {f"test accuracy, counted up to {inputs['enough']}": inputs["enough"]}
    return _network_in_torch(**inputs) if "rows" in inputs else _alone_in_torch(**inputs)


def _numbers(**tensors):
    return {name: t.detach().numpy().copy() for name, t in tensors.items()}


def _alone_in_torch(first, second, third, dy, gamma, beta, eps, momentum):
    first, second, third, dy = map(torch.from_numpy, (first, second, third, dy))
    layer = torch.nn.BatchNorm1d(len(gamma), eps=eps, momentum=momentum, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(gamma))
        layer.bias.copy_(torch.from_numpy(beta))
        layer(first)
    y = layer(second.requires_grad_())
    (y * dy).sum().backward()  # y.backward(dy) would load half a second of SymPy first
    running = _numbers(running_mean=layer.running_mean, running_var=layer.running_var)
    outputs = _numbers(y=y, dx=second.grad, dgamma=layer.weight.grad, dbeta=layer.bias.grad)
    outputs |= running | {f"{name} after eval mode": value for name, value in running.items()}
    with torch.no_grad():
        layer.weight -= 0.1 * layer.weight.grad
        layer.bias -= 0.1 * layer.bias.grad
        outputs |= {f"{k} after a step": v for k, v in _numbers(gamma=layer.weight).items()}
        outputs |= {f"{k} after a step": v for k, v in _numbers(beta=layer.bias).items()}
        y_eval = layer.eval()(third).numpy()
        y_back = layer.train()(first).numpy()
    return outputs | {
        "len(parameters())": 2,
        "y in eval mode": y_eval,
        "y in eval mode, again": y_eval,
        "y back in training mode": y_back,
    }


TORCH = {"gamma": "weight", "beta": "bias"}


def _network_in_torch(seed, rows, lr):
    data, layers = digits(), []
    for layer in mlp(DEPTH, WIDTH, None, Sigmoid, seed=seed).layers:
        if isinstance(layer, Linear):
            linear = torch.nn.Linear(*layer.weight.shape, dtype=torch.float64)
            linear.weight.data = torch.from_numpy(layer.weight.T.copy())
            linear.bias.data = torch.from_numpy(layer.bias)
            layers.append(linear)
        else:
            layers += [torch.nn.BatchNorm1d(WIDTH, dtype=torch.float64), torch.nn.Sigmoid()]
    net = torch.nn.Sequential(*layers)
    images = torch.from_numpy(data.x_train).double()
    labels = torch.from_numpy(data.y_train)

    losses = []
    for r in rows:
        loss = F.cross_entropy(net(images[r]), labels[r])
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for p, gradient in zip(net.parameters(), gradients, strict=True):
                p -= lr * gradient
        losses.append(loss.item())
    outputs = {
        what: np.array(
            [[getattr(norm, TORCH.get(k, k)).tolist() for norm in net[1::3]] for k in names]
        )
        for what, names in OF_BOTH.items()
    }
    with torch.no_grad():
        logits = net.eval()(images[rows[0]]).numpy()
        losses.append(F.cross_entropy(net.train()(images[rows[0]]), labels[rows[0]]).item())
    return outputs | {
        "logits in eval mode": logits,
        "logits in eval mode, again": logits,
        LOSSES: np.array(losses),
    }


EXERCISE = Exercise(
    id="2.6",
    title="A layer in a network",
    answers=("BatchNorm",),
    shows="mlp(2, 32, BatchNorm, Sigmoid) trained on digits",
    minutes=35,
    difficulty="demanding",
    points=6,
    read="Chapter 2.4, section “The layer in a network”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
)
