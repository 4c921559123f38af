"""The examples in the tasks are what the worked solutions print."""

import doctest
import re

import numpy as np
import pytest

from autograder.mutation import answers_from
from autograder.registry import exercises
from autograder.source import written_exercises

BLOCK = re.compile(r"```python\n(>>> .*?)```", re.DOTALL)
EXAMPLES = {id: "".join(BLOCK.findall(w.task)) for id, w in written_exercises().items()}
WITH_EXAMPLES = [id for id, text in EXAMPLES.items() if text]


def run(text, written):
    names = exercises()[written.id].answers
    answers = answers_from(written.solution, names)
    scope = {"np": np, **dict(zip(names, answers, strict=True))}
    test = doctest.DocTestParser().get_doctest(text, scope, written.id, None, None)
    report = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return result, "".join(report)


@pytest.mark.parametrize("id", WITH_EXAMPLES)
def test_the_example_in_a_task_is_what_the_solution_prints(id):
    result, report = run(EXAMPLES[id], written_exercises()[id])
    assert result.attempted and not result.failed, report


def test_every_exercise_of_part_1_has_an_example():
    assert {id for id in EXAMPLES if id.startswith("1.")} <= set(WITH_EXAMPLES)
    assert len(WITH_EXAMPLES) >= 6


def test_a_planted_wrong_example_is_caught():
    text = EXAMPLES["1.1"].replace("3.0 3.5", "3.0 3.6")
    assert text != EXAMPLES["1.1"]
    result, report = run(text, written_exercises()["1.1"])
    assert result.failed == 1 and "3.6" in report
