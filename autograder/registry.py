"""Finds the exercises: every module `exP_N` of `autograder.specs` defines one."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from autograder import specs
from autograder.spec import Exercise


@cache
def exercises() -> dict[str, Exercise]:
    """All exercises by id, in order."""
    found = {}
    for module in pkgutil.iter_modules(specs.__path__):
        exercise = importlib.import_module(f"{specs.__name__}.{module.name}").EXERCISE
        if exercise.id in found:
            raise ValueError(f"Two specifications have the id {exercise.id}.")
        found[exercise.id] = exercise
    return dict(sorted(found.items(), key=lambda item: [int(n) for n in item[0].split(".")]))


def exercise(id: str) -> Exercise:
    """The exercise with this id.

    Raises:
        LookupError: there is none; the message lists the ids.
    """
    known = exercises()
    if str(id) not in known:
        raise LookupError(f"There is no exercise {id!r}. Exercises: {', '.join(known)}.")
    return known[str(id)]
