"""6.1 Modes: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

import copy
from contextlib import contextmanager, suppress

import torch
from torch import nn

from autograder.spec import Mistake


def _put_back(before):
    for module, mode in before:
        module.training = mode


def _modes(model):
    return [(module, module.training) for module in model.modules()]


@contextmanager
def _train_at_the_end(model):
    model.eval()
    try:
        yield model
    finally:
        model.train()


@contextmanager
def _only_the_roots(model):
    was_training = model.training
    model.eval()
    try:
        yield model
    finally:
        model.train(was_training)


@contextmanager
def _no_finally(model):
    before = _modes(model)
    model.eval()
    yield model
    _put_back(before)


@contextmanager
def _only_exceptions(model):
    before = _modes(model)
    model.eval()
    try:
        yield model
    except Exception:
        _put_back(before)
        raise
    else:
        _put_back(before)


@contextmanager
def _swallows(model):
    before = _modes(model)
    model.eval()
    with suppress(BaseException):
        yield model
    _put_back(before)


@contextmanager
def _flag_of_the_root(model):
    before = _modes(model)
    model.training = False
    try:
        yield model
    finally:
        _put_back(before)


@contextmanager
def _children(model):
    before = [(module, module.training) for module in (model, *model.children())]
    model.eval()
    try:
        yield model
    finally:
        for module, mode in before:
            module.train(mode)


@contextmanager
def _without_the_model(model):
    before = [(m, m.training) for m in model.modules() if m is not model]
    model.eval()
    try:
        yield model
    finally:
        _put_back(before)


@contextmanager
def _parents_first(model):
    before = _modes(model)
    model.eval()
    try:
        yield model
    finally:
        for module, mode in before:
            module.train(mode)


@contextmanager
def _leaves(model):
    before = [(m, m.training) for m in model.modules() if not list(m.children())]
    model.eval()
    try:
        yield model
    finally:
        model.train()
        _put_back(before)


@contextmanager
def _frozen_by_eval(model):
    frozen = [module for module in model.modules() if not module.training]
    model.eval()
    try:
        yield model
    finally:
        model.train()
        for module in frozen:
            module.eval()


@contextmanager
def _by_place(model):
    modes = [module.training for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, mode in zip(model.modules(), modes, strict=False):
            module.training = mode


@contextmanager
def _by_name(model):
    modes = {name: module.training for name, module in model.named_modules()}
    model.eval()
    try:
        yield model
    finally:
        for name, module in model.named_modules():
            if name in modes:
                module.training = modes[name]


@contextmanager
def _by_name_strictly(model):
    modes = {name: module.training for name, module in model.named_modules()}
    model.eval()
    try:
        yield model
    finally:
        for name, module in model.named_modules():
            module.training = modes[name]


@contextmanager
def _looked_up(model):
    modes = {name: module.training for name, module in model.named_modules()}
    model.eval()
    try:
        yield model
    finally:
        for name, mode in modes.items():
            model.get_submodule(name).training = mode


@contextmanager
def _no_grad(model):
    with torch.no_grad():
        yield model


@contextmanager
def _no_grad_too(model):
    before = _modes(model)
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        _put_back(before)


@contextmanager
def _only_batch_norm(model):
    before = _modes(model)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    try:
        yield model
    finally:
        _put_back(before)


@contextmanager
def _only_those_that_trained(model):
    trained = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield model
    finally:
        for module in trained:
            module.training = True


class _ModesAtTheCall:
    """Notes the modes in the constructor."""

    def __init__(self, model):
        self.model, self.before = model, _modes(model)

    def __enter__(self):
        return self.model.eval()

    def __exit__(self, *error):
        _put_back(self.before)


class _SwitchesAtTheCall:
    """Everything but the restoring is in the constructor."""

    def __init__(self, model):
        self.before = _modes(model)
        self.model = model.eval()

    def __enter__(self):
        return self.model

    def __exit__(self, *error):
        _put_back(self.before)


@contextmanager
def _kept_on_the_modules(model):
    for module in model.modules():
        module.was_training = module.training
    model.eval()
    try:
        yield model
    finally:
        for module in model.modules():
            if hasattr(module, "was_training"):
                module.training = module.was_training


@contextmanager
def _yields_nothing(model):
    before = _modes(model)
    model.eval()
    try:
        yield
    finally:
        _put_back(before)


@contextmanager
def _yields_a_copy(model):
    yield copy.deepcopy(model).eval()


def _no_decorator(model):
    before = _modes(model)
    model.eval()
    try:
        yield model
    finally:
        _put_back(before)


def _returns(model):
    before = _modes(model)
    try:
        return model.eval()
    finally:
        _put_back(before)


MISTAKES = (
    Mistake(
        "train() at the end",
        "At the end it calls model.train(). That puts every module into training mode: layers that "
        "were frozen, and a model that was in eval mode before.",
        (_train_at_the_end,),
    ),
    Mistake(
        "only the model's flag is noted",
        "The last word is model.train(mode) with the model's own mode, and that gives it to every "
        "module of the model. A batch norm that was in eval mode trains from now on.",
        (_only_the_roots,),
    ),
    Mistake(
        "no restore after an error",
        "After an error in the block the modes are not put back: what stands after `yield` is not "
        "reached. Put the `yield` in `try` and the restoring in `finally`.",
        (_no_finally,),
    ),
    Mistake(
        "restores after an Exception only",
        "It restores in `except Exception`. The stop button raises KeyboardInterrupt, which is no "
        "Exception. `finally` knows no exceptions to the rule.",
        (_only_exceptions,),
    ),
    Mistake(
        "the error is swallowed",
        "The error that was raised in the block never comes out: the caller goes on as if nothing "
        "had happened. Restore in `finally`, without catching anything.",
        (_swallows,),
    ),
    Mistake(
        "training = False on the model alone",
        "It sets model.training = False. That is the flag of one module; its children keep theirs, "
        "and batch norm and dropout are among the children. model.eval() reaches all of them.",
        (_flag_of_the_root,),
    ),
    Mistake(
        "one level of children",
        "It notes the modes of the model and its children(), and restores with train(mode). What "
        "is further down gets the mode of the block around it. modules() goes all the way.",
        (_children,),
    ),
    Mistake(
        "the model itself is forgotten",
        "All modules get their mode back but the model itself, which stays in eval mode. "
        "modules() begins with the model; children() leaves it out.",
        (_without_the_model,),
    ),
    Mistake(
        "train(mode) for every module",
        "It restores with module.train(mode), which also reaches the module's children. They get "
        "their own mode afterwards, but not a layer that is used in two blocks: it comes once in "
        "modules(), and a later block overwrites its mode. Set module.training = mode.",
        (_parents_first,),
    ),
    Mistake(
        "only the leaves are noted",
        "It calls model.train() and then puts back the modes of layers without children. Blocks "
        "and the model have a mode as well; these are all in training mode now.",
        (_leaves,),
    ),
    Mistake(
        "eval() for those that were in eval mode",
        "It calls model.train() and then eval() of each module that was in eval mode. That reaches "
        "the module's children too, and some of them trained. Set module.training = False.",
        (_frozen_by_eval,),
    ),
    Mistake(
        "modes by position",
        "It keeps a list of modes and deals them out to model.modules() afterwards. After a layer "
        "was inserted in the block, each mode goes to the wrong module. Keep pairs of module and mode.",
        (_by_place,),
    ),
    Mistake(
        "modes by name",
        "It keeps the modes by name. In an nn.Sequential the name is the position: after a layer "
        "was inserted in the block, names belong to other modules. Keep the modules themselves.",
        (_by_name,),
    ),
    Mistake(
        "modes by name, for every name",
        "It looks up a mode for every name that the model has afterwards. A layer inserted in the "
        "block has a name without a mode, and the KeyError leaves the rest in eval mode.",
        (_by_name_strictly,),
    ),
    Mistake(
        "gradients switched off as well",
        "Gradients are switched off in the block. A saliency map or an attack needs gradients in "
        "eval mode. Leave that to the caller.",
        (_no_grad_too,),
    ),
    Mistake(
        "modes by name, looked up in the model",
        "It keeps the modes by name and looks for the modules by name afterwards. In an "
        "nn.Sequential the name is the position: after a layer was inserted in the block, a name "
        "belongs to another module or to none. Keep the modules themselves.",
        (_looked_up,),
    ),
    Mistake(
        "no_grad in place of eval",
        "It switches gradients off and no mode. no_grad is about the graph. Batch norm still uses "
        "the batch and moves its statistics, and dropout still drops.",
        (_no_grad,),
    ),
    Mistake(
        "only batch norm is switched",
        "Only batch norm layers are put into eval mode. Dropout has two modes as well, and so may "
        "any module that someone else wrote.",
        (_only_batch_norm,),
    ),
    Mistake(
        "only the modules that trained",
        "It sets the modules that trained back to training mode and leaves the others. If the block "
        "switched one of the others to training mode, it stays there.",
        (_only_those_that_trained,),
    ),
    Mistake(
        "modes of the call",
        "It notes the modes where evaluating(model) is called. If they change before the block "
        "starts, it restores old ones. Note them in `__enter__`.",
        (_ModesAtTheCall,),
    ),
    Mistake(
        "switched at the call",
        "It switches to eval mode where evaluating(model) is called, whether or not a `with` "
        "follows. Switch in `__enter__`.",
        (_SwitchesAtTheCall,),
    ),
    Mistake(
        "one memory for all blocks",
        "It notes each mode on the module. A second block on the same model, inside the first, "
        "overwrites the note with eval mode, and the outer block restores that. Keep the notes in a "
        "local variable.",
        (_kept_on_the_modules,),
    ),
    Mistake(
        "nothing after `as`",
        "`yield` stands alone, so that `with evaluating(model) as m` gives None. Write `yield model`.",
        (_yields_nothing,),
    ),
    Mistake(
        "a copy is evaluated",
        "It yields a copy in eval mode. The model that the caller holds is still in the mode it was "
        "in, and a copy of a large model costs its memory again.",
        (_yields_a_copy,),
    ),
    Mistake(
        "@contextmanager is missing",
        "Without @contextmanager a function with `yield` makes a generator, which `with` does not "
        "accept.",
        (_no_decorator,),
    ),
    Mistake(
        "returns in place of yields",
        "It returns the model. The function is over before the block starts, and with it the "
        "restoring. `yield` is where the block runs.",
        (_returns,),
    ),
)
