"""7.2 A run and its record: right answers."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def batches(n, epochs, seed, size=32):
    """Row numbers, epoch by epoch, as the exercise gives them to learners."""
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        rows = torch.randperm(n, generator=order).split(size)
        yield [r for r in rows if len(r) == size]


class Fitter:
    """Right in every step; mistakes and other right ways replace one."""

    def __call__(self, model, train_set, valid_set, rate, epochs, seed):
        x, y = train_set
        optimiser = torch.optim.SGD(model.parameters(), lr=rate)
        record = dict(loss=[], norms=[], valid=[], diverged=False)
        model.train()
        for epoch in self.order(len(x), epochs, seed):
            for rows in epoch:
                loss = self.loss(model, x[rows], y[rows])
                if self.stops(loss):
                    self.stopped(record, loss, optimiser)
                    return record | dict(diverged=True)
                self.gradients(model, optimiser, loss)
                norms = self.norms(model, rate)
                optimiser.step()
                record["loss"].append(self.noted(loss, model, x[rows], y[rows]))
                record["norms"].append(norms)
                self.after_step(record, model, optimiser, valid_set)
            record["valid"] += self.validated(model, valid_set)
        return record

    def order(self, n, epochs, seed):
        return batches(n, epochs, seed)

    def loss(self, model, x, y):
        return F.cross_entropy(model(x), y)

    def stops(self, loss):
        return not torch.isfinite(loss)

    def stopped(self, record, loss, optimiser):
        """What happens with the loss that is not finite."""

    def gradients(self, model, optimiser, loss):
        optimiser.zero_grad()
        loss.backward()

    def layers(self, model):
        return [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]

    def norms(self, model, rate):
        return [self.norm(layer) for layer in self.layers(model)]

    def norm(self, layer):
        return layer.weight.grad.norm().item()

    def noted(self, loss, model, x, y):
        return loss.item()

    def after_step(self, record, model, optimiser, valid_set):
        """Between two steps."""

    def validated(self, model, valid_set):
        self.before_validation(model)
        share = self.share(model, *valid_set)
        self.after_validation(model)
        return [share]

    def before_validation(self, model):
        model.eval()

    @torch.no_grad()
    def share(self, model, x, y):
        return (model(x).argmax(1) == y).double().mean().item()

    def after_validation(self, model):
        model.train()


def variant(**methods):
    """An answer with some steps replaced."""
    return (type("Variant", (Fitter,), methods)(),)


def _by_hand(model, train_set, valid_set, rate, epochs, seed):
    """No optimiser; validation in pieces; arrays at the end; leaves the model in eval mode."""
    (x, y), losses, rows_of_norms, shares, broken = train_set, [], [], [], False
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        model.train()
        shuffled = torch.randperm(len(x), generator=order)
        for start in range(0, len(x) - 31, 32):
            rows = shuffled[start : start + 32]
            loss = F.nll_loss(F.log_softmax(model(x[rows]), dim=1), y[rows])
            if not math.isfinite(float(loss)):
                broken = True
                break
            model.zero_grad(set_to_none=False)
            loss.backward()
            rows_of_norms.append(
                [
                    float(torch.linalg.vector_norm(p.grad))
                    for p in model.parameters()
                    if p.ndim in (2, 4)
                ]
            )
            with torch.no_grad():
                for p in model.parameters():
                    p -= rate * p.grad
            losses.append(float(loss))
        model.eval()
        if broken:
            break
        right = 0
        with torch.inference_mode():
            for images, labels in zip(valid_set[0].split(9), valid_set[1].split(9), strict=True):
                right += int((model(images).argmax(dim=-1) == labels).sum())
        shares.append(right / len(valid_set[1]))
    return {
        "diverged": np.bool_(broken),
        "valid": np.array(shares),
        "norms": np.array(rows_of_norms),
        "loss": np.array(losses),
    }


def _with_hooks(model, train_set, valid_set, rate, epochs, seed):
    """Norms by hooks on the weights' gradients, tensors in the record."""
    layers = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    found = {}
    handles = [
        layer.weight.register_hook(lambda g, k=k: found.__setitem__(k, g.pow(2).sum().sqrt()))
        for k, layer in enumerate(layers)
    ]
    [answer] = variant(
        norms=lambda self, model, rate: [found[k] for k in range(len(layers))],
        noted=lambda self, loss, model, x, y: loss.detach(),
    )
    try:
        return answer(model, train_set, valid_set, rate, epochs, seed)
    finally:
        for handle in handles:
            handle.remove()


def _stop(self, loss):
    if loss.isnan() or loss.isinf():
        raise StopIteration
    return False


def _with_exceptions(model, train_set, valid_set, rate, epochs, seed):
    """Keeps the record outside; the run ends by an exception."""
    kept = {}

    def noted(self, record, *rest):
        kept.update(record)

    [answer] = variant(stops=_stop, after_step=noted)
    try:
        return answer(model, train_set, valid_set, rate, epochs, seed)
    except StopIteration:
        return dict(loss=[], norms=[], valid=[]) | kept | dict(diverged=True)


RIGHT_WAYS = {
    "by hand, validation in pieces, arrays": (_by_hand,),
    "norms from hooks, tensors in the record": (_with_hooks,),
    "ended by an exception": (_with_exceptions,),
}
