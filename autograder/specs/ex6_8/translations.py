"""6.8 Export: makes PyTorch's table of ONNX translations once, and not for each export anew.

It is most of the time of exporting a small model. The class is private to PyTorch: where a version
lacks it, or builds it otherwise, exports go without the short cut. They take longer and write the
same file.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

MODULE, CLASS, MAKER = (
    "torch.onnx._internal.exporter._registration",
    "ONNXRegistry",
    "from_torchlib",
)


@contextlib.contextmanager
def one_table() -> Iterator[None]:
    """In the body, each export gets a copy of one table."""
    try:
        # Not at the top: it takes a second, and other exercises are imported with this one.
        owner = getattr(importlib.import_module(MODULE), CLASS)
        make = getattr(owner, MAKER)
    except (ImportError, AttributeError):
        yield
        return
    with mock.patch.object(owner, MAKER, staticmethod(functools.partial(_own_copy, make))):
        yield


def _own_copy(make: Callable, *options: Any, **named: Any) -> Any:
    """What `make` returns, or a copy of what it returned before.

    A copy, since an export with translations of its own writes them into the table, and the next
    answer must not find them there.
    """
    try:
        known = _made(make, *options, **named)
        table = copy.copy(known)
        table.functions = {target: list(ways) for target, ways in known.functions.items()}
    except (AttributeError, TypeError):
        return make(*options, **named)
    return table


_made = functools.cache(lambda make, *options, **named: make(*options, **named))
