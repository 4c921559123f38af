"""`check` copes with any answer and says what is wrong in words a learner can use."""

import sys
import threading

import numpy as np
import pytest

from autograder import check, grade
from autograder.front import MissingSeed, NotPassed
from autograder.judge import judge
from autograder.registry import exercises


def right(x, gamma, beta, eps=1e-5):
    inv_std = 1 / np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) * inv_std
    return gamma * x_hat + beta, {"x_hat": x_hat, "inv_std": inv_std, "gamma": gamma}


def edited(change):
    """The right answer with its result passed through `change(y, cache)`."""

    def forward(x, gamma, beta, eps):
        return change(*right(x, gamma, beta, eps))

    return forward


def raises(error):
    def forward(x, gamma, beta, eps):
        raise error

    return forward


def loops(x, gamma, beta, eps):
    while True:
        pass


def stubborn(x, gamma, beta, eps):
    while True:
        try:
            loops(x, gamma, beta, eps)
        except Exception:
            continue


def in_place(x, gamma, beta, eps):
    result = right(x, gamma, beta, eps)
    x += 1
    return result


ANSWERS = {
    "right": (right, "all 7 cases are right"),
    "None": (None, "`forward` is None, not something that can be called"),
    "an array": (np.zeros(3), "not something that can be called"),
    "returns nothing": (lambda *a: None, "is the return missing?"),
    "returns one array": (edited(lambda y, c: y), "returned one ndarray; expected 2: y, cache"),
    "three values": (edited(lambda y, c: (y, c, 0)), "returned 3 values"),
    "a list as cache": (edited(lambda y, c: (y, [1])), "cache should be a dict, but is list"),
    "an entry missing": (edited(lambda y, c: (y, {"x_hat": y})), "no entry 'inv_std'"),
    "wrong shape": (edited(lambda y, c: (y.T, c)), "float64 array of shape (5, 16)"),
    "text": (edited(lambda y, c: ("no", c)), "`y` is not an array of numbers"),
    "objects": (edited(lambda y, c: (y.astype(object), c)), "`y` is not an array of numbers"),
    "NaN": (edited(lambda y, c: (y * np.nan, c)), "not finite in 80 of 80 places"),
    "one wrong": (
        edited(lambda y, c: (y + (np.arange(y.size).reshape(y.shape) == 3), c)),
        "`y[0, 3]`",
    ),
    "raises": (raises(ValueError("so much wrong")), "It raised ValueError: so much wrong"),
    "stub": (raises(NotImplementedError()), "Not written yet: `forward` still raises"),
    "exit": (raises(SystemExit(0)), "sys.exit()"),
    "endless": (loops, "still running after 2 s"),
    "endless, catches": (stubborn, "still running after 2 s"),
    "in place": (in_place, "changed its input `x` in place"),
    "wrong arguments": (lambda x: x, "It raised TypeError"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_any_answer_gets_a_verdict(name):
    answer, says = ANSWERS[name]
    verdict = check("2.1", answer)
    assert verdict.ok == (name == "right")
    assert says in str(verdict) and "Traceback" not in str(verdict)
    assert verdict.ok or "Read again: Chapter 2.1" in str(verdict)


def test_the_learners_own_line_is_quoted():
    def forward(x, gamma, beta, eps):
        return undefined_name * x  # noqa: F821

    assert "return undefined_name * x" in str(check("2.1", forward))


def test_html_says_the_same_and_escapes():
    verdict = check("2.1", raises(ValueError("<script>alert(1)</script>")))
    html = verdict._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    for words in ("does not pass yet", "Called", "Case", "Problem", "Read again"):
        assert words in html
    assert "✓" in check("2.1", right)._repr_html_()


def test_a_known_mistake_is_named_and_an_unknown_one_is_not():
    known = check("2.1", exercises()["2.1"].mistakes[0].answers[0])
    assert known.mistakes == ("unbiased variance",) and "Looks like:" in str(known)
    unknown = check("2.1", edited(lambda y, c: (y + 0.1, c)))
    assert not unknown.ok and unknown.mistakes == ()


def test_two_independent_slips_are_both_named():
    """A wrong y and a wrong cache entry, each a known mistake."""
    spec = exercises()["2.1"]
    by_name = {m.name: m.answers[0] for m in spec.mistakes}

    def both(x, gamma, beta, eps):
        y, _ = by_name["beta before gamma"](x, gamma, beta, eps)
        _, cache = by_name["y cached as x_hat"](x, gamma, beta, eps)
        return y, cache

    assert set(check("2.1", both).mistakes) == {"beta before gamma", "y cached as x_hat"}


def test_a_limit_holds_in_another_thread():
    """Where no timer signal is to be had: Windows, worker threads."""
    found = []
    thread = threading.Thread(target=lambda: found.append(check("2.1", loops)))
    thread.start()
    thread.join(30)
    assert "still running after 2 s" in str(found[0])


def test_stop_button_passes_through():
    with pytest.raises(KeyboardInterrupt):
        check("2.1", raises(KeyboardInterrupt()))


def test_unknown_exercise_and_wrong_number_of_answers():
    with pytest.raises(LookupError, match=r"no exercise '9\.9'. Exercises: "):
        check("9.9", right)
    with pytest.raises(TypeError, match=r'check\("2\.1", forward\)'):
        check("2.1", right, right)


def test_validate_turns_a_failing_check_into_an_error(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert check("2.1", right).ok
    with pytest.raises(NotPassed, match="does not pass yet"):
        check("2.1", None)


def test_marks_are_points_times_share(monkeypatch):
    monkeypatch.setenv("BATCHNORM_SECRET_SEED", "a long secret")
    spec = exercises()["2.1"]
    assert grade("2.1", right) == spec.points
    assert grade("2.1", None) == 0
    partly = next(m for m in spec.mistakes if m.name == "eps missing").answers[0]
    verdict = judge(spec, (partly,), "a long secret")
    assert grade("2.1", partly) == round(spec.points * verdict.passed / verdict.total, 2)


def test_a_warning_on_stderr_costs_nothing(monkeypatch, capsys):
    """nbgrader counts any text on stderr as a failure."""
    monkeypatch.setenv("BATCHNORM_SECRET_SEED", "a long secret")

    def noisy(x, gamma, beta, eps):
        print("careful", file=sys.stderr)
        np.log(np.zeros(1))
        return right(x, gamma, beta, eps)

    assert grade("2.1", noisy) == exercises()["2.1"].points
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seed, says", [("", "is missing"), ("short", "shorter than 8")])
def test_a_missing_seed_says_what_to_do(monkeypatch, tmp_path, seed, says):
    monkeypatch.setenv("BATCHNORM_SECRET_SEED", seed)
    monkeypatch.setattr("autograder.front.SEED_FILE", tmp_path / ".secret_seed")
    with pytest.raises(MissingSeed, match=says) as error:
        grade("2.1", right)
    assert "BATCHNORM_SECRET_SEED" in str(error.value) and ".secret_seed" in str(error.value)


def test_seeds_draw_different_cases_and_the_same_seed_the_same():
    from autograder.judge import generator

    spec = exercises()["2.1"]
    one, again, other = (spec.cases(generator(s, "2.1"))[0].inputs["x"] for s in ("a", "a", "b"))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
