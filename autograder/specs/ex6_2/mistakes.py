"""6.2 Frozen batch norms: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import copy
import types

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from autograder.spec import Mistake
from autograder.specs.ex6_2.answers import batch_norms, fix_parameters, fixed_forward, stays


def _still(modules, affine):
    """Freezes these modules well."""
    for module in modules:
        module.eval().train = types.MethodType(stays, module)
        fix_parameters(module, affine)


def _of(kinds):
    """A freezing that looks for modules of the wrong classes."""

    def freeze_batchnorm(model, affine=True):
        _still([m for m in model.modules() if isinstance(m, kinds)], affine)
        return model

    return freeze_batchnorm


def _undone(model, affine=True):
    for module in batch_norms(model):
        module.eval()
        fix_parameters(module, affine)
    return model


def _only_parameters(model, affine=True):
    for module in batch_norms(model):
        fix_parameters(module, affine)
    return model


def _momentum(model, affine=True):
    for module in batch_norms(model):
        module.momentum = 0.0
        fix_parameters(module, affine)
    return model


def _untracked(model, affine=True):
    for module in batch_norms(model):
        module.track_running_stats = False
        fix_parameters(module, affine)
    return model


def _only_the_models_train(model, affine=True):
    layers = batch_norms(model)

    def train(mode=True):
        type(model).train(model, mode)
        for module in layers:
            nn.Module.train(module, False)
        return model

    _undone(model, affine)
    model.train = train
    return model


def _whole_model(model, affine=True):
    model.eval()
    model.train = lambda mode=True: model
    for module in batch_norms(model):
        fix_parameters(module, affine)
    return model


def _eval_of_all(model, affine=True):
    model.eval()
    _still(batch_norms(model), affine)
    return model


def _train_at_the_end(model, affine=True):
    _still(batch_norms(model), affine)
    return model.train()


def _dropout_too(model, affine=True):
    _still(
        [m for m in model.modules() if not list(m.parameters(False)) and not list(m.children())],
        False,
    )
    _still(batch_norms(model), affine)
    return model


def _exact_types(model, affine=True):
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    _still([m for m in model.modules() if type(m) in kinds], affine)
    return model


def _by_name(model, affine=True):
    _still([m for m in model.modules() if "Norm" in type(m).__name__], affine)
    return model


def _by_class_name(model, affine=True):
    _still([m for m in model.modules() if type(m).__name__.startswith("BatchNorm")], affine)
    return model


def _one_level(model, affine=True):
    _still([m for m in (model, *model.children()) if isinstance(m, _BatchNorm)], affine)
    return model


def _children_only(model, affine=True):
    _still([m for m in batch_norms(model) if m is not model], affine)
    return model


def _affine_ignored(model, affine=True):
    _still(batch_norms(model), True)
    return model


def _affine_left(model, affine=True):
    _still(batch_norms(model), False)
    return model


def _unfreezes_parameters(model, affine=True):
    _still(batch_norms(model), False)
    for module in batch_norms(model):
        for parameter in module.parameters():
            parameter.requires_grad = not affine
    return model


def _weight_is_none(model, affine=True):
    for module in batch_norms(model):
        module.eval().train = types.MethodType(stays, module)
        if affine:
            module.weight.requires_grad = False
            module.bias.requires_grad = False
    return model


def _all_parameters(model, affine=True):
    _still(batch_norms(model), False)
    if affine:
        model.requires_grad_(False)
    return model


def _recursion(model, affine=True):
    for module in batch_norms(model):
        module.eval()
        module.train = lambda mode=True, layer=module: layer.eval()
        fix_parameters(module, affine)
    return model


def _no_mode(model, affine=True):
    for module in batch_norms(model):
        module.eval()
        module.train = types.MethodType(lambda self: self, module)
        fix_parameters(module, affine)
    return model


def _returns_none(model, affine=True):
    for module in batch_norms(model):
        module.eval()
        module.train = lambda mode=True: None
        fix_parameters(module, affine)
    return model


def _late_binding(model, affine=True):
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
            module.train = lambda mode=True: nn.Module.train(module, False)
            fix_parameters(module, affine)
    return model


def _never_in_eval(model, affine=True):
    for module in batch_norms(model):
        module.train = types.MethodType(stays, module)
        fix_parameters(module, affine)
    return model


def _second_name(model, affine=True):
    """Replaces the layers; `named_modules` gives a layer once."""
    for name, module in list(model.named_modules()):
        if isinstance(module, _BatchNorm):
            twin = copy.copy(module)
            twin._parameters = dict(module._parameters)
            _still([twin], affine)
            if not name:
                return _one_layer(module, affine)
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, twin)
    return model


def _one_layer(module, affine):
    _still([module], affine)
    return module


def _returns_a_copy(model, affine=True):
    twin = copy.deepcopy(model)
    _still(batch_norms(twin), affine)
    return twin


def _returns_nothing(model, affine=True):
    _still(batch_norms(model), affine)


def _under_no_grad(model, affine=True):
    for module in batch_norms(model):
        quiet = torch.no_grad()(fixed_forward)
        module.forward = types.MethodType(quiet, module)
        fix_parameters(module, affine)
    return model


def _detached_statistics(model, affine=True):
    """Keeps the running statistics aside and puts them back after every forward."""

    def put_back(kept):
        def hook(layer, args, y):
            layer.load_state_dict(kept, strict=False)

        return hook

    for module in batch_norms(model):
        kept = {k: v.clone() for k, v in module.named_buffers()}
        module.register_forward_hook(put_back(kept))
        fix_parameters(module, affine)
    return model


def _hook_returns(model, affine=True):
    for module in batch_norms(model):
        module.register_forward_pre_hook(lambda layer, args: layer.eval())
        fix_parameters(module, affine)
    return model


MISTAKES = (
    Mistake(
        "undone by train()",
        "It puts the layers into eval mode once. The next model.train(), and every training loop "
        "begins with one, puts them back into training mode: batch statistics are used and the "
        "running ones move. Give the layers a train() that does nothing.",
        (_undone,),
    ),
    Mistake(
        "only γ and β are frozen",
        "It sets requires_grad = False and no mode. That stops the optimiser. The statistics are "
        "no parameters: forward moves them, in training mode.",
        (_only_parameters,),
    ),
    Mistake(
        "momentum 0",
        "With momentum 0 the running statistics stand still, but the layer is in training mode and "
        "normalises with the batch. The counter moves, too.",
        (_momentum,),
    ),
    Mistake(
        "track_running_stats = False",
        "It sets track_running_stats = False. The statistics stand still then, but in training mode "
        "the batch is still what normalises.",
        (_untracked,),
    ),
    Mistake(
        "statistics put back after each batch",
        "It puts the running statistics back after every forward. They do stand still, but that "
        "forward was in training mode: y was normalised with the batch.",
        (_detached_statistics,),
    ),
    Mistake(
        "only the model's train() is changed",
        "It gives the model a new train(). train() of a part, such as model.backbone.train(), does "
        "not pass there and un-freezes the layers. And a deep copy still calls the train() of the original.",
        (_only_the_models_train,),
    ),
    Mistake(
        "the whole model is kept in eval mode",
        "It keeps the whole model in eval mode. Dropout and all other modules are to follow train() "
        "as before.",
        (_whole_model,),
    ),
    Mistake(
        "eval() for all modules",
        "It calls model.eval() on the way. Modules that are no batch norm are to keep the mode they have.",
        (_eval_of_all,),
    ),
    Mistake(
        "train() at the end",
        "It ends with model.train(). A dropout that was in eval mode is in training mode now: "
        "leave the modes of other modules alone.",
        (_train_at_the_end,),
    ),
    Mistake(
        "dropout is frozen as well",
        "Layers without parameters, such as dropout, are frozen as well. They are to follow train() and eval().",
        (_dropout_too,),
    ),
    Mistake(
        "BatchNorm2d alone",
        "It freezes nn.BatchNorm2d and no other. BatchNorm1d, BatchNorm3d and SyncBatchNorm are no "
        "BatchNorm2d. All are derived from nn.modules.batchnorm._BatchNorm.",
        (_of(nn.BatchNorm2d),),
    ),
    Mistake(
        "SyncBatchNorm is forgotten",
        "It freezes BatchNorm1d, 2d and 3d. SyncBatchNorm is derived from none of them; all four "
        "are derived from nn.modules.batchnorm._BatchNorm.",
        (_of((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)),),
    ),
    Mistake(
        "derived classes are forgotten",
        "It compares type(module). A class that someone derived from BatchNorm2d is another type; "
        "isinstance(module, ...) finds it.",
        (_exact_types,),
    ),
    Mistake(
        "layers whose class is called BatchNorm…",
        "It looks at the name of the class. SyncBatchNorm begins otherwise, and a derived class "
        "may be called anything. Use isinstance.",
        (_by_class_name,),
    ),
    Mistake(
        "instance norm is frozen as well",
        "It freezes every layer with running statistics. Instance norm can have them as well, and "
        "is no batch norm.",
        (_of(_NormBase),),
    ),
    Mistake(
        "every norm is frozen",
        "It freezes every module with “Norm” in the name of its class: layer norm, group norm and "
        "instance norm too. Their parameters no longer train.",
        (_by_name,),
    ),
    Mistake(
        "one level of children",
        "It looks at the model and its children(). Batch norms inside a block are not found; "
        "modules() goes all the way.",
        (_one_level,),
    ),
    Mistake(
        "the model itself is left out",
        "It looks at what is inside the model. A model may be a batch norm itself; modules() "
        "begins with the model.",
        (_children_only,),
    ),
    Mistake(
        "affine=False is ignored",
        "γ and β are fixed even with affine=False, where they are to go on training.",
        (_affine_ignored,),
    ),
    Mistake(
        "γ and β go on training",
        "The statistics are frozen, but γ and β still require gradients, and the optimiser moves "
        "them. With affine=True set their requires_grad to False.",
        (_affine_left,),
    ),
    Mistake(
        "affine=False un-freezes γ and β",
        "With affine=False it sets requires_grad = True. Parameters that someone fixed before train "
        "again. Leave them as they are.",
        (_unfreezes_parameters,),
    ),
    Mistake(
        "weight is None",
        "A layer with affine=False has no γ and β: weight and bias are None there. Loop over "
        "module.parameters(), or ask first.",
        (_weight_is_none,),
    ),
    Mistake(
        "all parameters are fixed",
        "It fixes every parameter of the model: nothing is left to train. Only γ and β of the batch "
        "norms are meant.",
        (_all_parameters,),
    ),
    Mistake(
        "eval() inside train()",
        "The new train() calls eval(), and eval() calls train(False): they call each other without "
        "end. Return the layer, or call nn.Module.train(layer, False).",
        (_recursion,),
    ),
    Mistake(
        "train() without a mode",
        "The new train() takes no mode. model.train(mode) passes one to every child. Write "
        "def train(self, mode=True).",
        (_no_mode,),
    ),
    Mistake(
        "train() does not return the layer",
        "The new train() returns something else: None, or the mode, as in `lambda layer=module: "
        "layer`, whose first argument is the mode. In PyTorch train() returns the module, and code "
        "such as layer.train()(x) relies on it.",
        (_returns_none,),
    ),
    Mistake(
        "a closure over the loop variable",
        "Each lambda sees the loop variable as it is after the loop, so that train() of every layer "
        "works on the last module and returns it. Bind the layer: `lambda mode=True, layer=module: layer`.",
        (_late_binding,),
    ),
    Mistake(
        "train() is silenced in training mode",
        "It takes train() away from the layers and leaves them in training mode. There they stay, "
        "even after eval(). Call eval() first.",
        (_never_in_eval,),
    ),
    Mistake(
        "the second name keeps the old layer",
        "It replaces layers by name. A layer that is used under two names comes once in "
        "named_modules(), and the other name keeps the old one. Freeze the layer itself.",
        (_second_name,),
    ),
    Mistake(
        "the hook returns the layer",
        "eval() returns the layer, and what a forward pre-hook returns takes the place of the input. "
        "Let the hook return None: a function with a line of its own for layer.eval().",
        (_hook_returns,),
    ),
    Mistake(
        "a copy is frozen",
        "It returns a frozen copy. The model that the caller and the optimiser hold is not frozen.",
        (_returns_a_copy,),
    ),
    Mistake(
        "nothing is returned",
        "The model is frozen, and the function returns None. Return the model.",
        (_returns_nothing,),
    ),
    Mistake(
        "no gradient through the layer",
        "The layer runs under no_grad. Frozen statistics still let the gradient through: dx is "
        "γ/σ · dy, and the layers in front of it train with it.",
        (_under_no_grad,),
    ),
)
