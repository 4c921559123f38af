"""6.1 Modes: right answers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager


@contextmanager
def _pairs(model):
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, mode in before:
            module.training = mode


class _Class:
    """Enters and exits by hand."""

    def __init__(self, model):
        self.model = model

    def __enter__(self):
        self.before = {module: module.training for module in self.model.modules()}
        return self.model.eval()

    def __exit__(self, *error):
        for module, mode in self.before.items():
            module.training = mode


@contextmanager
def _names(model):
    """A dict by name that holds the modules too; nothing is looked up afterwards."""
    before = {name: (module, module.training) for name, module in model.named_modules()}
    model.train(False)
    try:
        yield model
    finally:
        for module, mode in before.values():
            object.__setattr__(module, "training", mode)


@contextmanager
def _stack(model):
    """A callback a module."""
    with ExitStack() as stack:
        for module in model.modules():
            stack.callback(setattr, module, "training", module.training)
            module.training = False
        yield model


@contextmanager
def _sets(model):
    """Two sets of modules: those that trained, and the others."""
    everything = set(model.modules())
    trained = {module for module in everything if module.training}
    model.eval()
    try:
        yield model
    except BaseException:
        raise
    finally:
        for module in everything:
            module.training = module in trained


@contextmanager
def _tree(model):
    """The modes as a tree, by recursion."""

    def tree(module):
        return module, module.training, [tree(child) for child in module.children()]

    def restore(node):
        module, mode, children = node
        module.training = mode
        for child in children:
            restore(child)

    before = tree(model)
    model.apply(lambda module: setattr(module, "training", False))
    try:
        yield model
    finally:
        restore(before)


RIGHT_WAYS = {
    "pairs of module and mode": (_pairs,),
    "a class": (_Class,),
    "names with their modules": (_names,),
    "a stack of callbacks": (_stack,),
    "two sets": (_sets,),
    "a tree": (_tree,),
}
