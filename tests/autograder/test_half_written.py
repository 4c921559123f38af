"""An exercise with two answers says something useful when one of them is not written yet."""

from autograder import check
from autograder.registry import exercise


def stub(*inputs):
    raise NotImplementedError


def test_a_right_first_half_is_not_called_wrong():
    running_weights = exercise("1.3").right_ways["simulated and counted"][0]
    first = check("1.3", running_weights, stub).failures[0]
    assert [d.output for d in first.differences] == ["steps_to_forget"]


def test_a_mistake_in_the_first_half_is_named():
    mistake = next(m for m in exercise("1.3").mistakes if m.name == "newest first")
    assert check("1.3", mistake.answers[0], stub).mistakes == ("newest first",)


def test_two_stubs_are_not_written_yet():
    assert "Not written yet" in str(check("1.3", stub, stub))
