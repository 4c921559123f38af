"""5.5 A norm for a system, with the property that decides."""

from __future__ import annotations

import numpy as np

from autograder.spec import AnswerError, Case, Exercise, returned
from autograder.specs.ex5_5.mistakes import MISTAKES
from autograder.specs.ex5_5.right_ways import RIGHT_WAYS
from autograder.specs.ex5_5.rules import HAS, NO_NORM, PROPERTIES, objection, wrong_property

NOTHING = dict.fromkeys(
    ("padded", "causal", "one_class_batches", "remove_style", "must_fold", "new_sites"), False
)


def cases(rng: np.random.Generator) -> list[Case]:
    def one_of(*values):
        return int(rng.choice(values))

    def case(name, data, batch, size, channels=None, workers=1, **facts):
        channels = channels or one_of(48, 64, 96, 128, 256)
        sizes = dict(data=data, batch=batch, workers=workers, channels=channels, size=size)
        return Case(name, dict(system=sizes | NOTHING | facts))

    def square(*sides):
        side = one_of(*sides)
        return side, side

    few, words = one_of(2, 3, 4), one_of(40, 64, 100)
    return [
        case(
            "classifier for a phone, the norm must cost nothing",
            "images",
            one_of(64, 96, 128),
            square(14, 28),
            must_fold=True,
        ),
        case(
            "large images, few of them, the norm must cost nothing",
            "images",
            few,
            square(56, 80, 112),
            must_fold=True,
        ),
        case("few images, maps of one position", "images", few, (1, 1), channels=512),
        case(
            "a batch spread over many workers",
            "images",
            64,
            (1, 1),
            workers=one_of(16, 32),
        ),
        case(
            "few images, maps of one position, the norm must cost nothing",
            "images",
            few,
            (1, 1),
            must_fold=True,
        ),
        case(
            "cameras of several factories, a batch spread over many workers",
            "images",
            64,
            (1, 1),
            workers=one_of(16, 32),
            new_sites=True,
        ),
        case("few rows of a table with three columns", "vectors", one_of(3, 4), (), channels=3),
        case(
            "wide layers on a table, the norm must cost nothing",
            "vectors",
            one_of(128, 256, 512),
            (),
            must_fold=True,
        ),
        case(
            "images that come class by class",
            "images",
            one_of(32, 64),
            square(14, 28),
            one_class_batches=True,
        ),
        case("sentences of different length", "sequences", one_of(32, 64), (words,), padded=True),
        case(
            "text, written word by word",
            "sequences",
            one_of(32, 64),
            (words,),
            causal=True,
        ),
        case(
            "text, written word by word, the norm must cost nothing",
            "sequences",
            one_of(32, 64),
            (words,),
            causal=True,
            must_fold=True,
        ),
        case(
            "a recurrent network that answers while it listens",
            "sequences",
            1,
            (one_of(8, 10, 12),),
            causal=True,
        ),
        case(
            "long windows of equal length from a sensor, the norm must cost nothing",
            "sequences",
            few,
            (words,),
            must_fold=True,
        ),
        case(
            "a photograph painted in the style of another",
            "images",
            one_of(8, 16),
            square(64, 128),
            remove_style=True,
        ),
        case(
            "photographs sorted by motif, painted in the style of another",
            "images",
            one_of(8, 16),
            square(64, 128),
            remove_style=True,
            one_class_batches=True,
        ),
        case(
            "microscopes of several hospitals",
            "images",
            one_of(32, 64),
            square(14, 28),
            new_sites=True,
        ),
        case(
            "cameras of several factories, the norm must cost nothing",
            "images",
            one_of(32, 64),
            square(14, 28),
            new_sites=True,
            must_fold=True,
        ),
    ]


def call(choose, system):
    norm, property = returned(choose(system), ("norm", "property"), "choose")
    for value, what, known in ((norm, "norm", (*HAS, NO_NORM)), (property, "property", PROPERTIES)):
        if not isinstance(value, str) or value not in known:
            names = ", ".join(map(repr, known))
            raise AnswerError(f"The {what} is {value!r:.60}; expected one of {names}.")
    says, slip = objection(system, norm)
    if slip:
        raise AnswerError(f"It chose {norm}. {says}", kind="WrongNorm", slip=slip)
    says, slip = wrong_property(system, norm, property)
    if slip:
        raise AnswerError(says, kind="WrongProperty", slip=slip)
    return {"fits": np.array(True)}


def reference(system):
    return {"fits": np.array(True)}


def describe(inputs):
    return ", ".join(f"{fact}={value!r}" for fact, value in inputs["system"].items())


EXERCISE = Exercise(
    id="5.5",
    title="A norm for a system",
    answers=("choose",),
    shows="choose(system)",
    minutes=25,
    difficulty="moderate",
    points=5,
    read="Chapter 5.4, section “The properties, measured”",
    cases=cases,
    call=call,
    reference=reference,
    mistakes=MISTAKES,
    right_ways=RIGHT_WAYS,
    describe=describe,
)
