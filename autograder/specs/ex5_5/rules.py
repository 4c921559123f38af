"""5.5: what a system needs, what a norm has, and what speaks against a choice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# The tests measure this table on PyTorch's layers.
HAS = {
    "BN": {"folds", "re-estimable"},
    "GN": {"sample-wise"},
    "LN": {"sample-wise", "position-wise"},
    "IN": {"sample-wise", "removes style"},
}
PROPERTIES = ("sample-wise", "position-wise", "removes style", "folds", "re-estimable")
NO_NORM = "none"  # the answer where none of them has all that is needed
ENOUGH = 16  # values behind one statistic of BN

System = Mapping[str, Any]


def values_behind_a_statistic(system: System) -> int:
    """m of batch norm: the samples on one worker, times the positions."""
    return system["batch"] // system["workers"] * math.prod(system["size"])


def needs(system: System) -> set[str]:
    """The properties that the facts of a system ask for."""
    found = set()
    if values_behind_a_statistic(system) < ENOUGH or system["one_class_batches"]:
        found.add("sample-wise")
    if system["padded"] or system["causal"]:
        found.add("position-wise")
    for fact, property in (
        ("remove_style", "removes style"),
        ("must_fold", "folds"),
        ("new_sites", "re-estimable"),
    ):
        if system[fact]:
            found.add(property)
    return found


def fitting(system: System) -> list[str]:
    """The norms that have all a system needs, and take nothing away that was not asked for."""
    asked = needs(system)
    return [n for n in HAS if asked <= HAS[n] and (n != "IN" or system["remove_style"])]


def right_norms(system: System) -> list[str]:
    """The norms that fit; NO_NORM where none does."""
    return fitting(system) or [NO_NORM]


def ruled_out(property: str) -> int:
    """How many of the norms lack a property."""
    return sum(property not in has for has in HAS.values())


def deciding(system: System) -> set[str]:
    """Of the properties needed, those that rule out most norms."""
    asked = needs(system)
    most = max(map(ruled_out, asked))
    return {p for p in asked if ruled_out(p) == most}


def objection(system: System, norm: str) -> tuple[str, str]:
    """Why a norm does not fit: a sentence for the learner and what it lacks; "", "" if it fits."""
    if norm == NO_NORM:
        if fitting(system):
            return "Among the four one has all that is needed.", "a norm fits"
        return "", ""
    lacks = sorted(needs(system) - HAS[norm])
    if lacks:
        return " ".join(_sentence(system, norm, p) for p in lacks), "lacks " + ", ".join(lacks)
    if norm == "IN" and not system["remove_style"]:
        says = (
            "IN takes the mean and the spread of every channel of every sample away, and `remove_style` "
            "is False: nobody asked for that. Another norm has all that is needed and keeps them."
        )
        return says, "removes style unasked"
    return "", ""


def _sentence(system: System, norm: str, property: str) -> str:
    if property == "sample-wise":
        if system["one_class_batches"]:
            return "BN learns from statistics of the batch, and a batch holds a single class here: they are the statistics of that class."
        m = values_behind_a_statistic(system)
        return f"Behind one statistic of BN stand {m} values on one worker, fewer than {ENOUGH}."
    if property == "position-wise":
        run = "the whole batch" if norm == "BN" else "the positions of a sequence"
        what = "the padding" if system["padded"] else "what comes later in the sequence"
        return f"The statistics of {norm} run over {run}, so {what} enters them."
    if property == "removes style":
        keeps = {
            "BN": "BN gives all images of a batch the same shift and scale, so what makes an image brighter than the others stays",
            "GN": "GN shares one mean and one variance among the channels of a group, so the difference between two of them stays",
            "LN": "LN shares one mean and one variance among all channels, so the difference between two of them stays",
        }
        return keeps[norm] + "."
    if property == "folds":
        return f"{norm} measures every sample anew, so there is no fixed scale and shift that could be folded."
    return f"{norm} stores no statistics, so there are none to re-estimate at a new site."


def wrong_property(system: System, norm: str, property: str) -> tuple[str, str]:
    """Why a property does not decide for a norm that fits: a sentence and a key; "", "" if it does."""
    if property in deciding(system):
        return "", ""
    if norm != NO_NORM and property not in HAS[norm]:
        return f"{norm} fits, but it is not “{property}”.", "property not of the norm"
    verdict = "It is true that no norm fits" if norm == NO_NORM else f"{norm} fits"
    if property not in needs(system):
        says = f"{verdict}, but this system does not need “{property}”. Which of its facts asks for something?"
        return says, "property not needed"
    says = (
        f"{verdict}, and “{property}” is needed, but another property that this system needs "
        "rules out more of the norms. That one decides."
    )
    return says, "property does not decide"
