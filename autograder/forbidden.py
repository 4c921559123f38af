"""Refuses functions of PyTorch that would solve an exercise in place of the learner."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from torch.overrides import TorchFunctionMode

from autograder.spec import AnswerError

_NORMS = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")
# Modules and torch.nn.functional end in these; the longer names are what lies beneath them.
NORMALISERS = frozenset(
    {*_NORMS, *(f"native_{name}" for name in _NORMS), "_native_batch_norm_legit"}
    | {*(f"native_{name}_backward" for name in _NORMS), "_fused_rms_norm_backward"}
    | {"_batch_norm_impl_index", "cudnn_batch_norm", "miopen_batch_norm", "_fused_rms_norm"}
    | {"_native_batch_norm_legit_functional", "_native_batch_norm_legit_no_training"}
    | {"_batch_norm_with_update", "_batch_norm_with_update_functional", "_batch_norm_no_update"}
)
# torch.autograd.grad, Tensor.backward and what torch.func is made of.
AUTOGRAD = frozenset({"grad", "backward", "vjp", "jacobian"})


class _Refusing(TorchFunctionMode):
    def __init__(self, names: Collection[str], instead: str):
        super().__init__()
        self.names, self.instead, self.refused = names, instead, None

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in self.names:
            says = f"It calls PyTorch's own `{name}`. {self.instead}"
            self.refused = AnswerError(says, kind="Forbidden", slip=self.instead)
            raise self.refused
        return function(*args, **(kwargs or {}))


@contextmanager
def refusing(names: Collection[str], instead: str) -> Iterator[None]:
    """Refuses functions of PyTorch in the body, however they are reached.

    Args:
        names: of functions, such as `NORMALISERS`: a module, torch.nn.functional and torch.ops
            all end in them. The learner's own functions may have the same names.
        instead: a sentence to the learner: what to do.

    Raises:
        AnswerError: one was called, even if the body caught the error. Its kind is "Forbidden",
            and its slip is `instead`, so that one mistake stands for all of the names.
    """
    with _Refusing(names, instead) as mode:
        yield
    if mode.refused:
        raise mode.refused
