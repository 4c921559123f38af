"""7.2 The record of a run, by functional calls and gradients on request."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

SIZE = 32


def reference(net: nn.Module, rate, epochs, seed, x_train, y_train, x_valid, y_valid) -> dict:
    """Trains `net` in place with plain SGD, and returns the record as arrays."""
    x, y = torch.from_numpy(x_train), torch.from_numpy(y_train)
    parameters = {name: p.detach().clone() for name, p in net.named_parameters()}
    watched = [
        f"{name}.weight" for name, m in net.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))
    ]
    record = dict(loss=[], norms=[], valid=[], diverged=0)
    order = torch.Generator().manual_seed(seed)
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    for _ in range(epochs):
        rows = torch.randperm(len(x), generator=order)
        for batch in rows[: len(x) // SIZE * SIZE].view(-1, SIZE):
            leaves = {name: p.requires_grad_() for name, p in parameters.items()}
            log_p = functional_call(net, leaves, (x[batch],)).log_softmax(1)
            loss = -log_p[torch.arange(SIZE), y[batch]].mean()
            if not np.isfinite(loss.item()):
                record["diverged"] = 1
                break
            gradients = torch.autograd.grad(loss, list(leaves.values()))
            by_name = dict(zip(leaves, gradients, strict=True))
            record["loss"].append(loss.item())
            record["norms"].append([(by_name[w] ** 2).sum().sqrt().item() for w in watched])
            parameters = {name: (p - rate * by_name[name]).detach() for name, p in leaves.items()}
        if record["diverged"]:
            break
        with torch.no_grad():
            answers = functional_call(net.eval(), parameters, (torch.from_numpy(x_valid),))
        net.train()
        record["valid"].append((answers.argmax(1).numpy() == y_valid).mean())
    torch.set_rng_state(before)
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(parameters[name])
    shapes = dict(loss=(-1,), norms=(-1, len(watched)), valid=(-1,))
    rows = {name: np.reshape(record[name], shape) for name, shape in shapes.items()}
    if not record["loss"]:
        rows["norms"] = np.zeros((0, 0))
    return rows | {"diverged": record["diverged"]}
