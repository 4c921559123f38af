"""A copy of the course to grade in: the repository's own gradebook is never touched."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden.csv")
SEED = "seed-of-the-fixture-class"
# Shorter than in a real class, so that a loop in a cell costs the tests less.
CELL_SECONDS = 6


@dataclass
class Course:
    """A course folder with its commands."""

    root: Path

    def run(self, *command: str, seed: str = SEED) -> subprocess.CompletedProcess:
        """Runs a Python module in the course: `run("nbgrader", "export")`."""
        environment = os.environ | {
            "PYTHONPATH": str(self.root),  # this copy's autograder, in kernels too
            "OMP_NUM_THREADS": "1",
            "BATCHNORM_SECRET_SEED": seed,
        }
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )

    @property
    def gradebook(self) -> Path:
        return self.root / "gradebook"


def copied(root: Path) -> Course:
    """Copies what grading needs to `root`."""
    for folder in ("autograder", "bnlab", "solutions", "exercises"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    settings = (ROOT / "nbgrader_config.py").read_text(encoding="utf8")
    settings += f"\nc.Execute.timeout = {CELL_SECONDS}\n"
    (root / "nbgrader_config.py").write_text(settings, encoding="utf8")
    return Course(root)
