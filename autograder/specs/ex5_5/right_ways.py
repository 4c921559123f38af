"""5.5: other right ways to choose."""

from __future__ import annotations

import numpy as np

from autograder.specs.ex5_5.rules import HAS, deciding, needs, right_norms


def by_tables(system, prefer=min):
    """The rules as sets: the other answers of this exercise are made from it."""
    return prefer(right_norms(system)), prefer(deciding(system))


def _cascade(system):
    """A tree from the top, after a look at what does not go together."""
    stored = system["must_fold"] or system["new_sites"]
    if stored and needs(system) - {"folds", "re-estimable"}:
        return "none", "folds" if system["must_fold"] else "re-estimable"
    if system["padded"] or system["causal"]:
        return "LN", "position-wise"
    if system["remove_style"]:
        return "IN", "removes style"
    if system["new_sites"]:
        return "BN", "re-estimable"
    if system["must_fold"]:
        return "BN", "folds"
    return "GN", "sample-wise"


def _cascade_from_the_batch(system):
    """The same tree from the other side: may statistics cross the batch?"""
    n = system["batch"] / system["workers"]
    m = n * np.prod(system["size"])
    alone = m < 16 or system["one_class_batches"]
    alone = alone or system["padded"] or system["causal"] or system["remove_style"]
    for fact, property in (("must_fold", "folds"), ("new_sites", "re-estimable")):
        if system[fact]:
            return ["none" if alone else "BN", property]
    if system["data"] == "sequences":
        return ["LN", "position-wise"]
    if system["remove_style"]:
        return ["IN", "removes style"]
    return ["LN", "sample-wise"]


def _matrix(system):
    """A row per norm, a column per property; the norm whose row covers the needs."""
    names = ["IN", "LN", "GN", "BN"]
    columns = ["re-estimable", "folds", "removes style", "position-wise", "sample-wise"]
    table = np.array([[c in HAS[n] for c in columns] for n in names])
    m = system["batch"] // system["workers"]
    for length in system["size"]:
        m *= length
    needed = np.array(
        [
            system["new_sites"],
            system["must_fold"],
            system["remove_style"],
            system["padded"] or system["causal"],
            m < 16 or system["one_class_batches"],
        ]
    )
    fits = (table | ~needed).all(axis=1) & (np.array(names) != "IN") | (
        np.array(names) == "IN"
    ) * system["remove_style"]
    lacking = (~table).sum(axis=0) * needed
    norm = names[fits.argmax()] if fits.any() else "none"
    return norm, columns[lacking.argmax()]


RIGHT_WAYS = {
    "sets, first in the alphabet": (by_tables,),
    "sets, last in the alphabet": (lambda system: by_tables(system, max),),
    "tree from the sequence down": (_cascade,),
    "tree from the batch down, a list": (_cascade_from_the_batch,),
    "a matrix of properties": (_matrix,),
}
