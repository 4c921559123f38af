"""6.2 Frozen batch norms: right answers."""

from __future__ import annotations

import types

from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


def fix_parameters(module: nn.Module, affine: bool) -> None:
    if affine:
        for parameter in module.parameters():
            parameter.requires_grad_(False)


def stays(self, mode=True):
    return self


def _method(model, affine=True):
    """Each layer gets a train() of its own that does nothing."""
    for module in batch_norms(model):
        module.eval().train = types.MethodType(stays, module)
        fix_parameters(module, affine)
    return model


def _subclass(model, affine=True):
    """Each layer becomes one of a class whose train() keeps it in eval mode."""
    for module in batch_norms(model):
        kind = type(module)
        module.__class__ = type(
            f"Frozen{kind.__name__}",
            (kind,),
            {"train": lambda self, mode=True: nn.Module.train(self, False)},
        )
        fix_parameters(module.train(), affine)
    return model


def _hook(model, affine=True):
    """train() may do what it wants: before every forward the layer goes into eval mode."""
    for module in batch_norms(model):
        module.eval().register_forward_pre_hook(lambda layer, args: layer.eval() and None)
        fix_parameters(module, affine)
    return model


def fixed_forward(self, x):
    return F.batch_norm(
        x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
    )


def _forward(model, affine=True):
    """The layer's mode no longer matters: its forward does not ask."""
    for module in batch_norms(model):
        module.forward = types.MethodType(fixed_forward, module)
        if affine and module.affine:
            module.weight.requires_grad = module.bias.requires_grad = False
    return model


def _bound(model, affine=True):
    """A function for each layer, with the layer bound as a default."""

    def freeze(module):
        if isinstance(module, _BatchNorm):
            module.eval()
            module.train = lambda mode=True, layer=module: layer
            fix_parameters(module, affine)

    return model.apply(freeze)


RIGHT_WAYS = {
    "a method of the layer": (_method,),
    "a class of its own": (_subclass,),
    "a hook before every forward": (_hook,),
    "another forward": (_forward,),
    "a function with the layer bound": (_bound,),
}
