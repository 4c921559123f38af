"""The learners' notebooks: generated, byte-identical, without leaks, and friendly when unsolved."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.release import generate, leaks
from autograder.source import SourceError, read, sources

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    for folder in ("solutions", "exercises"):
        (root / folder).mkdir()
    for path in sources(ROOT):
        target = root / "solutions" / path.stem
        target.mkdir()
        shutil.copy(path, target)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    generate(root)
    return root


def committed(folder):
    found = {
        p.relative_to(ROOT): p
        for p in (ROOT / folder).rglob("*.ipynb")
        if ".ipynb_checkpoints" not in p.parts
    }
    assert found, f"no notebooks in {folder}/"
    return found


@pytest.mark.parametrize("folder", ["solutions", "exercises"])
def test_regeneration_is_byte_identical(regenerated, folder):
    wanted = committed(folder)
    made = {p.relative_to(regenerated) for p in (regenerated / folder).rglob("*.ipynb")}
    assert made == set(wanted)
    for relative, path in wanted.items():
        assert (regenerated / relative).read_bytes() == path.read_bytes(), (
            f"{relative}: run make exercises"
        )


def test_nothing_leaks():
    assert leaks(ROOT) == []


@pytest.mark.parametrize(
    "planted",
    ["    x_hat = centred * inv_std\n", "### BEGIN HIDDEN TESTS\n", "grade('2.1', forward)\n"],
)
def test_a_planted_leak_is_found(regenerated, planted, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(regenerated, root)
    path = root / "exercises" / "02-numpy" / "02-numpy.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(c for c in notebook.cells if c.cell_type == "code")
    cell.source += "\n" + planted
    nbformat.write(notebook, path)
    assert leaks(root)


def test_a_line_that_one_task_gives_away_may_not_answer_another(regenerated, tmp_path):
    """Exercise 3.2 gives a kernel with a line that the solution of 3.4 has as well."""
    line = "squares += d * d;"
    root = tmp_path / "course"
    shutil.copytree(regenerated, root)
    path = root / "exercises" / "03-cuda" / "03-cuda.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert any(line in cell.source for cell in notebook.cells) and not leaks(root)
    stub = next(c for c in notebook.cells if c.get("id") == "ex3-4-answer")
    stub.source += "\n" + line
    nbformat.write(notebook, path)
    assert any(line in leak for leak in leaks(root))


def test_a_planted_source_file_is_found(regenerated, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(regenerated, root)
    shutil.copy(root / "solutions/02-numpy/02-numpy.md", root / "exercises/02-numpy/")
    assert any("no notebook" in leak for leak in leaks(root))


def test_nothing_to_scan_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="no source"):
        leaks(tmp_path)
    with pytest.raises(RuntimeError, match="no source"):
        generate(tmp_path)


def test_a_source_without_a_hint_is_refused(tmp_path):
    text = (ROOT / "solutions/02-numpy/02-numpy.md").read_text()
    broken = tmp_path / "broken.md"
    broken.write_text(text.replace('+++ {"tags": ["hint"]}', "+++", 1))
    with pytest.raises(SourceError, match="has no hint"):
        read(broken)


@pytest.mark.parametrize("path", sources(ROOT), ids=lambda p: p.stem)
def test_the_unsolved_release_runs_and_says_so(path, tmp_path):
    """Top to bottom without an error; every check says that the answer is not written yet."""
    notebook = nbformat.read(ROOT / "exercises" / path.stem / f"{path.stem}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    checks = [c for c in notebook.cells if c.cell_type == "code" and c.source.startswith("check(")]
    assert len(checks) == len(read(path)[1])
    for cell in checks:
        (output,) = (o for o in cell.outputs if o.output_type != "stream")  # a progress bar
        assert "Not written yet" in output["data"]["text/plain"]
        assert "Not written yet" in output["data"]["text/html"]
