"""9.1 Does it reach batch norm?: right answers."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

KINDS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Right:
    """Right in every step; mistakes replace one."""

    def __call__(self, model, before, after):
        first, second = self.both(model, before, after)
        found, theirs = self.layers(first), dict(self.layers(second))
        return {name: self.distance(layer, theirs[name]) for name, layer in found}

    def both(self, model, before, after):
        """A network after each of the streams."""
        return self.after(model, before), self.after(model, after)

    def after(self, model, stream):
        ours = self.copied(model)
        self.mode(ours)
        with self.noise():
            self.run(ours, stream)
        return ours

    def copied(self, model):
        return copy.deepcopy(model)

    def mode(self, model):
        model.train()

    def noise(self):
        return _Same()

    def run(self, model, stream):
        with torch.no_grad():
            for x, _ in stream:
                model(x)

    def layers(self, model):
        return [
            (name, m)
            for name, m in model.named_modules()
            if isinstance(m, KINDS) and m.running_mean is not None
        ]

    def distance(self, a, b):
        scale = self.scale(a, b)
        means = (b.running_mean - a.running_mean) / scale
        stds = (b.running_var + b.eps).sqrt() / (a.running_var + a.eps).sqrt() - 1
        return self.largest(self.parts(means, stds))

    def scale(self, a, b):
        return (a.running_var + a.eps).sqrt()

    def parts(self, means, stds):
        return torch.cat([means, stds])

    def largest(self, values):
        return values.abs().max().item()


class _Same:
    """The same random numbers for every body, and the generator as it was behind it."""

    def __enter__(self):
        self.state = torch.get_rng_state()
        torch.default_generator.manual_seed(0)  # torch.manual_seed also looks for GPUs

    def __exit__(self, *error):
        torch.set_rng_state(self.state)


def _with_hooks(model, before, after):
    """Keeps the model, puts its state and modes back, and reads the layers with hooks."""
    state = copy.deepcopy(model.state_dict())
    modes = {m: m.training for m in model.modules()}
    layers = {
        name: m
        for name, m in model.named_modules()
        if isinstance(m, _BatchNorm) and m.track_running_stats
    }
    seen = []
    try:
        for stream in (before, after):
            model.load_state_dict(state)
            model.train()
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(1)
                for x, _ in stream:
                    model(x)
            seen.append(
                {n: (m.running_mean.clone(), m.running_var.clone()) for n, m in layers.items()}
            )
    finally:
        model.load_state_dict(state)
        for module, mode in modes.items():
            module.training = mode
    found = {}
    for name, layer in layers.items():
        (mean_a, var_a), (mean_b, var_b) = (s[name] for s in seen)
        std_a, std_b = torch.sqrt(var_a + layer.eps), torch.sqrt(var_b + layer.eps)
        far = torch.maximum((mean_b - mean_a).abs() / std_a, (std_b / std_a - 1).abs())
        found[name] = float(far.max())
    return found


def _by_state(model, before, after):
    """Compares entries of the two states by their names; the generator's state by hand."""
    generator, states = torch.get_rng_state(), []
    for stream in (before, after):
        torch.set_rng_state(generator)
        twin = copy.deepcopy(model).train()
        for x, _ in stream:
            twin(x)
        states.append({k: v.detach() for k, v in twin.state_dict().items()})
    torch.set_rng_state(generator)
    modules, found = dict(model.named_modules()), {}
    for key in states[0]:
        name, _, entry = key.rpartition(".")
        if entry != "running_mean":
            continue
        eps = modules[name].eps
        (m0, v0), (m1, v1) = ([s[f"{name}.running_{e}"] for e in ("mean", "var")] for s in states)
        moved = ((m1 - m0) / (v0 + eps) ** 0.5).abs().max()
        wider = (((v1 + eps) / (v0 + eps)) ** 0.5 - 1).abs().max()
        found[name] = max(moved, wider)
    return found


RIGHT_WAYS = {
    "step by step": (Right(),),
    "state and modes put back": (_with_hooks,),
    "by the state's names": (_by_state,),
}
