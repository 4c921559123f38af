"""Exercise 6.8: answers that nobody listed, right and wrong, and what their verdicts say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.judge import judge
from autograder.registry import exercise
from autograder.specs.ex6_8.answers import export, p50, parity, write

CASES = {"export": 2, "parity": 4, "p50": 3}


def verdict_on(seed="s", **answers):
    """With the right answer for each function that is not given."""
    right = dict(export=export, parity=parity, p50=p50)
    return judge(exercise("6.8"), tuple((right | answers).values()), seed)


def constant(model, path, example):
    """A file that answers the same, whatever it is asked."""

    class Constant(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1)[:, :2] * 0

    write(Constant().eval(), path, example)


UNLISTED = {
    "export": {
        "nothing": lambda model, path, example: None,
        "no model": lambda model, path, example: Path(path).write_text("model"),
        "a state dict": lambda model, path, example: torch.save(model.state_dict(), path),
        "constant": constant,
    },
    "parity": {
        "nothing": lambda run, model, x: None,
        "zero": lambda run, model, x: 0.0,
        "a tensor of differences": lambda run, model, x: torch.zeros(len(x)),
        "with a tensor": lambda run, model, x: run(x),
        "with another x": lambda run, model, x: run(x.numpy()[:1]),
    },
    "p50": {
        "nothing": lambda run, x, warm_up, repeats, clock: None,
        "without calls": lambda run, x, warm_up, repeats, clock: 0.05,
        "with another x": lambda run, x, warm_up, repeats, clock: run(x.copy()),
        "all times": lambda run, x, warm_up, repeats, clock: [p50(run, x, 0, 1, clock)],
    },
}


@pytest.mark.parametrize("which, name", [(w, n) for w, names in UNLISTED.items() for n in names])
def test_answers_that_are_no_mistake_by_name_fail(which, name):
    verdict = verdict_on(**{which: UNLISTED[which][name]})
    assert len(verdict.failures) == CASES[which]
    named = {"export, nothing": ("program not saved",), "parity, zero": ("NaN hidden",)}
    assert verdict.mistakes == named.get(f"{which}, {name}", ())


@pytest.mark.parametrize(
    "which, name, words",
    [
        ("export", "nothing", "wrote no file at `path`"),
        ("export", "no model", "no model that onnxruntime opens"),
        ("parity", "nothing", "`parity` returned None; expected a number"),
        ("parity", "with a tensor", "run takes an array: x.numpy()"),
        ("parity", "with another x", "another input than x"),
        ("p50", "nothing", "`p50` returned None; expected a number"),
        ("p50", "with another x", "expected the x it was given"),
    ],
)
def test_a_wrong_form_is_told_in_words(which, name, words):
    assert words in str(verdict_on(**{which: UNLISTED[which][name]}))


def test_numbers_of_any_kind_are_numbers():
    def as_tensor(run, model, x):
        return torch.tensor(parity(run, model, x))

    def as_numpy(*arguments):
        return np.float64(p50(*arguments))

    assert verdict_on(parity=as_tensor, p50=as_numpy).ok


def test_the_older_exporter_wakes_frozen_layers():
    """It switches to eval mode by itself, and puts the outermost mode back into all modules."""

    def older(model, path, example):
        axes = {"x": {0: "batch"}}
        torch.onnx.export(
            model, (example,), path, dynamo=False, input_names=["x"], dynamic_axes=axes
        )

    verdict = verdict_on(export=older)
    assert [failure.differences[0].output for failure in verdict.failures] == ["modes afterwards"]
    assert verdict.mistakes == ("one mode for all",)


def test_exporting_says_nothing(capfd):
    def chatty(model, path, example):
        print("hello")
        export.export(model, path, example)

    assert verdict_on(export=chatty).ok
    seen = capfd.readouterr()
    assert not seen.out and not seen.err
