"""6.3 Recalibrate: right answers."""

from __future__ import annotations

import copy
from contextlib import ExitStack

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class Recalibrate:
    """Right in every step; mistakes replace one."""

    kinds: tuple[type, ...] = (_BatchNorm,)

    def __call__(self, model, loader, keep=()):
        layers = self.layers(model, keep)
        before = self.remember(model)
        momenta = [layer.momentum for layer in layers]
        self.guarded(
            lambda: self.measure(model, loader, layers, keep),
            lambda: self.restore(model, before, layers, momenta),
        )

    def guarded(self, work, restore):
        try:
            work()
        finally:
            restore()

    def layers(self, model, keep):
        return [
            m
            for name, m in model.named_modules()
            if isinstance(m, self.kinds) and self.wanted(m) and name not in keep
        ]

    def wanted(self, layer):
        return layer.running_mean is not None

    def remember(self, model):
        return [(m, m.training) for m in model.modules()]

    def measure(self, model, loader, layers, keep):
        for layer in layers:
            self.reset(layer)
        self.modes(model, layers, keep)
        with self.gradients():
            self.passes(model, loader, layers)

    def reset(self, layer):
        layer.reset_running_stats()

    def modes(self, model, layers, keep):
        model.eval()
        for layer in layers:
            layer.train()

    def gradients(self):
        return torch.no_grad()

    def passes(self, model, loader, layers):
        seen = 0
        for number, batch in enumerate(loader, 1):
            x = self.inputs(batch)
            seen += len(x)
            for layer in layers:
                layer.momentum = self.share(layer, len(x), seen, number)
            model(x)

    def inputs(self, batch):
        return batch[0] if isinstance(batch, (tuple, list)) else batch

    def share(self, layer, n, seen, number):
        return n / seen

    def restore(self, model, before, layers, momenta):
        self.restore_modes(model, before)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum

    def restore_modes(self, model, before):
        for module, mode in before:
            module.training = mode


def _found(model, keep):
    return {
        name: m
        for name, m in model.named_modules()
        if isinstance(m, _BatchNorm) and m.track_running_stats and name not in keep
    }


def from_hooks(model, loader, keep=()):
    """Each layer's input is looked at before the layer reads it, and summed up with its weight."""
    layers = _found(model, keep)
    sums = {id(m): [0.0, 0.0] for m in layers.values()}
    modes = {m: m.training for m in model.modules()}
    momenta = {m: m.momentum for m in layers.values()}

    def look(layer, args):
        (x,) = args
        rows = x.transpose(0, 1).flatten(1)
        sums[id(layer)][0] += len(x) * rows.mean(1)
        sums[id(layer)][1] += len(x) * rows.var(1)

    n = count = 0
    with ExitStack() as stack:
        stack.callback(lambda: [setattr(m, "momentum", old) for m, old in momenta.items()])
        stack.callback(lambda: [setattr(m, "training", mode) for m, mode in modes.items()])
        for layer in layers.values():
            stack.callback(layer.register_forward_pre_hook(look).remove)
        stack.enter_context(torch.inference_mode())
        model.train(False)
        for layer in layers.values():
            layer.train()
            layer.momentum = 0.0
        for x in loader:
            if not torch.is_tensor(x):
                x, *_ = x
            model(x)
            n, count = n + x.shape[0], count + 1
    with torch.no_grad():
        for layer in layers.values():
            mean, var = sums[id(layer)]
            layer.running_mean.copy_((mean / n).clone())
            layer.running_var.copy_((var / n).clone())
            layer.num_batches_tracked.fill_(count)


@torch.no_grad()
def batch_by_batch(model, loader, keep=()):
    """Momentum 1 leaves the batch's own statistics in the buffers, to be read after each pass."""
    found = list(_found(model, keep).values())
    old = [(m, m.training) for m in model.modules()]
    momenta = [m.momentum for m in found]
    try:
        for m in model.modules():
            m.training = False
        for m in found:
            m.training, m.momentum = True, 1.0
        means, variances, sizes = [], [], []
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x)
            sizes.append(float(x.size(0)))
            means.append([m.running_mean.clone() for m in found])
            variances.append([m.running_var.clone() for m in found])
        weights = torch.tensor(sizes, dtype=torch.float64) / sum(sizes)
        for k, m in enumerate(found):
            m.running_mean = sum(w * row[k] for w, row in zip(weights, means, strict=True))
            m.running_var = sum(w * row[k] for w, row in zip(weights, variances, strict=True))
            m.num_batches_tracked = torch.tensor(len(sizes))
    finally:
        for m, mode in old:
            m.training = mode
        for m, momentum in zip(found, momenta, strict=True):
            m.momentum = momentum


def on_a_copy(model, loader, keep=()):
    """The pass runs on a copy; only its statistics come back."""
    twin = copy.deepcopy(model)
    theirs = _found(twin, keep)
    twin.requires_grad_(False).eval()
    for layer in theirs.values():
        layer.reset_running_stats()
        layer.train()
    total = 0
    with torch.no_grad():
        for batch in loader:
            x = batch if isinstance(batch, torch.Tensor) else batch[0]
            total = total + x.shape[0]
            for layer in theirs.values():
                layer.momentum = x.shape[0] / total
            twin(x)
    state = {
        f"{name}.{key}": value for name, m in theirs.items() for key, value in m.named_buffers()
    }
    model.load_state_dict(state, strict=False)


def _first_share_is_one(model, loader, keep=()):
    """No reset: the first batch's share of 1 overwrites the old statistics."""
    layers = [m for n, m in model.named_modules() if isinstance(m, _BatchNorm) and n not in keep]
    modes, momenta = [(m, m.training) for m in model.modules()], [m.momentum for m in layers]
    try:
        model.eval()
        nn.ModuleList(layers).train()
        n = batches = 0
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            n, batches = n + len(x), batches + 1
            for layer in layers:
                layer.momentum = len(x) / n
                if layer.num_batches_tracked is not None:
                    layer.num_batches_tracked.fill_(batches - 1)
            with torch.no_grad():
                model(x)
    finally:
        for module, mode in modes:
            module.training = mode
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


RIGHT_WAYS = {
    "step by step": (Recalibrate(),),
    "sums of each layer's input, from hooks": (from_hooks,),
    "momentum 1, batch by batch": (batch_by_batch,),
    "on a copy": (on_a_copy,),
    "without a reset, first share 1": (_first_share_is_one,),
}
