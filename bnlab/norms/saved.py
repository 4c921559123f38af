"""What autograd keeps between forward and backward, in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Saved:
    """The tensors that were saved while `saving` watched.

    Attributes:
        shapes: of every saved tensor, in order; one that is saved twice is there twice.
    """

    def __init__(self):
        self.shapes: list[tuple[int, ...]] = []
        self._storages: dict[int, torch.UntypedStorage] = {}  # alive, so no address comes twice

    def add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        self.shapes.append(tuple(tensor.shape))
        self._storages[storage.data_ptr()] = storage

    def bytes(self, *free: Tensor) -> int:
        """Bytes of memory behind the saved tensors; memory that two of them share counts once.

        Args:
            free: tensors that are kept anyway, such as parameters; they do not count.
        """
        kept = {tensor.untyped_storage().data_ptr() for tensor in free}
        return sum(s.nbytes() for address, s in self._storages.items() if address not in kept)


@contextmanager
def saving() -> Iterator[Saved]:
    """Records what is saved for a backward pass in its body.

    >>> x = torch.ones(8, requires_grad=True)
    >>> with saving() as saved:
    ...     y = (x**2).exp()
    >>> saved.shapes, saved.bytes()
    ([(8,), (8,)], 64)

    It does not see what an autograd function keeps in other ways, such as `ctx.x = x`.
    """
    saved = Saved()

    def pack(tensor: Tensor) -> Tensor:
        saved.add(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield saved
