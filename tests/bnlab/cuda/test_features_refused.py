"""What the lab does not have stops with the line and the reason; nothing is guessed."""

import pytest
from features import REFUSED

from bnlab import cuda


@pytest.mark.parametrize("feature", REFUSED, ids=str)
def test_refused_with_its_line(feature):
    arguments = tuple(feature.arguments.values())
    with pytest.raises((cuda.Unsupported, cuda.CompileError)) as stopped:
        cuda.examine(feature.code, "k", (1,), feature.block, arguments)
    error = stopped.value
    assert error.quote == feature.code.splitlines()[error.line - 1].strip()
    if "NVRTC" in cuda.backend():  # clang refuses some of them earlier, in its own words
        assert feature.says in str(error)
        assert error.line == feature.line


def test_nothing_ran_before_it_stopped():
    """What is unknown is found while decoding: the arrays are as they were."""
    grid = next(feature for feature in REFUSED if "whole grid" in feature.name)
    y = grid.arguments["y"].copy()
    with pytest.raises((cuda.Unsupported, cuda.CompileError)):
        cuda.examine(grid.code, "k", (1,), grid.block, (y,))
    assert not y.any()
