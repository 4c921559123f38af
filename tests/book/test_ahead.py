"""Pages are run on several cores first; what fails or measures time is left to MyST-NB."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PAGE = """---
file_format: mystnb
kernelspec:
  name: python3
{more}---

# {title}

```{{code-cell}} ipython3
{code}
```
"""
PAGES = {
    "index": ("", "print('one', 1 + 1)"),
    "two": ("", "print('two', 2 + 2)"),
    "timed": ("measures_time: true\n", "print('timed', 3 + 3)"),
    "fails": ("", "1 / 0"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The output folder, what Sphinx said, and its warnings."""
    source = tmp_path_factory.mktemp("source")
    out = tmp_path_factory.mktemp("out") / "html"
    (source / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / '_ext')!r})\n"
        "extensions = ['myst_nb', 'bnbook']\n"
        "nb_execution_mode, nb_execution_show_tb = 'cache', True\n"
    )
    for title, (more, code) in PAGES.items():
        text = PAGE.format(more=more, title=title, code=code)
        (source / f"{title}.md").write_text(text)
    command = [sys.executable, "-m", "sphinx", "--no-color", str(source), str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out, done.stdout, done.stderr


def test_pages_run_first_and_come_from_the_cache(built):
    out, said, _ = built
    assert "running the code of 3 pages" in said
    assert re.search(r"\[3 of 3\] \w+, \d+ s", said)
    for page, text in [("index", "one 2"), ("two", "two 4")]:
        assert re.search(rf"{page}.md: Using cached notebook", said)
        assert text in (out / f"{page}.html").read_text(encoding="utf8")


def test_a_page_that_measures_time_runs_alone_later(built):
    out, said, _ = built
    assert re.search(r"timed.md: Executed notebook", said)
    assert said.index("[3 of 3]") < said.index("timed.md: Executed notebook")
    assert "timed 6" in (out / "timed.html").read_text(encoding="utf8")


def test_a_failure_is_reported(built):
    _, said, warnings = built
    assert "fails.md" in warnings and "ZeroDivisionError" in warnings
    assert not re.search(r"fails.md: Using cached notebook", said)
