"""The book's own directives and its execution cache, on a small book of their own."""

import io
import os
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from bnbook import cache  # noqa: E402

QUIZ = """# Page

:::{quiz} What is $2 + 2$?
- [ ] 3

  One too few.
- [x] $4$

  Yes.
:::
"""


@pytest.fixture
def build(tmp_path):
    """Builds a page and returns its HTML and the warnings."""

    def run(text):
        source, out = tmp_path / "source", tmp_path / "out"
        source.mkdir(exist_ok=True)
        (source / "conf.py").write_text("extensions = ['myst_parser', 'bnbook']\n")
        (source / "index.md").write_text(text)
        warnings = io.StringIO()
        settings = {"myst_enable_extensions": ["colon_fence", "dollarmath"]}
        app = Sphinx(
            source,
            source,
            out,
            out / "doctrees",
            "html",
            settings,
            status=None,
            warning=warnings,
            freshenv=True,
        )
        app.build(force_all=True)
        page = (out / "index.html").read_text(encoding="utf8")
        # Several applications in one process register the same nodes again.
        said = [w for w in warnings.getvalue().splitlines() if "already registered" not in w]
        return BeautifulSoup(page, "html.parser"), "\n".join(said)

    return run


def test_a_quiz_is_native_html(build):
    page, warnings = build(QUIZ)
    assert not warnings
    wrong, right = page.select(".question.quiz details.answer")
    assert wrong["name"] == right["name"]
    assert "wrong" in wrong["class"] and "right" in right["class"]
    assert right.summary.select(".math") and "[x]" not in page.text
    assert wrong.get_text().strip().endswith("Not quite. One too few.")
    assert "Right. Yes." in right.get_text()
    assert not page.select("details script, .question script")


def test_an_answer_is_revealed_on_demand(build):
    soup, warnings = build("# Page\n\n:::{reveal} What is $2 + 2$?\nIt is *four*.\n:::\n")
    box = soup.select_one("details.reveal")
    assert "What is" in box.summary.text and "four" in box.text and not box.has_attr("open")
    assert not warnings


def test_a_question_without_an_answer_says_so(build):
    _, warnings = build("# Page\n\n:::{reveal} What is 2?\n:::\n")
    assert "the answer is missing" in warnings


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("[x]", "[ ]", "mark a right one"),
        ("- [ ] 3", "- 3", "every answer starts with [ ] or [x]"),
        ("\n\n  One too few.", "", "explanation"),
        ("- [ ] 3\n\n  One too few.\n", "", "two or more answers"),
    ],
)
def test_a_malformed_quiz_says_what_is_wrong(build, old, new, says):
    _, warnings = build(QUIZ.replace(old, new, 1))
    assert says in warnings


def test_an_exercise_shows_its_source_folded(build):
    page, warnings = build("# Page\n\n:::{exercise} 2.1\n:::\n")
    assert not warnings
    section = page.select_one("#exercise-2-1")
    assert "Exercise 2.1 · Forward pass" in section.text
    labels = [s.get_text(strip=True) for s in section.select("details.help > summary")]
    assert labels == ["Hint: the idea", "Hint: a template", "Worked solution"]
    solution = section.select("details.help")[-1].get_text()
    assert "def forward" in solution and "BEGIN SOLUTION" not in solution


@pytest.mark.parametrize("directive", ["exercise", "exercises"])
def test_an_unknown_exercise_says_so(build, directive):
    _, warnings = build(f"# Page\n\n:::{{{directive}}} 9.9\n:::\n")
    assert "There is no exercise 9.9" in warnings


def test_a_changed_package_empties_the_execution_cache(tmp_path):
    """Else a page keeps the output of code that no longer exists."""
    from types import SimpleNamespace

    (tmp_path / "bnlab").mkdir()
    module = tmp_path / "bnlab" / "a.py"
    module.write_text("one = 1")
    stored = tmp_path / "_build" / ".jupyter_cache"
    app = SimpleNamespace(srcdir=str(tmp_path), outdir=str(tmp_path / "_build" / "html"))
    env = SimpleNamespace(found_docs={"index"})
    assert cache.outdated(app, env, (), (), ()) == ["index"]
    stored.mkdir(parents=True)
    assert cache.outdated(app, env, (), (), ()) == [] and stored.exists()
    module.write_text("one = 2")
    assert cache.outdated(app, env, (), (), ()) == ["index"] and not stored.exists()


@pytest.mark.parametrize("before", [None, "0"])
def test_a_build_hides_progress_bars_and_then_leaves_the_setting_as_it_was(
    build, monkeypatch, before
):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if before is not None:
        monkeypatch.setenv("TQDM_DISABLE", before)
    seen = []

    def fingerprint(root):  # called in the middle of a build
        seen.append(os.environ["TQDM_DISABLE"])
        return "now"

    monkeypatch.setattr(cache, "fingerprint", fingerprint)
    build(QUIZ)
    assert seen == ["1"] and os.environ.get("TQDM_DISABLE") == before
