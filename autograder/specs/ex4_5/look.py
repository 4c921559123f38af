"""4.5: what the compiler and PyTorch's dispatcher see of an operator."""

from __future__ import annotations

import itertools
import logging
import re
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from autograder.spec import AnswerError

NAME = "exercise::batch_norm"
PYTORCHS = ("aten", "prims", "prim", "profiler", "inductor")
# What PyTorch says, and what a learner should hear. Its own words hold names of the learner's.
SAYINGS = (
    (
        "no fake impl",
        "The operator `{0}` has no fake kernel. Add one with register_fake.",
        "no fake",
    ),
    (
        "no autograd formula",
        "The operator `{0}` has no gradient. Add one with register_autograd.",
        "no autograd",
    ),
    (
        "must not also be an input",
        "The operator returns one of its inputs. Return a new tensor, or do not return it.",
        "alias",
    ),
    (
        "incorrect number of gradients",
        "The gradient has the wrong number of values: return a tuple, one for each argument, None for eps.",
        "number of gradients",
    ),
    (
        "Could not run",
        "The operator `{0}` has no kernel for tensors on the CPU.",
        "no kernel for the CPU",
    ),
    (
        r"not supported for tensor subclasses|access data pointer|[Dd]ata.dependent|_local_scalar_dense",
        "It looks at the numbers of a tensor that has none: outside of the operators' own kernels only shapes "
        "and dtypes are known when the compiler comes by.",
        "looks at numbers",
    ),
)


@contextmanager
def understood(where: str = "") -> Iterator[None]:
    """Turns PyTorch's errors about operators into the learner's words.

    Args:
        where: what parts mistakes that meet the same error.

    Raises:
        AnswerError: the body raised one of `SAYINGS`. Its slip is the same for all operators.
    """
    logging.disable(logging.CRITICAL)  # the compiler logs what a wrong operator does to it
    try:
        yield
    except AnswerError:
        raise
    except Exception as error:
        text = str(error)
        for pattern, says, slip in SAYINGS:
            if re.search(pattern, text):
                found = re.search(r"\w+(::|\.)batch_norm\w*", text)
                name = _shown(found[0].replace(".", "::") if found else NAME)
                raise AnswerError(
                    says.format(name), kind="Operator", slip=f"{slip} {where}"
                ) from error
        raise
    finally:
        logging.disable(logging.NOTSET)


_DEFINED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_NUMBERS = itertools.count(1)


def defined(define_operator: Callable) -> Callable:
    """The function that a learner's `define_operator` returns, called once and for all cases.

    Every answer gets a name of its own. To define a name again is fine with custom_op, but not
    in PyTorch's other ways: what still holds the old operator can then end the process.

    Raises:
        AnswerError: it returns no function.
    """
    if define_operator not in _DEFINED:
        function = define_operator(f"{NAME}_{next(_NUMBERS)}")
        if not callable(function):
            what = "None (is the return missing?)" if function is None else type(function).__name__
            raise AnswerError(f"define_operator returned {what}; expected the function batch_norm.")
        _DEFINED[define_operator] = function
    return _DEFINED[define_operator]


def _shown(name: str) -> str:
    """The name without the number that `defined` gave it."""
    return re.sub(rf"({NAME})_\d+", r"\1", name)


@dataclass(frozen=True)
class Called:
    """A call of an operator: which, with what, and what came of it."""

    operator: Any
    args: tuple
    outputs: Any

    @property
    def own(self) -> bool:
        """Whether it is none of PyTorch's."""
        return self.operator.namespace not in PYTORCHS


class _Recorder(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls: list[Called] = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        outputs = operator(*args, **(kwargs or {}))
        self.calls.append(Called(operator, args, outputs))
        return outputs


@contextmanager
def operators() -> Iterator[list[Called]]:
    """Records every operator that is called in the body, forward and backward."""
    with _Recorder() as recorder:
        yield recorder.calls


def fakes_are_right(function: Callable, called: list[Called], leaves: list, eps: float) -> None:
    """Compares what each operator says without data with what it did, then runs all of it so.

    Raises:
        AnswerError: an output has another shape or dtype, or another number of outputs.
    """
    from torch._subclasses import FakeTensorMode  # here: the compiler's parts load slowly

    for number, call in enumerate(call for call in called if call.own):
        with understood(f"in operator {number}"):
            _compare(call, FakeTensorMode())
    with FakeTensorMode() as mode:
        with understood("in the function"):
            y = function(*(mode.from_tensor(leaf) for leaf in leaves), eps)
        with understood("in the gradient"):
            y.sum().backward()


def _compare(call: Called, mode) -> None:
    def fake_of(argument):
        return mode.from_tensor(argument).detach() if torch.is_tensor(argument) else argument

    with mode:
        fakes = tree_leaves(call.operator(*tree_map(fake_of, call.args)))
    reals, name = tree_leaves(call.outputs), _shown(call.operator.name())
    if len(fakes) != len(reals):
        says = (
            f"The fake kernel of `{name}` returns {len(fakes)} tensors, the operator {len(reals)}."
        )
        raise AnswerError(says, kind="Fake", slip="number of outputs")
    for number, (fake, real) in enumerate(zip(fakes, reals, strict=True)):
        for what in ("shape", "dtype"):
            said, was = getattr(fake, what), getattr(real, what)
            if said != was:
                said, was = (tuple(v) if what == "shape" else v for v in (said, was))
                says = (
                    f"The fake kernel of `{name}` says that output {number} has {what} {said}; "
                    f"it has {what} {was}."
                )
                like = [
                    n
                    for n, other in enumerate(reals)
                    if getattr(other, what) == getattr(fake, what)
                ]
                raise AnswerError(says, kind="Fake", slip=f"fake {what} {number}, as of {like}")


@contextmanager
def compiled(function: Callable, training: bool, dynamic: bool) -> Iterator[tuple]:
    """A compiled function, and the list of graphs that the compiler makes of it.

    Args:
        training: compile the backward pass too; there is a graph for each direction.
        dynamic: let one graph serve all sizes.
    """
    import torch._dynamo
    from torch._dynamo.backends.common import aot_autograd

    graphs = []

    def keep(graph, examples):
        graphs.append(graph)
        return graph.forward

    def boxed(graph, examples):
        from functorch.compile import make_boxed_func

        return make_boxed_func(keep(graph, examples))

    backend = aot_autograd(fw_compiler=boxed, bw_compiler=boxed) if training else keep
    torch._dynamo.reset()
    try:
        yield torch.compile(function, backend=backend, dynamic=dynamic), graphs
    finally:
        torch._dynamo.reset()
