"""Only a mark that the grader gave counts, and words say what happened otherwise."""

import pytest
from cells import KNOWN
from fixture_class import FIRST
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from autograder import front
from autograder.classroom.feedback import clean
from autograder.classroom.marks import facts_of
from autograder.classroom.outcome import describe
from autograder.classroom.table import Line, summary
from autograder.front import MARKS_TYPE
from autograder.mutation import answers_from
from autograder.source import written_exercises


def check_cell(*outputs, points=4.0):
    made = new_code_cell("", metadata=KNOWN["ex2-1-check"].metadata, outputs=list(outputs))
    made.metadata.nbgrader.points = points
    return made


def marked(points=4.0, exercise="2.1", kind="execute_result", **facts):
    data = {
        "exercise": exercise,
        "points": points,
        "passed": 7,
        "total": 7,
        "mistakes": [],
        "kinds": [],
    }
    return new_output(kind, data={"text/plain": "4.0", MARKS_TYPE: data | facts})


def error(name):
    return new_output("error", ename=name, evalue="", traceback=[])


def test_a_mark_of_the_grader_counts():
    assert facts_of(check_cell(marked(1.71)))["points"] == 1.71
    noise = new_output("stream", name="stderr", text="a warning")
    assert facts_of(check_cell(noise, marked(4), noise))["points"] == 4


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [new_output("stream", name="stdout", text="4.0")],
        [new_output("execute_result", data={"text/plain": "4.0"})],
        [marked(kind="display_data")],
        [marked(5.0)],
        [marked(-1.0)],
        [marked(float("nan"))],
        [marked("4.0")],
        [marked(exercise="2.2")],
        [marked(), error("NameError")],
        [new_output("execute_result", data={MARKS_TYPE: "4.0"})],
    ],
    ids=[
        "nothing",
        "print",
        "number",
        "display",
        "above",
        "below",
        "nan",
        "text",
        "other",
        "error",
        "no facts",
    ],
)
def test_nothing_else_does(outputs):
    assert facts_of(check_cell(*outputs)) == {}


def test_the_grader_reports_what_a_mark_needs(monkeypatch):
    monkeypatch.setenv(front.SEED_VARIABLE, "a seed for this test")
    answer = answers_from(written_exercises()[FIRST].solution, ["forward"])
    bundle = front.grade(FIRST, *answer)._repr_mimebundle_()
    assert float(bundle["text/plain"]) == bundle[MARKS_TYPE]["points"] == 4
    assert "passes" in bundle["text/html"]


def graded(*outputs, answer=(), other=(), repairs=()):
    made = new_notebook(
        cells=[
            new_code_cell("", metadata=KNOWN["ex2-1-answer"].metadata, outputs=list(answer)),
            check_cell(*outputs),
            new_code_cell("", outputs=list(other)),
        ]
    )
    made.metadata["batchnorm-inside-out"] = NotebookNode(repairs=list(repairs))
    return describe(made).words


def test_words_for_what_happened():
    none = dict(points=0.0, passed=0)
    assert graded(marked()) == "graded"
    assert graded(marked(**none, kinds=["NotImplementedError"])) == "blank"
    assert graded(marked(**none, kinds=["TimeLimit"])) == "2.1: endless loop in the answer, stopped"
    assert graded(marked(**none, mistakes=["eps missing"])) == "2.1: looks like “eps missing”"
    assert graded(marked(**none, kinds=["ValueError"])) == "2.1: raises ValueError"
    assert graded(marked(points=2.0, passed=4)) == "2.1: wrong in 3 of 7 cases"
    assert (
        graded(error("NameError"), answer=[error("SyntaxError")])
        == "2.1: syntax error in the answer"
    )
    assert graded(error("NameError")) == "2.1: the answer is missing"
    assert graded(error("PythonEnded")) == "2.1: the answer ended Python"
    assert graded() == "2.1: the check gave no verdict"
    assert graded(marked(), other=[error("PythonEnded")]) == "another cell ended Python"
    assert graded(error("MissingSeed")) == "not graded: the secret seed was out of reach"
    assert graded(error("CompilerMissing")).startswith("not graded: no compiler")
    faults = ["ValueError", "out of bounds: a load of global memory"]
    said = "2.1: out of bounds: a load of global memory, raises ValueError"
    assert graded(marked(**none, kinds=faults)) == said
    assert graded(marked(**none, kinds=["CompileError"])) == "2.1: does not compile"
    blank = graded(
        marked(**none, kinds=["NotImplementedError"]), repairs=[["2.1", "check cell was edited"]]
    )
    assert blank == "blank; 2.1: check cell was edited"


def test_the_table_fits_its_width_and_loses_no_word():
    words = "2.1, 2.2: looks like “eps missing”; " * 5
    lines = [
        Line("ada", "02-numpy", {"2.1": 4.0, "2.2": 1.71}, words),
        Line("tom", "02-numpy", {}, "not graded"),
    ]
    text = summary(lines, {"02-numpy": {"2.1": 4.0, "2.2": 6.0}}, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert " ".join(text.split()).count("eps missing") == 5
    assert "5.71" in text and "out of" in text
    assert [line.split()[1:4] for line in text.splitlines() if line.startswith("tom")] == [
        ["-", "-", "-"]
    ]


def test_feedback_is_cleaned_but_keeps_the_verdict():
    shown = clean("<table><tr><th scope='row' style='text-align:left'>a</th></tr></table>")
    assert "<th" in shown and "text-align" in shown and "<table>" in shown
    for bad in (
        "<script>x</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>a</a>",
        "<p onclick='x'>a</p>",
        "<iframe src='//evil'></iframe>",
        "<div style='position:fixed;background:url(//evil)'>a</div>",
    ):
        made = clean(bad)
        assert "<script" not in made and "<img" not in made and "<iframe" not in made
        assert (
            "javascript:" not in made
            and "onclick" not in made
            and "position" not in made
            and "url(" not in made
        )
