"""Builds the book once, from nothing and strictly, for all tests of the site."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Folder of the built HTML; every warning is an error, the execution cache is empty."""
    out = tmp_path_factory.mktemp("book")
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", "--all", "-W", "-n"]
    command += ["--keep-going", "--path-output", str(out), str(ROOT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = (done.stdout + done.stderr)[-6000:]
    reports = sorted((out / "_build" / "html" / "reports").rglob("*.err.log"))
    said += "".join(f"\n--- {r.name}\n{r.read_text()[-3000:]}" for r in reports)
    assert done.returncode == 0, said
    return out / "_build" / "html"
