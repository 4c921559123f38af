"""Every grader rejects every known mistake by name and accepts every right way."""

import pytest

from autograder.mutation import answers_from, score
from autograder.regions import GIVEN, STUB, STUB_IN_C
from autograder.registry import exercises
from autograder.source import written_exercises

SEEDS = [f"mutation {n}" for n in range(20)]
QUICK = 2.0  # seconds that an ordinary check may take


def how_many(id):
    """By what a seed costs: milliseconds in NumPy, a second or more with modules of PyTorch,
    several in the CUDA lab or with training. The long run takes many more."""
    exercise = exercises()[id]
    if exercise.accepts is not None or exercise.seconds > QUICK:
        return 2
    return 20 if id.split(".")[0] in ("1", "2") else 3


def test_there_is_something_to_score():
    assert exercises() and exercises().keys() == written_exercises().keys()


@pytest.mark.parametrize("id", exercises())
def test_mutation_score_is_100_percent(id):
    exercise = exercises()[id]
    seeds = SEEDS[: how_many(id)]
    result = score(exercise, written_exercises()[id], seeds)
    assert not result.problems, "\n".join(result.problems[:5])
    assert result.percent == 100
    assert result.judged == len(seeds) * (2 + len(exercise.right_ways) + len(exercise.mistakes))


@pytest.mark.slow
@pytest.mark.parametrize("id", exercises())
def test_mutation_score_holds_with_many_more_seeds(id):
    many = range(200 if how_many(id) == 20 else 50)
    result = score(exercises()[id], written_exercises()[id], [f"more {n}" for n in many])
    assert not result.problems, "\n".join(result.problems[:5])


def test_there_are_as_many_mistakes_as_promised():
    assert len(exercises()) >= 13
    assert sum(len(e.mistakes) for e in exercises().values()) >= 80


@pytest.mark.parametrize("id", exercises())
def test_the_contract_of_an_exercise(id):
    exercise = exercises()[id]
    assert len(exercise.mistakes) >= 6
    assert len({m.name for m in exercise.mistakes}) == len(exercise.mistakes)
    assert all(len(m.says) > 20 for m in exercise.mistakes)
    assert len(exercise.right_ways) >= 3
    for answers in [m.answers for m in exercise.mistakes] + list(exercise.right_ways.values()):
        assert len(answers) == len(exercise.answers)


def test_a_planted_weak_grader_is_caught():
    """A grader without the small-scale case cannot see eps: the score must say so."""
    from dataclasses import replace

    strong = exercises()["2.1"]
    weak = replace(strong, cases=lambda rng: strong.cases(rng)[:1])
    result = score(weak, written_exercises()["2.1"], SEEDS[:1])
    assert result.percent < 100 and result.problems


def test_a_planted_wrong_solution_is_caught():
    written = written_exercises()["2.1"]
    written.parts["answer"] = written.parts["answer"].replace("+ eps", "")
    result = score(exercises()["2.1"], written, SEEDS[:1])
    assert any("worked solution" in p for p in result.problems)


def test_the_stub_has_no_solution():
    for written in written_exercises().values():
        stub = written.stub
        answers_from(stub, exercises()[written.id].answers)
        assert "### " not in stub and stub != written.solution
        mark = STUB_IN_C if STUB_IN_C in stub else STUB
        assert mark in stub or GIVEN in written.parts["answer"]
