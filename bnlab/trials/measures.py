"""What is read off a network."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from bnlab.training import Data, accuracy, linear_layers, train


def gradient_norms(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """Norm of the gradient of each linear layer's weights, for one batch.

    Training mode; the model stays as it is.
    """
    fresh = copy.deepcopy(model).train()
    fresh.zero_grad()
    F.cross_entropy(fresh(x), y).backward()
    return [layer.weight.grad.norm().item() for layer in linear_layers(fresh)]


def shape_of(x: torch.Tensor) -> torch.Tensor:
    """Skewness and excess kurtosis of each column of x: (N, D). Returns (2, D), float64.

    Both are 0 for a normal distribution, and do not change under x ↦ ax + b with a > 0.
    """
    x = x.double()
    z = (x - x.mean(0)) / x.std(0, correction=0)
    return torch.stack([z.pow(3).mean(0), z.pow(4).mean(0) - 3])


@torch.no_grad()
def inputs_of(model: nn.Sequential, kind: type, x: torch.Tensor) -> list[torch.Tensor]:
    """What enters each module of a kind, for a batch in training mode; the model stays as it is."""
    found, value = [], x
    for module in copy.deepcopy(model).train():
        if isinstance(module, kind):
            found.append(value)
        value = module(value)
    return found


def under_attack(model: nn.Module, x: torch.Tensor, y: torch.Tensor, step: float) -> float:
    """Accuracy when each pixel of x, in 0…1, moves by `step` in the direction that raises the loss.

    Eval mode; the model stays as it is.

    Source: Goodfellow et al., "Explaining and Harnessing Adversarial Examples", ICLR 2015, the
    fast gradient sign method.
    """
    fresh, images = copy.deepcopy(model).eval(), x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(fresh(images), y), images)
    with torch.no_grad():
        return share_right(fresh((x + step * slope.sign()).clamp(0, 1)), y)


def share_right(logits: torch.Tensor, y: torch.Tensor) -> float:
    """Share of the rows of logits (N, C) whose largest entry is at y (N,)."""
    return (logits.argmax(1) == y).double().mean().item()


@torch.no_grad()
def with_a_stranger(model: nn.Module, x: torch.Tensor, y: torch.Tensor, factor: float) -> float:
    """Accuracy in training mode, 36 images at a time, and one more that is multiplied by `factor`.

    The further image is the first of the next 36, and is not counted. The model stays as it is.
    """
    fresh, right = copy.deepcopy(model).train(), 0.0
    for k in range(0, len(x), 36):
        stranger = factor * x[(k + 36) % len(x)][None]
        logits = fresh(torch.cat([x[k : k + 36], stranger]))[:-1]
        right += share_right(logits, y[k : k + 36]) * len(logits)
    return right / len(x)


def steps_until(
    build: Callable[[int], nn.Module],
    lr: float,
    goals: tuple[float, ...],
    epochs: int,
    seed: int,
    data: Data,
    every: int = 2,
) -> dict[float, float]:
    """Steps of SGD until the test accuracy first reaches each goal, read every few steps.

    Infinite where it does not within the epochs.
    """
    seen: list[tuple[int, float]] = []

    def look(step: int, model: nn.Module) -> None:
        if step % every == 0:
            seen.append((step, accuracy(model, data)))

    train(build(seed), lr, epochs, seed=seed, each_step=look, data=data)
    reached = {goal: [step for step, share in seen if share >= goal] for goal in goals}
    return {goal: float(steps[0]) if steps else float("inf") for goal, steps in reached.items()}


def set_eps(model: nn.Module, eps: float) -> nn.Module:
    """A copy with another ε in every batch norm, as after a careless port."""
    fresh = copy.deepcopy(model)
    for module in fresh.modules():
        if isinstance(module, _BatchNorm):
            module.eps = eps
    return fresh
