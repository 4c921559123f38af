"""6.3 Recalibrate: the wrong steps of which the mistakes are made."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import swa_utils

from autograder.specs.ex6_3.answers import Recalibrate


def own_momentum(self, layer, n, seen, number):
    return layer.momentum


def equal(self, layer, n, seen, number):
    return 1 / number


def none(self, layer, n, seen, number):
    return None


def nothing(self, *_):
    pass


def momentum_stays(self, model, before, layers, momenta):
    self.restore_modes(model, before)


def all_in_training(self, model, layers, keep):
    model.train()
    for name, module in model.named_modules():
        if name in keep:
            module.eval()


def dropout_off_by_class(self, model, layers, keep):
    model.train()
    for name, module in model.named_modules():
        if name in keep or isinstance(module, nn.Dropout):
            module.eval()


def zeroed(self, layer):
    layer.running_mean.zero_()
    layer.running_var.fill_(1)
    layer.num_batches_tracked.zero_()


def every_one(self, layer):
    return True


def kept_in_training(self, model, layers, keep):
    model.eval()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.train()


def kept_put_back(self, model, loader, layers, keep):
    """All are measured, and the kept ones get their old state again."""
    named = dict(model.named_modules())
    old = {n: {k: v.clone() for k, v in named[n].state_dict().items()} for n in keep}
    every = Recalibrate.layers(self, model, ())
    momenta = {m: m.momentum for m in every}
    Recalibrate.measure(self, model, loader, every, ())
    for layer in every:
        layer.momentum = momenta[layer]
    for name, state in old.items():
        named[name].load_state_dict(state)


def every_layer(self, model, keep):
    return Recalibrate.layers(self, model, ())


def kept_are_reset(self, model, loader, layers, keep):
    named = dict(model.named_modules())
    for name in keep:
        named[name].reset_running_stats()
    Recalibrate.measure(self, model, loader, layers, keep)


def all_to(mode):
    def restore_modes(self, model, before):
        model.train(mode)

    return restore_modes


def roots_mode(self, model, before):
    model.train(before[0][1])


def no_finally(self, work, restore):
    work()
    restore()


def swallowed(self, work, restore):
    try:
        work()
    except Exception:
        pass
    finally:
        restore()


def wiped(self, layer):
    layer.reset_parameters()


def stay_in_eval(self, model, layers, keep):
    model.eval()


def first_batch_not_counted(self, model, loader, layers):
    count = {layer: layer.num_batches_tracked.clone() for layer in layers}
    batches = 0
    seen = 0
    for batch in loader:
        x = self.inputs(batch)
        seen, batches = seen + len(x), batches + 1
        for layer in layers:
            layer.momentum = len(x) / seen
        model(x)
    for layer in layers:
        layer.num_batches_tracked.copy_(count[layer] + batches)


def counter_is_zero(self, model, loader, layers):
    Recalibrate.passes(self, model, loader, layers)
    for layer in layers:
        layer.num_batches_tracked.zero_()


def counter_stays(self, model, loader, layers):
    count = {layer: layer.num_batches_tracked.clone() for layer in layers}
    Recalibrate.passes(self, model, loader, layers)
    for layer in layers:
        layer.num_batches_tracked.copy_(count[layer])


def gone_through_twice(self, model, loader, layers):
    total = sum(len(self.inputs(batch)) for batch in loader)
    means = {layer: [0.0, 0.0] for layer in layers}
    count = 0
    for batch in loader:
        x = self.inputs(batch)
        count += 1
        for layer in layers:
            layer.momentum = 1.0
        model(x)
        for layer in layers:
            means[layer][0] = means[layer][0] + len(x) / total * layer.running_mean
            means[layer][1] = means[layer][1] + len(x) / total * layer.running_var
    for layer in layers:
        if count:
            layer.running_mean.copy_(means[layer][0])
            layer.running_var.copy_(means[layer][1])


def collected(combine):
    """Batch statistics and sizes of each layer, put together by `combine`."""

    def passes(self, model, loader, layers):
        kept = {layer: [] for layer in layers}
        for batch in loader:
            x = self.inputs(batch)
            for layer in layers:
                layer.momentum = 1.0
            model(x)
            for layer in layers:
                kept[layer].append((len(x), layer.running_mean.clone(), layer.running_var.clone()))
        for layer, batches in kept.items():
            if batches:
                mean, var = combine(*(list(part) for part in zip(*batches, strict=True)))
                layer.running_mean.copy_(mean)
                layer.running_var.copy_(var)

    return passes


def _weighted(sizes, values):
    return sum(n * v for n, v in zip(sizes, values, strict=True)) / sum(sizes)


def pooled(sizes, means, variances):
    mean = _weighted(sizes, means)
    between = _weighted(sizes, [(m - mean) ** 2 for m in means])
    return mean, _weighted(sizes, variances) + between


def of_standard_deviations(sizes, means, variances):
    return _weighted(sizes, means), _weighted(sizes, [v.sqrt() for v in variances]) ** 2


def biased(self, model, loader, layers):
    """Measured by hooks, divided by m."""
    sums = {layer: [0.0, 0.0] for layer in layers}

    def look(layer, args):
        rows = args[0].transpose(0, 1).flatten(1)
        sums[layer][0] = sums[layer][0] + len(args[0]) * rows.mean(1)
        sums[layer][1] = sums[layer][1] + len(args[0]) * rows.var(1, correction=0)

    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    seen = 0
    try:
        for batch in loader:
            x = self.inputs(batch)
            seen += len(x)
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    for layer in layers:
        layer.running_mean.copy_(sums[layer][0] / seen)
        layer.running_var.copy_(sums[layer][1] / seen)


def inputs_in_eval(self, model, loader, layers):
    """Measures behind layers that normalise with the old statistics."""
    sums = {layer: [0.0, 0.0] for layer in layers}

    def look(layer, args):
        rows = args[0].transpose(0, 1).flatten(1)
        sums[layer][0] = sums[layer][0] + len(args[0]) * rows.mean(1)
        sums[layer][1] = sums[layer][1] + len(args[0]) * rows.var(1)

    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    seen = count = 0
    try:
        for batch in loader:
            x = self.inputs(batch)
            seen, count = seen + len(x), count + 1
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    for layer in layers:
        layer.running_mean.copy_(sums[layer][0] / seen)
        layer.running_var.copy_(sums[layer][1] / seen)
        layer.num_batches_tracked.fill_(count)


def last_dropped(self, model, loader, layers):
    batches = list(loader)
    if len(batches) > 1:
        batches = batches[:-1]
    Recalibrate.passes(self, model, batches, layers)


def as_it_comes(self, batch):
    return batch


def instance_norms_too(self, layer):
    return layer.running_mean is not None


def update_bn(model, loader, keep=()):
    swa_utils.update_bn(loader, model)


def not_read(model, loader, keep=()):
    pass


def on_a_copy(model, loader, keep=()):
    twin = copy.deepcopy(model)
    Recalibrate()(twin, loader, keep)
    return twin
