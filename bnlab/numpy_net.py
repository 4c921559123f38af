"""A network from nothing but NumPy: layers, a loss, gradient descent, trained on digits.

A layer is any object with three methods:

- `forward(x)` returns y and remembers what `backward` will need;
- `backward(dy)` takes the gradient of the loss by y, stores the gradients of
  the layer's own parameters, and returns the gradient by x;
- `parameters()` returns a list of (value, gradient) pairs of arrays.

`sgd_step` changes the values in place. So a pair holds the layer's own array,
not a copy, and is asked for anew after each backward pass. A layer that behaves
differently in evaluation looks at `self.training`, which the network sets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bnlab.digits import digits


class Linear:
    """y = x @ weight + bias.

    weight: (inputs, outputs), normal with standard deviation gain / √inputs;
    bias: (outputs,), zero. A gain of √2 suits ReLU (He et al., "Delving Deep
    into Rectifiers", ICCV 2015, eq. 10), a gain of 1 suits the sigmoid.
    """

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator, gain: float = 1.0):
        self.weight = rng.normal(scale=gain / np.sqrt(inputs), size=(inputs, outputs))
        self.bias = np.zeros(outputs)

    def forward(self, x):
        """x: (N, inputs) → (N, outputs)."""
        self.x = x
        return x @ self.weight + self.bias

    def backward(self, dy):
        """dy: (N, outputs) → dx: (N, inputs)."""
        self.dweight = self.x.T @ dy
        self.dbias = dy.sum(axis=0)
        return dy @ self.weight.T

    def parameters(self):
        return [(self.weight, self.dweight), (self.bias, self.dbias)]


class ReLU:
    """y = max(x, 0), for x of any shape."""

    def forward(self, x):
        self.active = x > 0
        return x * self.active

    def backward(self, dy):
        return dy * self.active

    def parameters(self):
        return []


class Sigmoid:
    """y = 1 / (1 + exp(−x)), for x of any shape."""

    def forward(self, x):
        self.y = 0.5 * (1 + np.tanh(0.5 * x))  # the same function, and exp cannot overflow
        return self.y

    def backward(self, dy):
        return dy * self.y * (1 - self.y)

    def parameters(self):
        return []


class Network:
    """Layers in a row, each fed with what the one before returns."""

    def __init__(self, layers: list):
        self.layers = layers
        self.train()

    def train(self, mode: bool = True) -> None:
        """Switches every layer to training mode, or with False out of it."""
        for layer in self.layers:
            layer.training = mode

    def eval(self) -> None:
        self.train(False)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def parameters(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [pair for layer in self.layers for pair in layer.parameters()]


def mlp(
    depth: int,
    width: int = 32,
    norm: Callable | None = None,
    activation: Callable = ReLU,
    gain: float = 1.0,
    seed: int = 0,
) -> Network:
    """`depth` times Linear – norm – activation, then Linear(width, 10), for 64 inputs.

    Args:
        norm: called as `norm(width)`, such as a class `BatchNorm`; None: no normaliser.
        activation: `ReLU` or `Sigmoid`.
        gain, seed: of the weights; see `Linear`.
    """
    rng = np.random.default_rng(seed)
    widths, layers = [64, *[width] * depth], []
    for inputs in widths[:-1]:
        layers.append(Linear(inputs, width, rng, gain))
        if norm is not None:
            layers.append(norm(width))
        layers.append(activation())
    return Network([*layers, Linear(widths[-1], 10, rng, gain)])


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean cross-entropy of the softmax of `logits`, and its gradient by `logits`.

    logits: (N, K); labels: (N,) integers 0…K−1. Returns a float and (N, K).
    """
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)  # so that exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dlogits = np.exp(log_p)
    dlogits[rows, labels] -= 1
    return -float(log_p[rows, labels].mean()), dlogits / len(labels)


def sgd_step(parameters: list[tuple[np.ndarray, np.ndarray]], lr: float) -> None:
    """Moves every value against its gradient, in place."""
    for value, gradient in parameters:
        value -= lr * gradient


def train_step(net: Network, x: np.ndarray, labels: np.ndarray, lr: float) -> float:
    """One step of gradient descent on the batch x: (N, 64), labels: (N,); returns the loss."""
    loss, dlogits = cross_entropy(net.forward(x), labels)
    net.backward(dlogits)
    sgd_step(net.parameters(), lr)
    return loss


@dataclass
class Run:
    """A finished training run."""

    net: Network
    losses: list[float] = field(default_factory=list)  # per step
    accuracy: float = 0.0  # on the test set, in eval mode, after the last step
    diverged: bool = False  # the loss stopped being finite


def train(net: Network, lr: float, epochs: int = 10, batch_size: int = 64, seed: int = 0) -> Run:
    """Trains on the digits and tests at the end.

    `seed` draws the order of the batches; the last, smaller one is dropped. A run
    whose loss is not finite stops; its accuracy counts as 0.1, a guess.
    """
    data, run, rng = digits(), Run(net), np.random.default_rng(seed)
    net.train()
    with np.errstate(all="ignore"):  # a run that diverges says so in `Run`
        for _ in range(epochs):
            order = rng.permutation(len(data.x_train))
            for first in range(0, len(order) - batch_size + 1, batch_size):
                rows = order[first : first + batch_size]
                loss = train_step(net, data.x_train[rows], data.y_train[rows], lr)
                if not np.isfinite(loss):
                    run.diverged, run.accuracy = True, 0.1
                    return run
                run.losses.append(loss)
        run.accuracy = accuracy(net)
    return run


def accuracy(net: Network) -> float:
    """Share of the 360 test images classified rightly, in eval mode; restores every mode."""
    data, modes = digits(), [layer.training for layer in net.layers]
    net.eval()
    right = net.forward(data.x_test).argmax(axis=1) == data.y_test
    for layer, mode in zip(net.layers, modes, strict=True):
        layer.training = mode
    return float(right.mean())
