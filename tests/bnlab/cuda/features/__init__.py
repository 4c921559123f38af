"""The features of CUDA C++ that the lab has, as data: tests, the comparison with a GPU and the
page about the lab all count and run the same list."""

from features import (
    arithmetic,
    atomics,
    blocks,
    control_flow,
    cooperative,
    global_memory,
    halves,
    language,
    refused,
    storage,
    warp,
    whole_numbers,
)
from features.base import Feature, Refused

FEATURES: list[Feature] = [
    feature
    for module in (
        arithmetic,
        whole_numbers,
        halves,
        storage,
        global_memory,
        warp,
        cooperative,
        blocks,
        atomics,
        language,
        control_flow,
    )
    for feature in module.FEATURES
]
REFUSED: list[Refused] = refused.REFUSED
