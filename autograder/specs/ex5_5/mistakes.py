"""5.5: choices that learners make, and what to tell them."""

from __future__ import annotations

from autograder.spec import Mistake
from autograder.specs.ex5_5.right_ways import by_tables
from autograder.specs.ex5_5.rules import fitting, needs


def seen_as(**facts):
    """The right rules, on a system with some of its facts seen wrongly."""

    def choose(system):
        changed = {k: f(system) if callable(f) else f for k, f in facts.items()}
        seen = system | changed
        return by_tables(served(seen) if fitting(system) else asking(seen))

    return choose


def served(system):
    """A system that at least one norm serves, and that needs something: what a learner's tree
    does not ask about any more goes first, and BN is what remains."""
    for fact in ("must_fold", "new_sites"):
        if not fitting(system):
            system = system | {fact: False}
    return asking(system)


def asking(system):
    """A system that needs something: BN's property where no fact asks."""
    return system if needs(system) else system | {"must_fold": True}


def renamed(norms=None, properties=None, where=lambda system: True):
    """The right rules, with a norm or a property taken for another."""

    def choose(system):
        norm, property = by_tables(system)
        if where(system):
            norm = (norms or {}).get(norm, norm)
            property = (properties or {}).get(property, property)
        return norm, property

    return choose


def _by_data(system):
    """One norm per kind of data."""
    kind = system["data"]
    if kind == "sequences":
        return "LN", "position-wise"
    return ("BN", "folds") if kind == "images" else ("LN", "sample-wise")


def _typical(system):
    """The right norm with the property it is known for."""
    norm, _ = by_tables(system)
    known = {"BN": "folds", "GN": "sample-wise", "LN": "sample-wise", "IN": "removes style"}
    return norm, known.get(norm, "folds")


MISTAKES = (
    Mistake(
        "always BN",
        "It chooses BN for every system. Statistics over the batch need enough values, batches that resemble all of the "
        "data, and positions that may know of each other. Where one of these is missing, another norm has to do it.",
        (lambda system: ("BN", "folds"),),
    ),
    Mistake(
        "always LN",
        "It chooses LN for every system, as in a transformer. LN can neither be folded nor re-estimated, and it keeps "
        "the differences between the channels of an image.",
        (lambda system: ("LN", "position-wise"),),
    ),
    Mistake(
        "always GN",
        "It chooses GN for every system. GN needs no batch, but its statistics run over all positions of a sequence, and it "
        "cannot be folded or re-estimated.",
        (lambda system: ("GN", "sample-wise"),),
    ),
    Mistake(
        "one norm per kind of data",
        "It chooses by the kind of data alone: BN for images, LN for the rest. Look at the facts: what stands behind a "
        "statistic, what enters it, and what has to happen to it later.",
        (_by_data,),
    ),
    Mistake(
        "samples counted instead of values",
        "It takes the number of samples for m. Every position of a map is a value too: m is the samples on one worker "
        "times H·W. Two images of 80 × 80 are plenty.",
        (
            seen_as(
                size=(), must_fold=lambda s: s["must_fold"] and s["batch"] // s["workers"] >= 16
            ),
        ),
    ),
    Mistake(
        "channels counted",
        "It counts the channels among the values behind a statistic. BN has a mean for each channel: m is the samples on one "
        "worker times the positions, whatever the number of channels.",
        (seen_as(size=lambda s: (*s["size"], s["channels"])),),
    ),
    Mistake(
        "workers forgotten",
        "It counts the batch of all workers together. Each worker computes its statistics from its own share: "
        "batch / workers samples.",
        (seen_as(workers=1),),
    ),
    Mistake(
        "size of the batch ignored",
        "It never asks whether there are enough values behind a statistic of BN.",
        (seen_as(batch=lambda s: 64 * s["workers"]),),
    ),
    Mistake(
        "LN for every sequence",
        "It chooses LN for every sequence. Windows of equal length whose positions may know of each other are like images of "
        "one row: BN is right for them, and here the norm has to fold.",
        (
            lambda system: (
                ("LN", "position-wise") if system["data"] == "sequences" else by_tables(system)
            ),
        ),
    ),
    Mistake(
        "padding overlooked",
        "It takes a padded batch of sequences for one without padding. The statistics of BN, GN and IN run over the positions, "
        "and the padding enters them.",
        (seen_as(padded=False),),
    ),
    Mistake(
        "causality overlooked",
        "It lets statistics run over the positions of a causal model. Then an early output depends on later words: in "
        "training the model sees its own answers.",
        (seen_as(causal=False),),
    ),
    Mistake(
        "GN for sequences",
        "It chooses GN for sequences. GN needs no batch, but its mean and variance run over all positions of the "
        "sequence, the padding and the future included.",
        (renamed({"LN": "GN"}, where=lambda s: s["data"] == "sequences"),),
    ),
    Mistake(
        "LN and IN exchanged",
        "LN and IN have changed places. LN takes the channels of one position together; IN takes the positions "
        "of one channel together, and so removes what distinguishes one image's channels from another's.",
        (renamed({"LN": "IN", "IN": "LN"}, where=lambda s: s["data"] != "vectors"),),
    ),
    Mistake(
        "IN against small batches",
        "It chooses IN where BN lacks values. IN needs no batch, but it takes the mean of every channel away, in which the "
        "class may show; on a map of one position nothing is left at all.",
        (renamed({"GN": "IN"}),),
    ),
    Mistake(
        "classes in the batch overlooked",
        "It chooses BN although a batch holds one class. In training the network is then normalised with the statistics "
        "of that class, in eval mode with those of all.",
        (seen_as(one_class_batches=False),),
    ),
    Mistake(
        "style kept",
        "It overlooks that the mean and the contrast of each image have to go. Only IN removes them channel by channel.",
        (seen_as(remove_style=False),),
    ),
    Mistake(
        "folding overlooked",
        "It chooses a norm that needs no batch although the norm must fold. Only BN is a fixed scale and shift in "
        "eval mode; where the batch has enough values, that decides.",
        (
            lambda system: (
                ("GN", "sample-wise")
                if system["must_fold"] and not system["new_sites"]
                else by_tables(system)
            ),
        ),
    ),
    Mistake(
        "a norm where none fits",
        "It names a norm for every system. Where the norm must fold or be re-estimated, only BN is left; if something else rules BN "
        "out, none is, and the answer is “none”. A tree that stops at the first yes does not notice.",
        (lambda system: by_tables(served(system)),),
    ),
    Mistake(
        "folding decides before m is counted",
        "It chooses BN wherever the norm must fold or be re-estimated, and does not ask whether BN can be trained there: whether "
        "enough values stand behind its statistics, and whether padding or later words enter them.",
        (
            lambda system: (
                ("BN", "folds" if system["must_fold"] else "re-estimable")
                if system["must_fold"] or system["new_sites"]
                else by_tables(system)
            ),
        ),
    ),
    Mistake(
        "re-estimation overlooked",
        "It chooses a norm without stored statistics for new sites. BN's can be measured again on unlabelled images there.",
        (renamed({"BN": "GN"}, where=lambda s: s["new_sites"]),),
    ),
    Mistake(
        "property of the norm, not of the system",
        "The norms are right. The property named is the one the norm is known for, not one that this system needs. Ask what in "
        "the facts rules the other norms out.",
        (_typical,),
    ),
    Mistake(
        "not the property that decides",
        "The norms are right. But where a system needs two properties, the one that rules out more norms decides: "
        "“sample-wise” excludes BN alone.",
        (
            renamed(
                properties={"position-wise": "sample-wise", "removes style": "sample-wise"},
                where=lambda s: len(needs(s)) > 1,
            ),
        ),
    ),
)
