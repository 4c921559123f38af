"""8.1 A folded model and its file: right answers."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class Folder:
    """Right in every step; a mistake replaces one. Called with a model, it folds."""

    def __call__(self, model):
        layers = []
        for layer in self.flat(self.copied(model)):
            before = layers[-1] if layers else None
            if self.folds(before, layer):
                layers[-1] = self.pair(before, layer)
            else:
                layers.append(layer)
        return self.finished(nn.Sequential(*layers))

    def copied(self, model):
        return copy.deepcopy(model).eval()

    def flat(self, model):
        if isinstance(model, nn.Sequential):
            return [layer for part in model for layer in self.flat(part)]
        return [model]

    def folds(self, before, layer):
        return (
            isinstance(before, (nn.Conv2d, nn.Linear))
            and isinstance(layer, NORMS)
            and layer.running_mean is not None
        )

    @torch.no_grad()
    def pair(self, layer, norm):
        ones, zeros = torch.ones_like(norm.running_mean), torch.zeros_like(norm.running_mean)
        gamma = ones if norm.weight is None else norm.weight
        beta = zeros if norm.bias is None else norm.bias
        scale = gamma / torch.sqrt(norm.running_var + self.eps(norm))
        bias = zeros if layer.bias is None else layer.bias
        layer.weight.mul_(scale.reshape(-1, *[1] * (layer.weight.dim() - 1)))
        layer.bias = nn.Parameter(self.bias(bias, norm.running_mean, scale, beta))
        return layer

    def eps(self, norm):
        return norm.eps

    def bias(self, bias, mean, scale, beta):
        return (bias - mean) * scale + beta

    def finished(self, model):
        return model.eval()


class Exporter:
    """Right in every step; a mistake replaces one.

    It writes with the older exporter of PyTorch, which is quicker by far.
    """

    def __call__(self, model, path, x):
        model = self.prepared(model)
        torch.onnx.export(
            model,
            (x,),
            path,
            input_names=[self.input],
            output_names=["logits"],
            dynamic_axes={name: {0: "batch"} for name in (self.input, "logits") if self.dynamic},
            dynamo=False,
            training=self.training,
            do_constant_folding=self.fold,
        )

    input = "images"
    dynamic = True
    training = torch.onnx.TrainingMode.EVAL
    fold = True

    def prepared(self, model):
        return copy.deepcopy(model).eval()


def folds(**methods):
    """Answers with some steps of folding replaced."""
    return type("Variant", (Folder,), methods)(), Exporter()


def exports(**methods):
    """Answers with some steps of exporting replaced."""
    return Folder(), type("Variant", (Exporter,), methods)()


def _by_torch(model):
    """PyTorch's own functions for pairs, on a list that is gone through from behind."""
    layers = [copy.deepcopy(m) for m in model.modules() if not isinstance(m, nn.Sequential)]
    place = 0
    while place < len(layers) - 1:
        layer, norm = layers[place : place + 2]
        fuse = {nn.Conv2d: fuse_conv_bn_eval, nn.Linear: fuse_linear_bn_eval}.get(type(layer))
        if fuse and isinstance(norm, NORMS) and norm.running_mean is not None:
            layers[place] = fuse(layer.eval(), norm.eval())
            del layers[place + 1]
        else:
            place += 1
    return nn.Sequential(*layers).eval()


class _Scaled(nn.Module):
    """The whole model as one function: a right form of another kind, with its own forward."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def _in_own_module(model):
    return _Scaled(list(Folder()(model))).eval()


def _with_identities(model):
    """Keeps the blocks, and puts an Identity in place of a batch norm that was folded."""
    new = copy.deepcopy(model).eval()
    before = None
    for name, layer in list(new.named_modules()):
        if isinstance(layer, nn.Sequential):
            continue
        if Folder().folds(before, layer):
            Folder().pair(before, layer)
            parent = new.get_submodule(name.rpartition(".")[0])
            parent[int(name.rpartition(".")[2])] = nn.Identity()
        else:
            before = layer
    return new.eval()


def _restoring(model, path, x):
    """Exports the model itself, and puts every mode back."""
    modes = {m: m.training for m in model.modules()}
    try:
        [answer] = exports(prepared=lambda self, model: model.eval())[1:]
        answer(model, path, x)
    finally:
        for module, mode in modes.items():
            module.training = mode


def _folded_first(model, path, x):
    Exporter()(_by_torch(model), path, x)


RIGHT_WAYS = {
    "pairs by PyTorch's functions, exported folded": (_by_torch, _folded_first),
    "own module, the model exported and put back": (_in_own_module, _restoring),
    "identities in the places of batch norms": (_with_identities, Exporter()),
}
