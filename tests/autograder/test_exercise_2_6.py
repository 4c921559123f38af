"""Exercise 2.6: what its text and its tolerance claim, and answers that nobody listed."""

import numpy as np
import pytest
from stopwatch import Stopwatch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs import ex2_6
from autograder.specs.ex2_6.answers import Right
from bnlab.digits import digits
from bnlab.numpy_net import Sigmoid, accuracy, mlp, train_step


def trained(seed, norm, steps=ex2_6.STEPS, nudge=0.0):
    """A network of the exercise's form, its weights changed relatively by ±nudge at the start."""
    net, rng = mlp(ex2_6.DEPTH, ex2_6.WIDTH, norm, Sigmoid, seed=seed), np.random.default_rng(seed)
    signs, data = np.random.default_rng(1), digits()
    for layer in net.layers:
        if hasattr(layer, "weight"):
            layer.weight *= 1 + nudge * signs.choice([-1, 1], size=layer.weight.shape)
    images = data.x_train.astype(np.float64)
    losses = []
    for _ in range(steps):
        rows = rng.choice(1437, ex2_6.BATCH, replace=False)
        losses.append(train_step(net, images[rows], data.y_train[rows], ex2_6.LR))
    return net, np.array(losses)


def test_the_accuracy_that_the_task_promises():
    with_bn = [accuracy(trained(seed, Right)[0]) for seed in range(40)]
    without = [accuracy(trained(seed, None)[0]) for seed in range(40)]
    assert min(with_bn) > 0.75 > ex2_6.ENOUGH and max(without) < 0.25


@pytest.mark.parametrize("steps", [4, 30])
def test_a_rounding_grows_no_more_than_the_tolerance_allows(steps):
    nudge, worst = 1e-7, 0.0
    for seed in range(10):
        runs = [trained(seed, Right, steps, n) for n in (0.0, nudge)]
        images = digits().x_test.astype(np.float64)
        sides = []
        for net, losses in runs:
            layers = net.layers[1::3]
            net.eval()
            sides.append(
                (
                    losses,
                    np.array([[layer.gamma, layer.beta] for layer in layers]),
                    np.array([[layer.running_mean, layer.running_var] for layer in layers]),
                    net.forward(images),
                )
            )
        for a, b in zip(*sides, strict=True):
            worst = max(worst, np.abs(a - b).max() / np.abs(a).max() / nudge)
    assert 0.5 < worst < ex2_6.AMPLIFIED


def variant(**methods):
    return type("BatchNorm", (Right,), methods)


class OwnGamma(Right):
    """Trains γ, but computes with a copy made at the start."""

    def __init__(self, num_features, **options):
        super().__init__(num_features, **options)
        self.first_gamma = self.gamma.copy()

    def forward(self, x):
        super().forward(x)
        return self.first_gamma * self.x_hat + self.beta


class Shared(Right):
    """One pair of running statistics for all layers."""

    mean, var = np.zeros(32), np.ones(32)

    def __init__(self, num_features, **options):
        super().__init__(num_features, **options)
        if num_features == 32:
            self.running_mean, self.running_var = Shared.mean, Shared.var

    def update(self, mean, var):
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var - self.running_var)


class Stale(Right):
    """Lists its gradients before there are any."""

    def __init__(self, num_features, **options):
        super().__init__(num_features, **options)
        zero = np.zeros(num_features)
        self.pairs = [(self.gamma, zero), (self.beta, zero)]

    def parameters(self):
        return self.pairs


class Identity(Right):
    def forward(self, x):
        return x

    def backward(self, dy):
        self.dgamma = self.dbeta = np.zeros_like(self.gamma)
        return dy


class TrainsItself(Right):
    def backward(self, dy):
        dx = super().backward(dy)
        self.gamma -= 0.1 * self.dgamma
        self.beta -= 0.1 * self.dbeta
        return dx


class FixedEps(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, momentum=momentum)


class ScalarGamma(Right):
    def __init__(self, num_features, **options):
        super().__init__(num_features, **options)
        self.gamma = 1.0


UNLISTED = {
    "identity": Identity,
    "own gamma": OwnGamma,
    "shared state": Shared,
    "stale gradients": Stale,
    "trains itself": TrainsItself,
    "eps fixed": FixedEps,
    "scalar gamma": ScalarGamma,
    "no constructor": type("BatchNorm", (), {}),
    "mean path missing": variant(
        dx=lambda self, dy, m: self.gamma * self.inv_std * (dy - self.x_hat * self.dgamma / m)
    ),
    "variance path missing": variant(
        dx=lambda self, dy, m: self.gamma * self.inv_std * (dy - self.dbeta / m)
    ),
    "forward returns nothing": variant(forward=lambda self, x: None),
    "backward returns nothing": variant(backward=lambda self, dy: None),
    "a dict of parameters": variant(parameters=lambda self: {"gamma": self.gamma}),
    "no gradients": variant(parameters=lambda self: [self.gamma, self.beta]),
    "no parameters": variant(parameters=lambda self: None),
    "value and gradient exchanged": variant(
        parameters=lambda self: [(self.dgamma, self.gamma), (self.dbeta, self.beta)]
    ),
    "running std": variant(update=lambda self, mean, var: Right.update(self, mean, np.sqrt(var))),
    "m fixed at 8": variant(dx=lambda self, dy, m: Right.dx(self, dy, 8)),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    watch = Stopwatch()
    verdict = judge(exercise("2.6"), (UNLISTED[name],), "unlisted")
    assert not verdict.ok and "Traceback" not in str(verdict)
    assert watch.seconds < 1.0  # a busy machine; quiet, it takes 0.3 s at most


def test_gamma_trained_but_not_used_is_not_taken_for_gamma_not_trained():
    assert judge(exercise("2.6"), (OwnGamma,), "unlisted").mistakes == ()


@pytest.mark.parametrize("kind", [tuple, iter, lambda pairs: [list(pair) for pair in pairs]])
def test_any_sequence_of_pairs_is_right(kind):
    layer = variant(parameters=lambda self: kind(Right.parameters(self)))
    assert judge(exercise("2.6"), (layer,), "unlisted").ok


def test_a_missing_attribute_is_named():
    class NoFlag(Right):
        def __init__(self, num_features, **options):
            super().__init__(num_features, **options)
            del self.training

    class NoGradients(Right):
        def backward(self, dy):
            return dy

        def parameters(self):
            return []

    assert "no attribute `training`" in str(judge(exercise("2.6"), (NoFlag,), "s"))
    assert "no attribute `dgamma`" in str(judge(exercise("2.6"), (NoGradients,), "s"))


def test_two_slips_are_both_named():
    class Both(Right):
        def statistics(self, x):
            if self.training:
                self.update(x.mean(axis=0), x.var(axis=0))  # biased
                return x.mean(axis=0), x.var(axis=0)
            return self.running_mean, self.running_var

        def backward(self, dy):
            dx = super().backward(dy)
            self.dgamma = -self.dgamma
            return dx

    verdict = judge(exercise("2.6"), (Both,), "s")
    assert set(verdict.mistakes) >= {"biased running variance", "wrong sign of dgamma"}
