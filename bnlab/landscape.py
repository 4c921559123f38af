"""Two questions about a network in training: does a gradient stay true, and how far?"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.training import linear_layers


def loss_and_gradient(model: nn.Module, x: torch.Tensor, y: torch.Tensor):
    """The loss as a float and the gradients, one per parameter, each a fresh tensor."""
    loss = F.cross_entropy(model(x), y)
    return loss.item(), torch.autograd.grad(loss, list(model.parameters()))


def gradient_shift(model: nn.Sequential, x: torch.Tensor, y: torch.Tensor, lr: float):
    """How much an SGD step of the layers below changes each linear layer's gradient.

    For layer i the gradient of its weights is taken twice on the same batch: now, and after
    layers 1 … i − 1 alone (their normalisers included) have made their step.

    Args:
        x: (N, 64); y: (N,); lr: of the step.

    Returns (layers, 2): the cosine of the two gradients, and the norm of their difference.
    The model stays as it is.

    Source: Santurkar et al., "How Does Batch Normalization Help Optimization?", NeurIPS 2018,
    their measure of internal covariate shift.
    """
    model = copy.deepcopy(model).train()
    parameters = list(model.parameters())
    _, before = loss_and_gradient(model, x, y)
    rows, moved = [], 0
    for layer in linear_layers(model):
        at = next(k for k, p in enumerate(parameters) if p is layer.weight)
        with torch.no_grad():
            for p, g in zip(parameters[moved:at], before[moved:at], strict=True):
                p -= lr * g
        moved = at
        _, after = loss_and_gradient(model, x, y)
        old, new = before[at].flatten(), after[at].flatten()
        rows.append((F.cosine_similarity(old, new, 0).item(), (new - old).norm().item()))
    return np.array(rows)


def along_gradient(model: nn.Module, x: torch.Tensor, y: torch.Tensor, lengths):
    """Follows the gradient downhill by a share of each weight matrix's own length.

    Every weight matrix W moves by −length · |W| · G/|G|, so that the steps mean the same in
    networks whose gradients differ in size. Biases, γ and β stay.

    Args:
        x: (N, 64); y: (N,).
        lengths: (K,) shares of |W|, from 0.

    Returns:
        (K,) losses and (K,) relative changes |G(there) − G(here)| / |G(here)| of the gradient.
        The model stays as it is.

    Source: after Santurkar et al. (NeurIPS 2018), who step by multiples of the gradient.
    """
    model = copy.deepcopy(model).train()
    parameters = list(model.parameters())
    _, gradient = loss_and_gradient(model, x, y)
    start = [p.detach().clone() for p in parameters]
    here = torch.cat([g.flatten() for g in gradient])
    losses, changes = [], []
    for length in lengths:
        with torch.no_grad():
            for p, w, g in zip(parameters, start, gradient, strict=True):
                if w.ndim == 2:
                    p.copy_(w - length * w.norm() / g.norm() * g)
        loss, there = loss_and_gradient(model, x, y)
        there = torch.cat([g.flatten() for g in there])
        losses.append(loss)
        changes.append(((there - here).norm() / here.norm()).item())
    return np.array(losses), np.array(changes)
